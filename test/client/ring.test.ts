import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRing, type Ring } from '../../src/client/ring.ts';

describe('ring', () => {
  it('does what an array does, up to its bound', () => {
    const actions = fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.constant('push' as const) },
        { weight: 4, arbitrary: fc.constant('shift' as const) },
        { weight: 1, arbitrary: fc.constant('clear' as const) },
      ),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70 }), actions, (itemsMax, steps) => {
        const ring = createRing<number>(itemsMax);
        const model: number[] = [];
        let next = 0;
        for (const step of steps) {
          expect(play(step, ring, ++next)).toEqual(playModel(step, model, next, itemsMax));
          expect(ring.length).toBe(model.length);
          expect(Array.from({ length: ring.length }, (_, index) => ring.at(index))).toEqual(model);
          expect(ring.at(-1)).toBeUndefined();
          expect(ring.at(ring.length)).toBeUndefined();
        }
      }),
    );
  });
});

type Step = 'push' | 'shift' | 'clear';

function play(step: Step, ring: Ring<number>, item: number): unknown {
  if (step === 'push') return ring.push(item);
  return step === 'shift' ? ring.shift() : ring.clear();
}

function playModel(step: Step, model: number[], item: number, itemsMax: number): unknown {
  if (step === 'shift') return model.shift();
  if (step === 'clear') {
    model.length = 0;
    return undefined;
  }
  if (model.length < itemsMax) return model.push(item) > 0;
  return false;
}
