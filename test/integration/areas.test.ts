/**
 * Areas of the map on the real engine: what a reader knows is where the vehicles are, whatever moves: the
 * vehicles, the area, or what its token lets it see.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import {
  areaTopicOf,
  openMap,
  type Area,
  type LiveMap,
  type MapOptions,
} from '../support/livemap.ts';
import { agree, openWorld, type World } from '../support/world.ts';

let test: EngineTest;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  test = await openEngineTest();
});

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
  await expect.poll(() => test.engine.counter('fleetwire_topics')).toBe(0);
});

afterAll(() => test.cleanup());

async function openTenant(tenant: string): Promise<World> {
  const world = await openWorld(test, { tenant });
  closers.push(world.close);
  return world;
}

async function openReader(options: MapOptions): Promise<LiveMap> {
  const map = await openMap(test, options);
  closers.push(() => map.socket.close());
  return map;
}

// No border of a cell of the levels used is a whole number of tenths of a degree, but for multiples of 11.25.
const city: Area = { west: -9.1, south: 52.1, east: -8.1, north: 53.1 };
const inCity = { lat: 52.6, lon: -8.6 };
const far = { lat: 10.1, lon: 100.1 };

const codecs = ['fleetwire.v1', 'fleetwire.v1.json'] as const;

describe.each(codecs)('an area over %s', (protocol) => {
  // Every test has a tenant of its own, and so a world of its own.
  const tenantOf = (name: string): string => `${name}-${codecs.indexOf(protocol)}`;

  it('begins with who is in it, shows who moves and comes, and tells who leaves', async () => {
    const tenant = tenantOf('first');
    const world = await openTenant(tenant);
    await world.move('in-1', inCity);
    await world.move('in-2', { ...inCity, speedCms: 500, attributes: { line: '304' } });
    await world.move('out-1', far);
    await world.settled();
    const map = await openReader({ protocol, tenant });
    const answer = await map.ask(areaTopicOf(city));
    expect(answer).toMatchObject({ offset: 0, wasRecovering: false, recovered: false });
    expect(answer.moved).toBe(false);
    expect(answer.snapshot.map(([vehicle]) => vehicle).toSorted()).toEqual(['in-1', 'in-2']);
    const [west = NaN, south = NaN, east = NaN, north = NaN] = answer.area ?? [];
    expect(west <= city.west && south <= city.south).toBe(true);
    expect(east >= city.east && north >= city.north).toBe(true);

    await world.move('in-1', { lat: 52.7, lon: -8.5 });
    await world.move('in-2', far);
    await world.move('out-1', inCity);
    await agree(map, world, answer);
    expect(map.left).toEqual(['in-2']);
    expect(map.repeats).toBe(0);
    expect(map.skipped).toBe(0);
  });

  it('is panned and zoomed in one call, without a gap and without repeats, while vehicles move', async () => {
    const tenant = tenantOf('pan');
    const world = await openTenant(tenant);
    const map = await openReader({ protocol, tenant });
    // Anchors stay where every one of these areas is; the others drive through all of them.
    const views = Array.from({ length: 120 }, (_, index): Area => {
      const shift = (index % 8) / 10;
      const zoom = index % 5 === 4 ? 2 : 0;
      return {
        west: city.west - 0.4 + shift - zoom,
        south: city.south - zoom,
        east: city.east - 0.4 + shift + zoom,
        north: city.north + zoom,
      };
    }).map(rounded);
    let answer = await map.ask(areaTopicOf(views[0] ?? city));
    let isPanning = true;
    const driving = drive();
    for (const [index, view] of views.entries()) {
      answer = await map.ask(areaTopicOf(view));
      expect(answer.moved).toBe(true);
      // Now and then what has moved is read first; else the area moves on in the middle of a tick.
      const before = map.received;
      if (index % 3 === 0) await map.until(() => map.received > before);
    }
    isPanning = false;
    await driving;
    await agree(map, world, answer);
    expect(map.repeats).toBe(0);
    expect(map.skipped).toBe(0);
    const anchored = anchors.map((vehicle) => map.counts.get(vehicle));
    expect(anchored).toEqual(anchors.map((vehicle) => world.sent(vehicle)));
    expect(map.left.length).toBeGreaterThan(0);

    async function drive(): Promise<void> {
      for (let round = 0; isPanning; round++) {
        for (const [index, vehicle] of anchors.entries()) {
          const lat = 52.41 + index / 100 + (round % 50) / 100;
          await world.move(vehicle, { lat, lon: -8.77 + (round % 20) / 100 });
        }
        for (let mover = 0; mover < 30; mover++) {
          const lon = -12.03 + ((mover * 7 + round * 3) % 90) / 12;
          await world.move(`mover-${mover}`, { lat: 52.33 + mover / 60, lon });
        }
        await world.settled();
      }
    }
  });

  it('may lie across the antimeridian', async () => {
    const tenant = tenantOf('pacific');
    const world = await openTenant(tenant);
    await world.move('west-of-it', { lat: -17.03, lon: 179.51 });
    await world.move('east-of-it', { lat: -17.03, lon: -179.51 });
    await world.move('elsewhere', { lat: -17.03, lon: 0.51 });
    await world.settled();
    const map = await openReader({ protocol, tenant });
    const answer = await map.ask('area:179,-18,-179,-16');
    expect([...map.vehicles.keys()].toSorted()).toEqual(['east-of-it', 'west-of-it']);
    // Across it and back inside the area, then out of it.
    for (const lon of [179.95, -179.99, -179.53, 179.97]) {
      await world.move('west-of-it', { lat: -17.03, lon });
    }
    await world.move('east-of-it', { lat: -17.03, lon: -170.03 });
    await agree(map, world, answer);
    expect(map.left).toEqual(['east-of-it']);
    expect(map.repeats).toBe(0);
  });

  it('shows nothing of another tenant, whose vehicles have the same names and places', async () => {
    const mine = await openTenant(tenantOf('mine'));
    const theirs = await openTenant(tenantOf('theirs'));
    await mine.move('bus-1', inCity);
    await theirs.move('bus-1', inCity);
    await theirs.move('bus-2', inCity);
    await Promise.all([mine.settled(), theirs.settled()]);
    const map = await openReader({ protocol, tenant: tenantOf('mine') });
    const other = await openReader({ protocol, tenant: tenantOf('theirs') });
    const answer = await map.ask(areaTopicOf(city));
    const otherAnswer = await other.ask(areaTopicOf(city));
    expect(answer.snapshot).toHaveLength(1);
    for (let step = 1; step <= 20; step++) {
      await theirs.move('bus-1', { lat: 52.6, lon: -8.6 + step / 100 });
      await theirs.move('bus-2', step % 2 === 0 ? inCity : far);
    }
    await theirs.move('bus-1', far);
    await agree(other, theirs, otherAnswer);
    await mine.move('bus-1', { lat: 52.61, lon: -8.6 });
    await agree(map, mine, answer);
    expect(map.counts).toEqual(new Map([['bus-1', 1]]));
    expect(map.left).toEqual([]);
  });
});

// As text, these have seven decimals at most.
function rounded({ west, south, east, north }: Area): Area {
  const round = (degrees: number): number => Math.round(degrees * 10) / 10;
  return { west: round(west), south: round(south), east: round(east), north: round(north) };
}

const anchors = Array.from({ length: 10 }, (_, index) => `anchor-${index}`);

describe.each(['fleet', areaTopicOf(city)])(
  'a token that names vehicles sees those in %s',
  (topic) => {
    const tenantOf = (name: string): string => `${name}-${topic.length}`;
    const hasSummary = (map: LiveMap): boolean =>
      map.events.some(([, , , event]) => event === 'summary');

    it('in the snapshot, live, and when they leave', async () => {
      const tenant = tenantOf('named');
      const world = await openTenant(tenant);
      const shown = ['bus-1', 'bus-22', 'van-7'];
      const hidden = ['van-70', 'tram-1', 'bu'];
      for (const vehicle of [...shown, ...hidden]) await world.move(vehicle, inCity);
      await world.settled();
      const all = await openReader({ tenant });
      const some = await openReader({ tenant, sub: 'bob', vehicles: ['bus-*', 'van-7'] });
      await all.ask(topic);
      const { snapshot } = await some.ask(topic);
      expect(snapshot.map(([vehicle]) => vehicle).toSorted()).toEqual(shown);
      const told = all.events.length;
      for (const vehicle of [...hidden, ...shown]) {
        await world.move(vehicle, { ...inCity, lat: 52.7 });
      }
      // In one tick, only the last place of a vehicle would be told.
      await some.until(() => shown.every((vehicle) => some.counts.has(vehicle)));
      for (const vehicle of [...hidden, 'bus-22']) await world.move(vehicle, far);
      const last = await world.move('bus-1', inCity);
      await some.until(() => some.vehicles.get('bus-1') === last);
      await all.until(() => all.vehicles.get('bus-1') === last);
      expect([...some.counts.keys()].toSorted()).toEqual(shown);
      expect(some.counts.get('bus-1')).toBe(2);
      expect(some.repeats + some.skipped).toBe(0);
      if (topic !== 'fleet') {
        await all.until(() => all.left.length === 4);
        expect(all.left.toSorted()).toEqual(['bu', 'bus-22', 'tram-1', 'van-70']);
        await some.until(() => some.left.length === 1);
        expect(some.left).toEqual(['bus-22']);
        return;
      }
      // It would have had the summary that the other has had, and before what follows.
      await all.until(() => all.events.length > told);
      const after = await world.move('bus-1', inCity);
      await some.until(() => some.vehicles.get('bus-1') === after);
      expect(hasSummary(all)).toBe(true);
      expect(hasSummary(some)).toBe(false);
    });

    it('from its refresh on, and all again with the next', async () => {
      const tenant = tenantOf('refreshed');
      const world = await openTenant(tenant);
      await world.move('bus-1', inCity);
      await world.move('van-1', inCity);
      await world.settled();
      const map = await openReader({ tenant });
      await map.ask(topic);
      const refresh = async (vehicles?: readonly string[]): Promise<void> => {
        const claims = vehicles === undefined ? {} : { vehicles };
        map.socket.send([9, await testToken({ sub: 'anna', role: 'viewer', tenant, ...claims })]);
        // What it may see now comes once more.
        const before = map.repeats;
        await map.until(() => map.repeats > before);
      };

      await refresh(['bus-*']);
      const events = map.events.length;
      expect(map.counts).toEqual(new Map([['bus-1', 1]]));
      for (let step = 0; step < 20; step++) {
        await world.move('van-1', step % 2 === 0 ? far : inCity);
        await world.move('bus-1', { ...inCity, lon: -8.6 + step / 100 });
      }
      const last = await world.move('bus-1', inCity);
      await map.until(() => map.vehicles.get('bus-1') === last);
      expect(map.counts).toEqual(new Map([['bus-1', 22]]));
      expect(map.events).toHaveLength(events);
      expect(map.left).toEqual([]);

      await refresh();
      const isShown = (vehicle: string, timeMs: number): boolean =>
        map.vehicles.get(vehicle) === timeMs;
      const back = await world.move('van-1', inCity);
      await map.until(() => isShown('van-1', back) && isShown('bus-1', last));
      expect(map.skipped).toBe(0);
      // The state of the fleet is told again as well.
      if (topic === 'fleet') await map.until(() => map.events.length > events);
    });
  },
);
