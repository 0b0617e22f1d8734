/**
 * Which events of vehicles somebody is told of by a notification: those of geofences that name whom to tell, a power
 * that was cut, tampering.
 * Invariant: nobody is alarmed by what came late. A notification has the id of its event, so that told again it is a
 * repeat; one that is refused for now is tried again.
 * Bound: `fenceNotifyMax` notifications an event, `alarmsPendingMax` that are tried again.
 */
import type { Clock, Timer } from '../clock.ts';
import { isTemporary, type RefusalName } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Vehicle } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import type { FenceIndex } from './fenceindex.ts';
import type { Draft } from './notification.ts';
import type { Notifications } from './notifications.ts';
import type { VehicleEvent, VehicleEventKind } from './output.ts';

export interface AlarmsOptions {
  readonly notifications: Pick<Notifications, 'sendToUser' | 'sendToMany'>;
  readonly fences: Pick<FenceIndex, 'newest'>;
  readonly onRefused: (vehicle: string, kind: string, refused: RefusalName) => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<
    Limits,
    'notificationTtlMs' | 'messageCharsMax' | 'deskRetryMs' | 'alarmsPendingMax'
  >;
}

export interface Alarms {
  raise(vehicle: Vehicle, event: VehicleEvent): void;
  /** Nothing is tried again. */
  stop(): void;
}

interface Alarm {
  readonly severity: Draft['severity'];
  readonly says: string;
  /** Told without a geofence that names whom to tell. */
  readonly to: readonly string[];
}

const alarms: Readonly<Partial<Record<VehicleEventKind, Alarm>>> = {
  geofenceEntered: { severity: 'info', says: 'entered', to: [] },
  geofenceExited: { severity: 'info', says: 'left', to: [] },
  geofenceDwelled: { severity: 'warning', says: 'stays in', to: [] },
  geofenceOverspeed: { severity: 'warning', says: 'is too fast in', to: [] },
  powerCut: { severity: 'warning', says: 'has no power any more', to: ['role:dispatcher'] },
  tamper: { severity: 'warning', says: 'was tampered with', to: ['role:dispatcher'] },
};

export function createAlarms(options: AlarmsOptions): Alarms {
  const { notifications, fences, clock, bounds } = options;
  const { counters } = options.metrics;
  const timers = new Set<Timer>();
  let isStopped = false;

  function draftOf({ id: vehicle }: Vehicle, event: VehicleEvent, alarm: Alarm): Draft {
    const { kind, subject, timeMs, latE7, lonE7, data } = event;
    const name = typeof data['name'] === 'string' ? ` ${data['name']}` : '';
    const createdMs = clock.nowMs();
    return {
      id: `${vehicle}:${kind}:${subject}:${timeMs}`,
      severity: alarm.severity,
      title: `${vehicle} ${alarm.says}${name}`.slice(0, bounds.messageCharsMax).toWellFormed(),
      body: null,
      data: { ...data, vehicle, kind, subject, timeMs, latE7, lonE7 },
      createdMs,
      createdBy: null,
      expiresMs: createdMs + bounds.notificationTtlMs,
    };
  }

  function send({ key, tenant }: Vehicle, recipient: string, draft: Draft, kind: string): void {
    const settle = (outcome: object): void => {
      if (!('refused' in outcome)) return void (counters.alarmsSent += 1);
      const refused = outcome.refused as RefusalName;
      if (isStopped) return;
      if (isTemporary(refused) && timers.size < bounds.alarmsPendingMax) return retry(again);
      counters.alarmsRefused += 1;
      options.onRefused(key, kind, refused);
    };
    const again = (): void => {
      const [sort, ...rest] = recipient.split(':');
      const name = rest.join(':');
      if (sort === 'user') notifications.sendToUser(tenant, name, draft, settle);
      else notifications.sendToMany(tenant, name, draft, settle);
    };
    again();
  }

  function retry(again: () => void): void {
    counters.alarmsRetried += 1;
    const timer = clock.after(bounds.deskRetryMs, () => {
      timers.delete(timer);
      again();
    });
    timers.add(timer);
  }

  return {
    raise(vehicle, event) {
      const alarm = alarms[event.kind];
      if (alarm === undefined || event.isLate) return;
      const { tenant } = vehicle;
      const fence = event.subject === '' ? null : fences.newest(tenant, event.subject);
      const recipients = [...alarm.to, ...(fence?.notify ?? [])];
      if (recipients.length === 0) return;
      const draft = draftOf(vehicle, event, alarm);
      for (const recipient of recipients) send(vehicle, recipient, draft, event.kind);
    },
    stop() {
      isStopped = true;
      for (const timer of timers) timer.cancel();
    },
  };
}
