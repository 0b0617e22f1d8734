/**
 * Frames of a subscriber decoded once: the engine sends the same bytes to everyone who keeps up with a topic,
 * so a frame that is byte for byte one that was read already is not decoded again.
 * Invariant: what a reader is told is what its own bytes say; equal bytes are the only short cut.
 * Bound: the last `framesKept` frames, and a short text for each fix that another stood for. Comparing costs 0.1 us a frame, decoding 40 positions some 40.
 */
import { parseMessagePack } from '../src/wire/messagepack.ts';
import { frameTypes } from '../src/wire/types.ts';
import { vehicleNumber, type FleetPlan } from './fleetplan.ts';

/** Positions as columns: readers walk them hundreds of thousands of times a second. */
export interface Positions {
  readonly length: number;
  readonly vehicles: Int32Array;
  readonly steps: Int32Array;
  readonly timesMs: Float64Array;
  readonly counts: Int32Array;
}

export type Content =
  | { readonly kind: 'positions'; readonly positions: Positions }
  | { readonly kind: 'left'; readonly vehicles: readonly number[] }
  /** An event that tells a state, such as the summary of the fleet. */
  | { readonly kind: 'state' }
  | { readonly kind: 'conflated'; readonly skipped: number }
  | { readonly kind: 'answer'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly kind: 'hello' }
  | { readonly kind: 'other'; readonly text: string };

/** A frame at its place in the order in which frames were first seen. */
export interface BookFrame {
  readonly place: number;
  readonly content: Content;
}

export interface FrameBook {
  readonly decoded: number;
  readonly shared: number;
  /** A newer fix of the vehicle was in the same tick, and its position stood for this one too. */
  isStoodFor(vehicle: number, step: number): boolean;
  /** `bytes` are lent; `after` is the place of the frame that this reader read before. */
  read(bytes: Buffer, after: number): BookFrame;
}

interface Kept extends BookFrame {
  readonly bytes: Buffer;
}

const framesKept = 512;

export function createFrameBook(plan: FleetPlan): FrameBook {
  const kept: Kept[] = [];
  let decoded = 0;
  let shared = 0;
  /** `<vehicle>/<step>`; none, but where the engine stood still for as long as an interval. */
  const stoodFor = new Set<string>();

  function note(content: Content): void {
    if (content.kind !== 'positions') return;
    const { length, vehicles, steps, counts } = content.positions;
    for (let index = 0; index < length; index++) {
      const step = steps[index] as number;
      for (let behind = 1; behind < (counts[index] as number); behind++) {
        stoodFor.add(`${vehicles[index]}/${step - behind}`);
      }
    }
  }

  function find(bytes: Buffer, after: number): Kept | null {
    const next = kept[(after + 1) % framesKept];
    if (next?.place === after + 1 && next.bytes.equals(bytes)) return next;
    // Off the common order: it has lagged, or frames of other readers lie between.
    for (let back = decoded - 1; back >= Math.max(0, decoded - framesKept); back--) {
      const candidate = kept[back % framesKept];
      if (candidate?.bytes.equals(bytes) === true) return candidate;
    }
    return null;
  }

  return {
    get decoded() {
      return decoded;
    },
    get shared() {
      return shared;
    },
    isStoodFor: (vehicle, step) => stoodFor.has(`${vehicle}/${step}`),
    read(bytes, after) {
      const found = find(bytes, after);
      if (found !== null) {
        shared += 1;
        return found;
      }
      const frame = {
        place: decoded,
        content: readContent(bytes, plan),
        bytes: Buffer.from(bytes),
      };
      note(frame.content);
      kept[decoded % framesKept] = frame;
      decoded += 1;
      return frame;
    },
  };
}

export function readContent(bytes: Buffer, plan: FleetPlan): Content {
  const parsed = parseMessagePack(bytes);
  const frame = 'value' in parsed && Array.isArray(parsed.value) ? parsed.value : [];
  const [type, , third, fourth, fifth] = frame as unknown[];
  switch (type) {
    case frameTypes.subscriberHello:
      return { kind: 'hello' };
    case frameTypes.success:
      return { kind: 'answer', result: third as Readonly<Record<string, unknown>> };
    case frameTypes.livePositions:
      return { kind: 'positions', positions: readPositions(third, plan) };
    case frameTypes.conflated:
      return { kind: 'conflated', skipped: (third as { readonly skipped: number }).skipped };
    case frameTypes.event:
      if (fourth !== 'left') return { kind: 'state' };
      return { kind: 'left', vehicles: (fifth as readonly string[]).map(vehicleNumber) };
    default:
      break;
  }
  return { kind: 'other', text: JSON.stringify(frame) };
}

/** Throws for a position that the plan does not have: a wrong place, time or vehicle is a defect. */
export function readPositions(value: unknown, plan: FleetPlan): Positions {
  const list = value as readonly (readonly unknown[])[];
  const { length } = list;
  const positions = {
    length,
    vehicles: new Int32Array(length),
    steps: new Int32Array(length),
    timesMs: new Float64Array(length),
    counts: new Int32Array(length),
  };
  for (const [index, position] of list.entries()) {
    const vehicle = vehicleNumber(String(position[0]));
    const timeMs = Number(position[1]);
    const step = plan.stepOf(vehicle, timeMs);
    if (!Number.isInteger(step)) throw new Error(`not of the plan: ${JSON.stringify(position)}`);
    const { latE7, lonE7 } = plan.place(vehicle, step);
    if (position[2] !== latE7 || position[3] !== lonE7) {
      throw new Error(`at another place than it was sent: ${JSON.stringify(position)}`);
    }
    positions.vehicles[index] = vehicle;
    positions.steps[index] = step;
    positions.timesMs[index] = timeMs;
    positions.counts[index] = Number(position[11]);
  }
  return positions;
}
