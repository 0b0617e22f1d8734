/**
 * An outing of a vehicle on which everything happens once: each event that fixes tell, each reason to filter a fix.
 * Invariant: what a step tells follows from the steps before and from the geofences, and from nothing else. No step that
 * counts is further ahead of the moment of the geofences than a clock may be, so that all are live at once.
 * Bound: 27 fixes, of 42 s after a stand.
 */
import type { VehicleEventKind } from '../../src/fleet/output.ts';
import type { Fix, PlainMap } from '../../src/wire/types.ts';
import { fixAt, startMs } from '../fleet/journeys.ts';

/** Why a fix is not to be believed, as `fixFlags` has it. */
export type Fault =
  | 'zeroIsland'
  | 'duplicate'
  | 'jump'
  | 'inaccurate'
  | 'drift'
  | 'frequent'
  | 'clockSkew'
  | 'outdated';

/** What is told, with its time, which may lie before the fix that tells it. */
export interface Tale {
  readonly kind: VehicleEventKind;
  readonly subject: string;
  readonly timeMs: number;
  readonly data: PlainMap;
}

export interface Outing {
  /** In the order of their time, but for the one that is outdated. */
  readonly fixes: readonly (Fix & { readonly fault: Fault | null })[];
  /** In the order in which they are told. */
  readonly tales: readonly Tale[];
}

/** The settings for which the outing is made. */
export const outingEnv = {
  // What is told late is told to nobody else, and a test may be slow.
  FLEETWIRE_LIVE_AGE_MAX_MS: '3600000',
  FLEETWIRE_FILTER_ZERO_ISLAND_M: '1000',
  FLEETWIRE_FILTER_JUMP_SPEED_CMS: '10000',
  FLEETWIRE_FILTER_ACCURACY_MAX_DM: '2000',
  FLEETWIRE_FILTER_DUPLICATE_MS: '5000',
  FLEETWIRE_FILTER_DRIFT_M: '30',
  FLEETWIRE_FILTER_INTERVAL_MIN_MS: '500',
  FLEETWIRE_FILTER_OUTDATED_MS: '86400000',
  FLEETWIRE_OVERSPEED_CMS: '2000',
  FLEETWIRE_OVERSPEED_MIN_MS: '3000',
} as const;

const degrees = ({ latE7, lonE7 }: Fix): readonly number[] => [lonE7 / 1e7, latE7 / 1e7];
const place = (northM: number, eastM: number): readonly number[] =>
  degrees(fixAt(0, northM, eastM));

/** A circle, a polygon and a corridor across its way, each as it is put. */
export const outingFences = {
  depot: {
    type: 'Feature',
    geometry: { type: 'Point', coordinates: place(0, 0) },
    properties: { name: 'Depot', radiusM: 100, dwellMs: 5_000, notify: ['user:dora'] },
  },
  school: {
    type: 'Feature',
    geometry: {
      type: 'Polygon',
      coordinates: [
        [place(350, -200), place(350, 200), place(650, 200), place(650, -200), place(350, -200)],
      ],
    },
    properties: { name: 'School', speedMaxCms: 1_000, notify: ['role:dispatcher'] },
  },
  bridge: {
    type: 'Feature',
    geometry: { type: 'LineString', coordinates: [place(900, -300), place(900, 300)] },
    properties: { name: 'Bridge', widthM: 60 },
  },
} as const;

interface Step {
  readonly seconds: number;
  readonly northM: number;
  readonly more?: Partial<Fix>;
  readonly fault?: Fault;
}

const says = (attributes: PlainMap): Partial<Fix> => ({ attributes: JSON.stringify(attributes) });
const speed = (speedCms: number): Partial<Fix> => ({ speedCms });
const calm = { ignition: false, power: 12.4, batteryLevel: 80, tamper: false };

