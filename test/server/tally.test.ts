import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createTally } from '../../src/server/tally.ts';

it('counts as a list of the names would, and holds no name that has none', () => {
  const steps = fc.array(fc.record({ isAdd: fc.boolean(), name: fc.constantFrom('a', 'b', 'c') }));
  fc.assert(
    fc.property(steps, (taken) => {
      const tally = createTally();
      const model: string[] = [];
      for (const { isAdd, name } of taken) {
        if (isAdd) {
          tally.add(name);
          model.push(name);
        } else if (model.includes(name)) {
          tally.remove(name);
          model.splice(model.indexOf(name), 1);
        } else {
          expect(() => tally.remove(name)).toThrow('there is no');
        }
        expect(tally.get(name)).toBe(model.filter((one) => one === name).length);
        expect(tally.size).toBe(new Set(model).size);
      }
    }),
  );
});
