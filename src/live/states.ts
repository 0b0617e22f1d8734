/**
 * What the state of something is, told to whoever listens: the presence of a vehicle, the totals of a trip, the summary
 * of a fleet, the figures of the engine. These are no events: they have offset 0, and only the newest counts.
 * Invariant: they go on native topics of their own, which those stay in whose positions lag; a token that sees a
 * part of a fleet gets no summary, for that would tell of the others.
 * Bound: one summary for each fleet that is listened to every `summaryIntervalMs`, one frame of figures every
 * `figuresIntervalMs`; nothing where nobody listens.
 */
import { every, type Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import { codecs, encodeSubscriberReply, type Codec } from '../wire/encode.ts';
import type { Encoded } from '../wire/positions.ts';
import { frameTypes, type Plain, type PlainMap } from '../wire/types.ts';
import type { Audiences } from './audience.ts';
import { stateTopic, tripTopicText, vehicleTopicText } from './topics.ts';
import type { Vehicle, Vehicles } from './vehicles.ts';

export interface StatesOptions {
  readonly publish: (inner: string, frame: Encoded) => void;
  readonly audiences: Audiences;
  readonly vehicles: Pick<Vehicles, 'ofTenant'>;
  /** Emergencies that are open in the tenant; null where that cannot be told now. */
  readonly emergencies: (tenant: string, tell: (open: number | null) => void) => void;
  readonly figures: () => PlainMap;
  /** The totals of a trip that runs; null where there are none. */
  readonly tripTotals: (tenant: string, tripId: string) => PlainMap | null;
  readonly clock: Clock;
  readonly bounds: Pick<Limits, 'summaryIntervalMs' | 'figuresIntervalMs' | 'movingSpeedCms'>;
}

/** One that listens to the figures. */
export type FiguresListener = symbol;

export interface States {
  /** The presence of the vehicle has changed. */
  tellPresence(vehicle: Vehicle): void;
  presenceOf(vehicle: Vehicle): PlainMap;
  /** Something has happened to the vehicle; whoever listens to it is told. */
  tellVehicle(vehicle: Vehicle, event: string, data: PlainMap): void;
  /** The totals of a trip have changed. */
  tellTrip(tenant: string, tripId: string, totals: PlainMap): void;
  tripTotals(tenant: string, tripId: string): PlainMap | null;
  /** The last one that was made while somebody listened, or null. */
  summaryOf(tenant: string): PlainMap | null;
  /** Whoever listens to the figures, of all tenants together. */
  readonly figuresListeners: Set<FiguresListener>;
  figures(): PlainMap;
  stop(): void;
}

export const systemTopic = 'system';

/** The frame of a state, for one codec. */
export function stateFrame(topic: string, event: string, data: Plain, codec: Codec): Encoded {
  return encodeSubscriberReply({ type: frameTypes.event, topic, offset: 0, event, data }, codec);
}

export function createStates(options: StatesOptions): States {
  const { audiences, clock, bounds } = options;
  const summaries = new Map<string, PlainMap>();
  const openEmergencies = new Map<string, number>();
  const figuresListeners = new Set<FiguresListener>();
  const timers = [
    every(clock, bounds.summaryIntervalMs, summarise),
    every(clock, bounds.figuresIntervalMs, tellFigures),
  ];

  function tell(tenant: string, text: string, event: string, data: Plain): void {
    for (const codec of codecs) {
      options.publish(stateTopic(tenant, text, codec), stateFrame(text, event, data, codec));
    }
  }

  function summarise(): void {
    for (const tenant of summaries.keys()) {
      if (audiences.ofFleet(tenant) === undefined) summaries.delete(tenant);
    }
    for (const tenant of audiences.fleetTenants()) {
      options.emergencies(tenant, (open) => {
        if (open !== null) openEmergencies.set(tenant, open);
        const counts = countStates(options.vehicles.ofTenant(tenant), bounds.movingSpeedCms);
        const summary = { ...counts, emergency: openEmergencies.get(tenant) ?? 0 };
        summaries.set(tenant, summary);
        tell(tenant, 'fleet', 'summary', summary);
      });
    }
  }

  function tellFigures(): void {
    if (figuresListeners.size === 0) return;
    const figures = options.figures();
    for (const codec of codecs) {
      options.publish(figuresTopic(codec), stateFrame(systemTopic, 'figures', figures, codec));
    }
  }

  function watchersOf(vehicle: Vehicle): number {
    return audiences.watchersOf(vehicle.key);
  }

  function presenceOf(vehicle: Vehicle): PlainMap {
    const { state, stateSinceMs: sinceMs, offlineReason: reason } = vehicle;
    return { state, sinceMs, reason, watchers: watchersOf(vehicle) };
  }

  return {
    tellPresence(vehicle) {
      if (watchersOf(vehicle) === 0) return;
      tell(vehicle.tenant, vehicleTopicText(vehicle.id), 'presence', presenceOf(vehicle));
    },
    presenceOf,
    tellVehicle(vehicle, event, data) {
      if (watchersOf(vehicle) === 0) return;
      tell(vehicle.tenant, vehicleTopicText(vehicle.id), event, data);
    },
    tellTrip: (tenant, tripId, totals) => tell(tenant, tripTopicText(tripId), 'totals', totals),
    tripTotals: options.tripTotals,
    summaryOf: (tenant) => summaries.get(tenant) ?? null,
    figuresListeners,
    figures: options.figures,
    stop() {
      for (const timer of timers) timer.cancel();
    },
  };
}

/** Of the whole engine, so that it has no tenant; only admins of the default one get there. */
export function figuresTopic(codec: Codec): string {
  return codec === 'json' ? `/${systemTopic}#json` : `/${systemTopic}`;
}

function countStates(vehicles: Iterable<Vehicle>, movingSpeedCms: number) {
  const counts = { moving: 0, idle: 0, offline: 0 };
  for (const { state, last } of vehicles) {
    if (state === 'offline') counts.offline += 1;
    else if (state === 'online' && (last.speedCms ?? 0) >= movingSpeedCms) counts.moving += 1;
    else counts.idle += 1;
  }
  return counts;
}