const steps: readonly Step[] = [
  { seconds: -172_800, northM: -300, fault: 'outdated' },
  { seconds: -40, northM: -300, more: { ...speed(0), ...says(calm) } },
  { seconds: -5, northM: -297, more: speed(0), fault: 'drift' },
  { seconds: 1, northM: -200, more: { ...speed(1_000), ...says({ ignition: true }) } },
  { seconds: 5, northM: 0, more: speed(1_000) },
  { seconds: 5.2, northM: 2, more: speed(1_000), fault: 'frequent' },
  { seconds: 6, northM: 0, more: speed(1_000), fault: 'duplicate' },
  { seconds: 12, northM: 10, more: speed(500) },
  { seconds: 13, northM: 60, more: speed(500) },
  { seconds: 16, northM: 260, more: speed(1_000) },
  { seconds: 17, northM: 300, more: speed(1_500) },
  { seconds: 18, northM: 380, more: { accuracyDm: 3_000 }, fault: 'inaccurate' },
  { seconds: 19, northM: 450, more: speed(1_600) },
  { seconds: 20, northM: 500, more: speed(1_900) },
  { seconds: 21, northM: 550, more: speed(2_200) },
  { seconds: 22, northM: 100_000, more: speed(2_200), fault: 'jump' },
  { seconds: 24, northM: 600, more: speed(2_200) },
  { seconds: 25, northM: 620, more: speed(1_500) },
  { seconds: 28, northM: 800, more: speed(1_500) },
  { seconds: 31, northM: 900, more: speed(1_500) },
  { seconds: 34, northM: 1_100, more: { ...speed(1_500), ...says({ batteryLevel: 10 }) } },
  { seconds: 36, northM: 1_120, more: says({ power: 0 }) },
  { seconds: 38, northM: 1_140, more: says({ tamper: true }) },
  { seconds: 40, northM: 1_160, more: says({ ignition: false }) },
  { seconds: 41, northM: 0, more: { latE7: 0, lonE7: 0 }, fault: 'zeroIsland' },
  { seconds: 42, northM: 1_180 },
  { seconds: 3_600, northM: 1_200, fault: 'clockSkew' },
];

/** The outing of a vehicle that comes to the first geofence 5 s after `originMs`. */
export function outingAt(originMs: number): Outing {
  const at = (seconds: number): number => originMs + Math.round(seconds * 1_000);
  const tale = (
    seconds: number,
    kind: VehicleEventKind,
    data: PlainMap = {},
    subject = '',
  ): Tale => ({ kind, subject, timeMs: at(seconds), data });
  const fixes = steps.map(({ seconds, northM, more, fault = null }) => {
    const fix = fixAt(seconds, northM, 0, more);
    return Object.assign(fix, { timeMs: fix.timeMs - startMs + originMs, fault });
  });
  const [depot, school, bridge] = [{ name: 'Depot' }, { name: 'School' }, { name: 'Bridge' }];
  const tales = [
    tale(1, 'ignitionOn'),
    tale(5, 'geofenceEntered', { ...depot, sinceMs: at(5) }, 'depot'),
    tale(10, 'geofenceDwelled', { ...depot, enteredMs: at(5) }, 'depot'),
    tale(16, 'geofenceExited', { ...depot, enteredMs: at(5), sinceMs: at(16) }, 'depot'),
    tale(17, 'harshAcceleration', { fromCms: 1_000, toCms: 1_500, cms2: 500 }),
    tale(19, 'geofenceEntered', { ...school, sinceMs: at(19) }, 'school'),
    tale(19, 'geofenceOverspeed', { ...school, speedCms: 1_600, speedMaxCms: 1_000 }, 'school'),
    tale(21, 'overspeedStarted', { limitCms: 2_000, topSpeedCms: 2_200 }),
    tale(25, 'harshBraking', { fromCms: 2_200, toCms: 1_500, cms2: -700 }),
    tale(25, 'overspeedEnded', { startMs: at(21), topSpeedCms: 2_200 }),
    tale(28, 'geofenceExited', { ...school, enteredMs: at(19), sinceMs: at(28) }, 'school'),
    tale(31, 'geofenceEntered', { ...bridge, sinceMs: at(31) }, 'bridge'),
    tale(34, 'batteryLow', { percent: 10 }),
    tale(34, 'geofenceExited', { ...bridge, enteredMs: at(31), sinceMs: at(34) }, 'bridge'),
    tale(36, 'powerCut'),
    tale(38, 'tamper'),
    tale(40, 'ignitionOff'),
  ];
  return { fixes, tales };
}
