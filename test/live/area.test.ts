/** Areas: what a client knows after any moves of vehicles, of the area, and any stalls. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { contains } from '../../src/live/grid.ts';
import type { AreaTopic } from '../../src/live/topics.ts';
import type { LivePosition } from '../../src/wire/types.ts';
import { areaOf, createStage, type Listener, type Stage } from './stage.ts';

const degree = 10_000_000;
const city = areaOf(-9, 52, -8, 53);
const inside = { latE7: 52.5 * degree, lonE7: -8.5 * degree };
const outside = { latE7: 10 * degree, lonE7: 100 * degree };

/** What a client has: the newest time of each vehicle that it has not been told to have left. */
function createMap(listener: Listener) {
  const known = new Map<string, number>();
  let read = 0;
  let repeats = 0;
  const put = ([vehicle, timeMs]: LivePosition): void => {
    if ((known.get(vehicle) ?? -1) >= timeMs) repeats += 1;
    known.set(vehicle, timeMs);
  };
  for (const position of listener.snapshot) put(position as unknown as LivePosition);
  return {
    known,
    get repeats() {
      return repeats;
    },
    /** A moved area: what is not in it any more is dropped. */
    moved(isCovered: (vehicle: string) => boolean, fresh: readonly LivePosition[]): void {
      this.read();
      for (const vehicle of known.keys()) if (!isCovered(vehicle)) known.delete(vehicle);
      fresh.forEach(put);
    },
    read(): void {
      for (const frame of listener.received.slice(read)) {
        if (frame[0] === 52) for (const position of frame[2] as LivePosition[]) put(position);
        if (frame[0] === 51) for (const vehicle of frame[4] as string[]) known.delete(vehicle);
      }
      read = listener.received.length;
    },
  };
}

function present(stage: Stage, { range }: AreaTopic, tenant = 'default'): Map<string, number> {
  const vehicles = [...stage.vehicles.ofTenant(tenant)];
  return new Map(
    vehicles
      .filter(({ last }) => contains(range, last.latE7, last.lonE7))
      .map(({ id, last }) => [id, last.timeMs]),
  );
}

const byName = (map: ReadonlyMap<string, number>) =>
  [...map].toSorted(([one], [other]) => (one < other ? -1 : 1));

