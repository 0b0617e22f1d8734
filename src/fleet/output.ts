/**
 * What the fold over a vehicle's fixes tells: trips that it has detected, and events of the vehicle.
 * Invariant: an output holds all there is to know and shares nothing with the state that it came from. An event is
 * known by (vehicle, timeMs, kind, subject), a trip by its id: folded again, the same fixes tell the same.
 * Bound: an output fits into one event (`eventBytesMax`): `tripStopsMax` stops, a handful of numbers.
 */
import { fixFlags, type Fix, type PlainMap } from '../wire/types.ts';

export const vehicleEventKinds = [
  'geofenceEntered',
  'geofenceExited',
  'geofenceDwelled',
  'geofenceOverspeed',
  'overspeedStarted',
  'overspeedEnded',
  'harshBraking',
  'harshAcceleration',
  'ignitionOn',
  'ignitionOff',
  'batteryLow',
  'powerCut',
  'tamper',
] as const;
export type VehicleEventKind = (typeof vehicleEventKinds)[number];

export interface VehicleEvent {
  readonly vehicle: string;
  /** By the fixes: when it happened, not when it was noticed. */
  readonly timeMs: number;
  readonly kind: VehicleEventKind;
  /** The id of a fence; empty where the event is about nothing but the vehicle. */
  readonly subject: string;
  readonly latE7: number;
  readonly lonE7: number;
  /** Told by a fix that came late: nobody is to be alarmed by it. */
  readonly isLate: boolean;
  readonly data: PlainMap;
}

/** Where a vehicle stood during a trip; it goes on to `endMs`, or stands there still. */
export interface TripStop extends PlainMap {
  readonly startMs: number;
  readonly endMs: number | null;
  readonly latE7: number;
  readonly lonE7: number;
}

/** A detected trip as it is at `updatedMs`. */
export interface TripState extends PlainMap {
  readonly id: string;
  readonly vehicle: string;
  readonly state: 'running' | 'stopped' | 'ended';
  readonly startMs: number;
  readonly startLatE7: number;
  readonly startLonE7: number;
  /** `null` until it has ended. */
  readonly endMs: number | null;
  readonly endLatE7: number | null;
  readonly endLonE7: number | null;
  /** The end, or the newest fix of it. */
  readonly updatedMs: number;
  /** What is drift around a place is left out. */
  readonly distanceM: number;
  /** The three add up: a trip moves or is idle. */
  readonly durationMs: number;
  readonly movingMs: number;
  readonly idleMs: number;
  readonly topSpeedCms: number;
  /** The distance over the whole duration. */
  readonly averageSpeedCms: number;
  /** The first `tripStopsMax` of `stopsCount`. */
  readonly stops: readonly TripStop[];
  readonly stopsCount: number;
}

export type TripOutputKind = 'tripStarted' | 'tripStopped' | 'tripResumed' | 'tripEnded';

export type Output =
  | { readonly kind: TripOutputKind; readonly trip: TripState }
  | { readonly kind: 'vehicleEvent'; readonly event: VehicleEvent };

export type Emit = (output: Output) => void;

/** When and where something was. */
export type Moment = Pick<Fix, 'timeMs' | 'latE7' | 'lonE7' | 'flags'>;

export function eventAt(
  vehicle: string,
  { timeMs, latE7, lonE7, flags }: Moment,
  kind: VehicleEventKind,
  subject: string,
  data: PlainMap,
): Output {
  const isLate = (flags & (fixFlags.late | fixFlags.backfill)) !== 0;
  return {
    kind: 'vehicleEvent',
    event: { vehicle, timeMs, kind, subject, latE7, lonE7, isLate, data },
  };
}
