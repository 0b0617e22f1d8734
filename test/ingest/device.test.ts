/** A connected device and the vehicles that it speaks for. */
import { describe, expect, it } from 'vitest';
import { createCourier } from '../../src/fleet/courier.ts';
import { createDevice, type Connection } from '../../src/ingest/device.ts';
import { limits } from '../../src/limits.ts';
import { createPresence } from '../../src/live/presence.ts';
import { createVehicles, type Vehicle } from '../../src/live/vehicles.ts';
import { createMetrics } from '../../src/metrics.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';
import { identityOf } from '../support/identities.ts';
import { createManualClock } from '../support/clock.ts';

function createFixture(subject: string) {
  const vehicles = createVehicles(limits.vehiclesMax);
  const sent: unknown[] = [];
  const presence = createPresence({
    watchersOf: () => 0,
    onChange: () => undefined,
    clock: createManualClock(),
    bounds: limits,
  });
  const connection: Connection = {
    identity: identityOf({ subject, role: 'device' }),
    send(bytes) {
      const parsed = parseMessagePack(bytes);
      sent.push('value' in parsed ? parsed.value : parsed);
    },
    close: () => undefined,
    refresh: () => undefined,
  };
  const device = createDevice(connection, {
    vehicles,
    presence,
    courier: createCourier(),
    metrics: createMetrics(),
    bounds: limits,
    ackFirst: 'journaled',
  });
  const track = (id: string): Vehicle => {
    const vehicle = vehicles.open('default', id);
    vehicles.track(vehicle);
    return vehicle;
  };
  return { device, presence, sent, track };
}

const unwatched = {
  intervalMs: limits.reportUnwatchedMs,
  displacementM: limits.reportUnwatchedM,
};

describe('device', () => {
  it('is told once how to report, and its vehicle is connected until the socket is gone', () => {
    const { device, presence, sent, track } = createFixture('a');
    const vehicle = track('a');
    device.spoke(vehicle);
    device.spoke(vehicle);
    expect(sent).toEqual([[20, unwatched]]);
    expect(vehicle.state).toBe('online');
    device.gone('connection lost');
    expect([vehicle.state, vehicle.offlineReason]).toEqual(['offline', 'connection lost']);
    expect(presence.size).toBe(0);
  });

  it('of a gateway is told which vehicle is meant, and all of them go with its socket', () => {
    const { device, presence, sent, track } = createFixture('gate');
    const vehicles = ['v1', 'v2'].map(track) as [Vehicle, Vehicle];
    for (const vehicle of [...vehicles, ...vehicles]) device.spoke(vehicle);
    expect(sent).toEqual([
      [20, unwatched, 'v1'],
      [20, unwatched, 'v2'],
    ]);
    device.gone('idle');
    expect(vehicles.map(({ state }) => state)).toEqual(['offline', 'offline']);
    expect(presence.size).toBe(0);
  });
});
