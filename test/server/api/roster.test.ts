import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createVehicles, emptyFix } from '../../../src/live/vehicles.ts';
import { createRoster } from '../../../src/server/api/roster.ts';

const step = fc.record({
  tenant: fc.constantFrom('default', 'acme'),
  id: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,3}$/),
  /** Asks behind this id, after the vehicle was met. */
  after: fc.option(fc.stringMatching(/^[A-Za-z0-9._:-]{0,4}$/)),
});

it('has every vehicle of the tenant once, in order, whenever it is asked', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const vehicles = createVehicles(1_000);
      const roster = createRoster(vehicles);
      for (const [index, { tenant, id, after }] of steps.entries()) {
        const vehicle = vehicles.open(tenant, id);
        vehicles.track(vehicle);
        vehicles.move(vehicle, emptyFix(index), index);
        if (after === null) continue;
        const expected = [...vehicles.ofTenant(tenant)].map((one) => one.id);
        const behind = expected.filter((one) => one > after);
        const found = [...roster.after(tenant, after)].map((one) => one.id);
        expect(found).toEqual(behind.toSorted((one, other) => (one < other ? -1 : 1)));
      }
    }),
  );
});

it('knows nobody of a tenant that has none', () => {
  const roster = createRoster(createVehicles(10));
  expect([...roster.after('nobody', '')]).toEqual([]);
});