describe('area', () => {
  it('has who is in it, and tells who leaves', () => {
    const stage = createStage();
    stage.move('a', 1, inside);
    stage.move('b', 1, outside);
    const listener = stage.listen(city, 'json');
    expect(listener.snapshot.map(([vehicle]) => vehicle)).toEqual(['a']);
    stage.move('a', 2, outside);
    stage.move('b', 2, inside);
    stage.clock.advance(limits.tickMs);
    expect(listener.received.map(([type, topic]) => [type, topic])).toEqual([
      [52, 'area'],
      [51, 'area'],
    ]);
    expect(listener.received[1]).toEqual([51, 'area', 0, 'left', ['a']]);
    listener.leave();
    expect(stage.audiences.topics).toBe(0);
  });

  it('does not tell of one that crosses a border inside of it, nor of other tenants', () => {
    const stage = createStage();
    const listener = stage.listen(city, 'messagepack');
    stage.move('a', 1, { ...inside, tenant: 'acme' });
    stage.move('a', 1, inside);
    stage.clock.advance(limits.tickMs);
    stage.move('a', 2, { latE7: 52.9 * degree, lonE7: -8.1 * degree });
    stage.move('a', 2, { ...outside, tenant: 'acme' });
    stage.clock.advance(limits.tickMs);
    expect(listener.received.map((frame) => frame[0])).toEqual([52, 52]);
  });

  it('closes a reader that too many vehicles have left behind', () => {
    const stage = createStage({ ...limits, areaLeftVehiclesMax: 3 });
    for (let vehicle = 0; vehicle < 5; vehicle++) stage.move(`v${vehicle}`, 1, inside);
    const listener = stage.listen(city, 'messagepack', { minIntervalMs: 60_000 });
    for (let vehicle = 0; vehicle < 5; vehicle++) {
      stage.move(`v${vehicle}`, 2, outside);
      stage.clock.advance(limits.tickMs);
    }
    expect(listener.closed).toBe('slow');
  });

  it('cannot be moved where too much is new in it', () => {
    const stage = createStage({ ...limits, areaMoveVehiclesMax: 2 });
    const listener = stage.listen(city, 'messagepack');
    for (let vehicle = 0; vehicle < 3; vehicle++) stage.move(`v${vehicle}`, 1, outside);
    stage.publisher.flush();
    expect(listener.feed.move(areaOf(99, 9, 101, 11), () => undefined)).toBe(false);
    stage.move('a', 1, inside);
    stage.clock.advance(limits.tickMs);
    expect(listener.received).toHaveLength(1);
  });

  const areas = [
    city,
    areaOf(-9, 52, -7, 53),
    areaOf(-8.4, 52.4, -8.39, 52.41),
    areaOf(170, -10, -170, 10),
    areaOf(-180, -90, 180, 90),
  ];
  const at = (latitude: number, longitude: number) => ({
    latE7: latitude * degree,
    lonE7: longitude * degree,
  });
  const place = fc.constantFrom(
    at(52.5, -8.5),
    at(52.95, -8.05),
    at(52.405, -8.395),
    at(52.5, -7.5),
    at(0, 175),
    at(0, -180),
    at(-90, 180),
    at(90, 180),
  );
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ do: fc.constant('move' as const), vehicle: fc.nat(3), place }),
    },
    { weight: 4, arbitrary: fc.constant({ do: 'tick' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('pan' as const), to: fc.nat(areas.length - 1) }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'stall' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'drain' as const }) },
  );
  const sees = (vehicle: string): boolean => vehicle !== 'v1';

  it('leaves a client with exactly who is there, whatever moves and stalls', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80, size: 'max' }),
        fc.constantFrom(0, 100),
        fc.boolean(),
        fc.constantFrom('messagepack' as const, 'json' as const),
        (steps, minIntervalMs, isLimited, codec) => {
          // A stalled socket lags at once, and one that reads never does.
          const stage = createStage({
            ...limits,
            subscriberHighWaterBytes: 200,
            subscriberLowWaterBytes: 100,
          });
          const options = { minIntervalMs, ...(isLimited ? { sees } : {}) };
          let topic = city;
          let listener = stage.listen(topic, codec, options);
          let map = createMap(listener);
          let timeMs = 0;
          const pan = (to: AreaTopic): void => {
            stage.publisher.flush();
            const covered = (vehicle: string): boolean => present(stage, to).has(vehicle);
            const isMoved = listener.feed.move(to, (fresh) => map.moved(covered, fresh));
            topic = to;
            if (isMoved) return;
            // The client is told to drop all it has.
            const { isStalled } = listener;
            listener.leave();
            listener = stage.listen(to, codec, options);
            listener.isStalled = isStalled;
            map = createMap(listener);
          };
          for (const todo of steps) {
            if (todo.do === 'move') stage.move(`v${todo.vehicle}`, ++timeMs, todo.place);
            else if (todo.do === 'tick') stage.clock.advance(limits.tickMs);
            else if (todo.do === 'pan') pan(areas[todo.to] as AreaTopic);
            else if (todo.do === 'stall') listener.isStalled = true;
            else {
              listener.isStalled = false;
              listener.drain();
            }
          }
          listener.isStalled = false;
          listener.drain();
          stage.clock.advance(minIntervalMs + 2 * limits.tickMs);
          map.read();
          const expected = present(stage, topic);
          if (isLimited) expected.delete('v1');
          expect(byName(map.known)).toEqual(byName(expected));
          if (minIntervalMs === 0) expect(map.repeats).toBe(0);
          listener.leave();
          expect(stage.audiences.topics).toBe(0);
          expect(stage.publisher.paced.size).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
  });
});
