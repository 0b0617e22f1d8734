import { beforeEach, describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { createAlarms, type Alarms } from '../../src/fleet/alarms.ts';
import { createFenceIndex } from '../../src/fleet/fenceindex.ts';
import type { Draft } from '../../src/fleet/notification.ts';
import type { VehicleEvent } from '../../src/fleet/output.ts';
import { limits } from '../../src/limits.ts';
import { createVehicles } from '../../src/live/vehicles.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { createManualClock, type ManualClock } from '../support/clock.ts';
import { circle, fence, limerick } from './fencefixture.ts';

const bus = createVehicles(1).open('acme', 'bus-1');
const fences = createFenceIndex(limits);
fences.put(fence('depot', circle(limerick, 100), { notify: ['role:viewer', 'user:a:b'] }));
fences.put(fence('quiet', circle(limerick, 100), { notify: [] }));

let metrics: Metrics;
let sent: { readonly to: string; readonly draft: Draft }[];
let refused: string[];
let refusal: RefusalName | null;
let clock: ManualClock;
let alarms: Alarms;

beforeEach(() => {
  metrics = createMetrics();
  sent = [];
  refused = [];
  refusal = null;
  clock = createManualClock(1_000);
  const take = (to: string, draft: Draft, settle: ((outcome: never) => void) | undefined): void => {
    sent.push({ to, draft });
    const outcome = refusal !== null ? { refused: refusal } : { state: draft, isRepeat: false };
    settle?.(outcome as never);
  };
  alarms = createAlarms({
    notifications: {
      sendToUser: (tenant, user, draft, settle) => take(`${tenant} user ${user}`, draft, settle),
      sendToMany: (tenant, role, draft, settle) => take(`${tenant} role ${role}`, draft, settle),
    },
    fences,
    onRefused: (vehicle, kind, name) => refused.push(`${vehicle} ${kind} ${name}`),
    clock,
    metrics,
    bounds: { ...limits, alarmsPendingMax: 2 },
  });
});

const event = (change: Partial<VehicleEvent>): VehicleEvent => ({
  vehicle: 'bus-1',
  timeMs: 7,
  kind: 'geofenceEntered',
  subject: 'depot',
  latE7: 1,
  lonE7: 2,
  isLate: false,
  data: { name: 'Depot' },
  ...change,
});

describe('an alarm', () => {
  it('of a geofence goes to whom it names, under the id of its event', () => {
    alarms.raise(bus, event({}));
    expect(sent.map(({ to }) => to)).toEqual(['acme role viewer', 'acme user a:b']);
    expect(sent[0]?.draft).toEqual({
      id: 'bus-1:geofenceEntered:depot:7',
      severity: 'info',
      title: 'bus-1 entered Depot',
      body: null,
      data: {
        name: 'Depot',
        vehicle: 'bus-1',
        kind: 'geofenceEntered',
        subject: 'depot',
        timeMs: 7,
        latE7: 1,
        lonE7: 2,
      },
      createdMs: 1_000,
      createdBy: null,
      expiresMs: 1_000 + limits.notificationTtlMs,
    });
    expect(metrics.counters.alarmsSent).toBe(2);
  });

  it('of a power that was cut and of tampering goes to the dispatchers', () => {
    alarms.raise(bus, event({ kind: 'powerCut', subject: '', data: {} }));
    alarms.raise(bus, event({ kind: 'tamper', subject: '', data: {} }));
    expect(sent.map(({ to, draft }) => [to, draft.severity, draft.title])).toEqual([
      ['acme role dispatcher', 'warning', 'bus-1 has no power any more'],
      ['acme role dispatcher', 'warning', 'bus-1 was tampered with'],
    ]);
  });

  it('is none where it is late, nobody is named, the geofence is gone, or it is no alarm', () => {
    alarms.raise(bus, event({ isLate: true }));
    alarms.raise(bus, event({ subject: 'quiet' }));
    alarms.raise(bus, event({ subject: 'gone' }));
    alarms.raise(bus, event({ kind: 'ignitionOn', subject: '' }));
    expect(sent).toEqual([]);
  });

  it('that is refused for good is counted and told of', () => {
    refusal = 'notificationTransition';
    alarms.raise(bus, event({ kind: 'tamper', subject: '' }));
    clock.advance(10 * limits.deskRetryMs);
    expect(sent).toHaveLength(1);
    expect(refused).toEqual(['acme/bus-1 tamper notificationTransition']);
    expect(metrics.counters).toMatchObject({ alarmsSent: 0, alarmsRefused: 1, alarmsRetried: 0 });
  });

  it('that is refused for now is tried again until it is sent, as it was', () => {
    refusal = 'journalFull';
    alarms.raise(bus, event({}));
    clock.advance(limits.deskRetryMs);
    refusal = null;
    clock.advance(10 * limits.deskRetryMs);
    expect(sent).toHaveLength(6);
    expect(new Set(sent.map(({ draft }) => draft.createdMs)).size).toBe(1);
    expect(sent.slice(4).map(({ to }) => to)).toEqual(['acme role viewer', 'acme user a:b']);
    const counted = { alarmsSent: 2, alarmsRefused: 0, alarmsRetried: 4 };
    expect(metrics.counters).toMatchObject(counted);
    expect(refused).toEqual([]);
  });

  it('is not tried again where too many are, or after the end', () => {
    refusal = 'journalFull';
    for (let timeMs = 0; timeMs < 3; timeMs++)
      alarms.raise(bus, event({ kind: 'tamper', timeMs, subject: '' }));
    expect(refused).toEqual(['acme/bus-1 tamper journalFull']);
    alarms.stop();
    clock.advance(10 * limits.deskRetryMs);
    expect(sent).toHaveLength(3);
    expect(metrics.counters).toMatchObject({ alarmsRefused: 1, alarmsRetried: 2 });
  });
});
