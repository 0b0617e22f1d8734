/**
 * A first-in first-out queue with access by position, in one array used as a ring.
 * Invariant: the items are in the order of their pushes; every operation is O(1), growth amortised.
 * Bound: `itemsMax` items; the array doubles towards it, so that a large bound costs nothing until used.
 */

export interface Ring<Item> {
  readonly length: number;
  /** False, and nothing changed, when the ring is full. */
  push(item: Item): boolean;
  /** The oldest item, taken out; `undefined` when there is none. */
  shift(): Item | undefined;
  /** The item that is `index` behind the oldest one. */
  at(index: number): Item | undefined;
  clear(): void;
}

const slotsMin = 16;

export function createRing<Item>(itemsMax: number): Ring<Item> {
  let slots: (Item | undefined)[] = new Array<Item | undefined>(slotsMin);
  let head = 0;
  let length = 0;

  return {
    get length() {
      return length;
    },
    push(item) {
      if (length >= itemsMax) return false;
      if (length === slots.length) grow();
      slots[(head + length) % slots.length] = item;
      length++;
      return true;
    },
    shift() {
      if (length === 0) return undefined;
      const item = slots[head];
      slots[head] = undefined;
      head = (head + 1) % slots.length;
      length--;
      return item;
    },
    at(index) {
      return index >= 0 && index < length ? slots[(head + index) % slots.length] : undefined;
    },
    clear() {
      slots = new Array<Item | undefined>(slotsMin);
      head = 0;
      length = 0;
    },
  };

  function grow(): void {
    const larger = new Array<Item | undefined>(slots.length * 2);
    for (let index = 0; index < length; index++)
      larger[index] = slots[(head + index) % slots.length];
    slots = larger;
    head = 0;
  }
}
