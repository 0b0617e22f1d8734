import { beforeEach, describe, expect, it } from 'vitest';
import { createAlarms, type Alarms } from '../../src/fleet/alarms.ts';
import { createFenceIndex } from '../../src/fleet/fenceindex.ts';
import type { Draft } from '../../src/fleet/notification.ts';
import type { VehicleEvent } from '../../src/fleet/output.ts';
import { limits } from '../../src/limits.ts';
import { createVehicles } from '../../src/live/vehicles.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { createManualClock } from '../support/clock.ts';
import { circle, fence, limerick } from './fencefixture.ts';

const bus = createVehicles(1).open('acme', 'bus-1');
const fences = createFenceIndex(limits);
fences.put(fence('depot', circle(limerick, 100), { notify: ['role:viewer', 'user:a:b'] }));
fences.put(fence('quiet', circle(limerick, 100), { notify: [] }));

let metrics: Metrics;
let sent: { readonly to: string; readonly draft: Draft }[];
let refused: string[];
let isFull: boolean;
let alarms: Alarms;

beforeEach(() => {
  metrics = createMetrics();
  sent = [];
  refused = [];
  isFull = false;
  const take = (to: string, draft: Draft, settle: ((outcome: never) => void) | undefined): void => {
    sent.push({ to, draft });
    const outcome = isFull ? { refused: 'journalFull' } : { state: draft, isRepeat: false };
    settle?.(outcome as never);
  };
  alarms = createAlarms({
    notifications: {
      sendToUser: (tenant, user, draft, settle) => take(`${tenant} user ${user}`, draft, settle),
      sendToMany: (tenant, role, draft, settle) => take(`${tenant} role ${role}`, draft, settle),
    },
    fences,
    onRefused: (vehicle, kind, name) => refused.push(`${vehicle} ${kind} ${name}`),
    clock: createManualClock(1_000),
    metrics,
    bounds: limits,
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

  it('that is refused is counted and told of', () => {
    isFull = true;
    alarms.raise(bus, event({ kind: 'tamper', subject: '' }));
    expect(refused).toEqual(['acme/bus-1 tamper journalFull']);
    expect(metrics.counters).toMatchObject({ alarmsSent: 0, alarmsRefused: 1 });
  });
});
