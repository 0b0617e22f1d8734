/** Presence and reporting: tables for what is asked, and a model for who is online. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { createPresence, type Link } from '../../src/live/presence.ts';
import { batteryPercentOf, reportingOf, type Reporting } from '../../src/live/reporting.ts';
import { createVehicles, emptyFix, type Vehicle } from '../../src/live/vehicles.ts';
import { createManualClock } from '../support/clock.ts';

const fast: Reporting = { intervalMs: limits.reportWatchedMs, displacementM: 0 };
const slow: Reporting = {
  intervalMs: limits.reportUnwatchedMs,
  displacementM: limits.reportUnwatchedM,
};
const slowest: Reporting = {
  intervalMs: limits.reportLowBatteryMs,
  displacementM: limits.reportLowBatteryM,
};

function createFixture() {
  const clock = createManualClock();
  const vehicles = createVehicles(10);
  const watchers = new Map<Vehicle, number>();
  const told: string[] = [];
  const presence = createPresence({
    watchersOf: (vehicle) => watchers.get(vehicle) ?? 0,
    onChange: ({ id, state, offlineReason }) => told.push(`${id} ${state} ${offlineReason ?? ''}`),
    clock,
    bounds: limits,
  });
  const open = (id: string): Vehicle => {
    const vehicle = vehicles.open('default', id);
    vehicles.track(vehicle);
    return vehicle;
  };
  const link = (): Link & { readonly asked: Reporting[] } => {
    const asked: Reporting[] = [];
    return { asked, report: (_vehicle, reporting) => asked.push(reporting) };
  };
  const hear = (vehicle: Vehicle, attributes: string | null = null): void => {
    vehicles.move(vehicle, { ...emptyFix(clock.nowMs()), attributes }, clock.nowMs());
    presence.heard(vehicle);
  };
  return { clock, presence, watchers, told, open, link, hear };
}

describe('reporting', () => {
  it.each<[boolean, number | null, Reporting]>([
    [true, null, fast],
    [true, 80, fast],
    [false, null, slow],
    [false, limits.lowBatteryPercent, slow],
    [false, limits.lowBatteryPercent - 1, slowest],
    [true, 5, { intervalMs: limits.reportUnwatchedMs, displacementM: 0 }],
  ])('watched %s, battery %s', (isWatched, battery, expected) => {
    expect(reportingOf(isWatched, battery, limits)).toEqual(expected);
  });

  it.each<[string | null, number | null]>([
    [null, null],
    ['{"ignition":true}', null],
    ['{"batteryLevel":12.5}', 12.5],
    ['{"batteryLevel":"low"}', null],
    ['{"note":"\\"batteryLevel\\""}', null],
  ])('attributes %s', (attributes, expected) => {
    expect(batteryPercentOf({ ...emptyFix(0), attributes })).toBe(expected);
  });
});

describe('presence', () => {
  it('is online, idle after silence, online again, and offline with its reason', () => {
    const { clock, presence, told, open, link, hear } = createFixture();
    const vehicle = open('a');
    const device = link();
    presence.connected(vehicle, device);
    expect(vehicle.state).toBe('online');
    clock.advance(limits.presenceIdleAfterMs);
    expect(vehicle.state).toBe('online');
    clock.advance(limits.presenceSweepIntervalMs);
    expect(vehicle.state).toBe('idle');
    expect(vehicle.stateSinceMs).toBe(clock.nowMs());
    hear(vehicle);
    expect(vehicle.state).toBe('online');
    presence.disconnected(vehicle, device, 'connection lost');
    expect(told).toEqual(['a online ', 'a idle ', 'a online ', 'a offline connection lost']);
    expect(() => presence.disconnected(vehicle, device, 'again')).toThrow('no link');
    presence.stop();
    expect(clock.timers).toBe(0);
  });

  it('asks for faster reports at once, for slower ones at the next sweep, and each connection', () => {
    const { clock, presence, watchers, open, link, hear } = createFixture();
    const vehicle = open('a');
    const device = link();
    presence.connected(vehicle, device);
    watchers.set(vehicle, 1);
    presence.watched(vehicle);
    presence.watched(vehicle);
    watchers.set(vehicle, 0);
    presence.watched(vehicle);
    expect(device.asked).toEqual([slow, fast]);
    clock.advance(limits.presenceSweepIntervalMs);
    expect(device.asked).toEqual([slow, fast, slow]);
    hear(vehicle, '{"batteryLevel":7}');
    clock.advance(limits.presenceSweepIntervalMs * 2);
    expect(device.asked).toEqual([slow, fast, slow, slowest]);
    const newer = link();
    presence.connected(vehicle, newer);
    expect(newer.asked).toEqual([slowest]);
    presence.watched(open('b'));
  });

  it('of a vehicle is that of any of its connections', () => {
    const step = fc.record({
      vehicle: fc.nat(1),
      connection: fc.nat(2),
      isConnect: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { presence, open, link } = createFixture();
        const links = [link(), link(), link()];
        const model = new Map<string, Set<number>>();
        for (const { vehicle: index, connection, isConnect } of steps) {
          const vehicle = open(`v${index}`);
          const connected = model.get(vehicle.id) ?? new Set();
          model.set(vehicle.id, connected);
          if (isConnect && !connected.has(connection)) {
            connected.add(connection);
            presence.connected(vehicle, links[connection] as Link);
          } else if (!isConnect && connected.has(connection)) {
            connected.delete(connection);
            presence.disconnected(vehicle, links[connection] as Link, 'closed');
          }
          expect(vehicle.state).toBe(connected.size > 0 ? 'online' : 'offline');
        }
        const online = [...model.values()].filter(({ size }) => size > 0);
        expect(presence.size).toBe(online.length);
        presence.stop();
      }),
    );
  });
});
