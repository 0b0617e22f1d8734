/**
 * Bounds of what follows from positions: filters, trips, geofences, and how it is kept. A part of `limits`.
 * Invariant: 0 switches off what may be switched off; the relations are checked with all others (limits.ts).
 */
import type { Relation } from './relation.ts';

export const fleetLimits = {
  /*
   * Filters of fixes; 0 switches one off. On are those for what cannot be true. What is only needless, or only old,
   * is each fleet's own choice: a stand that is thinned out makes the start of a trip as coarse.
   */
  /** So near to 0/0, where only sea is, it is a receiver that knows no place. */
  filterZeroIslandM: 1_000,
  /** A fix that would take this speed has jumped: 360 km/h, faster than any train in service. */
  filterJumpSpeedCms: 10_000,
  /** After so many jumps in a row it is where they say: a glitch is shorter, a vehicle must not be lost. */
  filterJumpFixesMax: 5,
  /** Worse than this is a radio mast and no satellite; it must not start a trip (`tripStartDistanceM`). */
  filterAccuracyMaxDm: 2_000,
  /** A fix of the same place and attributes so soon after the last says nothing new. */
  filterDuplicateMs: 0,
  /** So near to where the vehicle stands, and slow, it is drift; one each interval says that it still stands. */
  filterDriftM: 0,
  filterDriftIntervalMs: 60_000,
  /** The least time between two fixes. */
  filterIntervalMinMs: 0,
  /** A fix that is older than this when it comes. */
  filterOutdatedMs: 0,
  /**
   * Where a vehicle stands: within this of the centre of its fixes there. Receivers wander 5 m under an open sky and
   * 30 m between houses; a larger circle makes one stop of two, and would begin trips later than they did.
   */
  standRadiusM: 40,
  /** It stands, and what it wanders is drift, from then on: who passes through the circle takes less. */
  standMinMs: 30_000,
  /** A trip has begun when it is this far away, a house block, for so long: both are more than any noise. */
  tripStartDistanceM: 200,
  tripStartMs: 30_000,
  /** A stand that ends a trip: what others call parking begins at five minutes too. */
  tripStopMs: 300_000,
  /** The same with the ignition off: no engine rests that long at a light. */
  tripIgnitionOffMs: 60_000,
  /** Silence that ends a trip: a tunnel, a ferry or a dead spot is shorter. */
  tripGapMs: 3_600_000,
  /** A shorter stand is a traffic light, whose cycle takes up to two minutes. */
  stopMinMs: 120_000,
  /** Steps of the distance while the speed is not known or low: shorter ones are noise, longer ones cut corners. */
  tripStepM: 10,
  /** Fixes of one trip that are read to measure it again: three weeks of one a second. It has no totals beyond. */
  tripMeasureRowsMax: 2_000_000,
  /** Stops of one trip that are listed, 100 bytes each in its event; more are counted only. */
  tripStopsMax: 50,
  /** 140 km/h: the highest common limit (130) and what a receiver may be off. 0 for no limit. */
  overspeedCms: 3_900,
  /** It has ended this far below (5 km/h), and is none when it is over sooner than this. */
  overspeedHysteresisCms: 140,
  overspeedMinMs: 10_000,
  /** cm/s2: what throws a standing passenger over (0.4 g) and what few engines can do. 0 switches off. */
  harshBrakingCms2: 400,
  harshAccelerationCms2: 350,
  /** cm/s2: more than tyres can hold is a receiver that found its speed again. */
  harshMaxCms2: 1_500,
  /** Between the two speeds: closer ones differ by noise, and between distant ones it was not one pedal. */
  harshIntervalMinMs: 500,
  harshIntervalMaxMs: 3_000,
  /** A battery is no longer low this far above `lowBatteryPercent`. */
  batteryHysteresisPercent: 5,
  /** Geofences of a node, 1.2 KB each, and the positions of all of them, 18 bytes each: 96 MB. */
  fencesMax: 50_000,
  fencesPositionsMax: 2_000_000,
  /** Cells of the map, of which is known what is near, 200 bytes each: a country as large as Germany. */
  fenceCellsMax: 262_144,
  /** Of one geofence: so many cost some 1.5 us for every fix in a cell of its border. */
  fencePositionsMax: 1_000,
  /** What a geofence may span, north to south and west to east: 2,200 km, a large country. */
  fenceSpanMaxE7: 200_000_000,
  /** Of a circle, and of a corridor from side to side. A receiver cannot tell less than 1 m. */
  fenceSizeMinM: 1,
  fenceRadiusMaxM: 500_000,
  fenceWidthMaxM: 20_000,
  fenceNameCharsMax: 128,
  /** A vehicle that is to be told about after a month is told about by other means. */
  fenceDwellMaxMs: 31 * 86_400_000,
  /** Whom a geofence tells: roles and users. */
  fenceNotifyMax: 16,
  /** Geofences that one vehicle is in at a time, some 150 bytes each: more overlap nowhere but by mistake. */
  fencesPerVehicleMax: 32,
  /** A side of a border counts when it has held this long: the noise of a receiver changes it in seconds. */
  fenceDebounceMs: 30_000,
  /** Or at once: outwards so far away, in metres and in accuracies, that no noise is. 5 s at 20 m/s. */
  fenceExitMarginM: 100,
  fenceExitAccuracies: 4,
  /** The accuracy of a fix that has none, which is that of a receiver under an open sky. */
  fenceAccuracyM: 10,

  // What follows from positions, as it is kept.
  /** How often trips are looked for that a silence has ended, and how long nothing has come of their vehicle then. */
  tripLapseMs: 30_000,
  /** Vehicles whose silence ends in one turn, 0.1 ms each: after an outage it is that of the whole fleet. */
  lapsesPerTurnMax: 200,
  /** Between two states of a vehicle that are kept to go over its past from: an hour of fixes is read in 50 ms. */
  snapshotIntervalMs: 3_600_000,
  /** Events and states of vehicles that wait for the database, 500 bytes each; beyond it they are folded again. */
  harvestPendingMax: 50_000,
  /** The same of events of trips that wait for the journal. */
  tripNewsPendingMax: 10_000,
  /** Notifications of events of vehicles that were refused, and are tried again. */
  alarmsPendingMax: 10_000,
  /** Rows of these written by one statement. */
  harvestPageRowsMax: 1_000,
  /** How often vehicles with late fixes are looked for; one at a time is folded again. */
  recomputeIntervalMs: 1_000,
  /**
   * Late fixes come many together: so long after the last of them, but no longer than this after the first. A vehicle
   * that could not be folded again rests so long.
   */
  recomputeDelayMs: 1_000,
  recomputeDelayMaxMs: 30_000,
  /** Fixes of one vehicle in one round, some seconds; one that has more goes on when others had their turn. */
  recomputeRowsMax: 100_000,
  /** Rows read by one statement: little enough to leave the database free. */
  recomputePageRowsMax: 2_000,
  /** Fixes of a vehicle that come while it is folded again; one that has more is begun anew. */
  recomputeTailMax: 10_000,
} as const;

/** With what they depend on of the others. */
type Bounds = Readonly<
  Record<keyof typeof fleetLimits | 'movingSpeedCms' | 'liveAgeMaxMs' | 'eventBytesMax', number>
>;

export function fleetRelations(bounds: Bounds): readonly Relation[] {
  return [
    {
      holds: bounds.filterAccuracyMaxDm <= bounds.tripStartDistanceM * 10,
      sentence: 'tripStartDistanceM must be more than a fix may be off (filterAccuracyMaxDm)',
    },
    {
      holds:
        bounds.filterDriftM <= bounds.standRadiusM &&
        bounds.standRadiusM < bounds.tripStartDistanceM,
      sentence: 'filterDriftM <= standRadiusM < tripStartDistanceM',
    },
    {
      holds:
        bounds.filterDriftIntervalMs <= bounds.stopMinMs &&
        bounds.filterDuplicateMs <= bounds.stopMinMs &&
        bounds.filterIntervalMinMs <= bounds.stopMinMs,
      sentence:
        'stopMinMs must be longer than what filters leave out of a stand (filterDriftIntervalMs, ' +
        'filterDuplicateMs, filterIntervalMinMs)',
    },
    {
      holds:
        0 < bounds.standMinMs &&
        bounds.standMinMs <= bounds.stopMinMs &&
        bounds.stopMinMs <= bounds.tripStopMs &&
        bounds.tripStopMs <= bounds.tripGapMs,
      sentence: 'standMinMs <= stopMinMs <= tripStopMs <= tripGapMs',
    },
    {
      holds: bounds.liveAgeMaxMs <= bounds.tripGapMs,
      sentence: 'tripGapMs must not be shorter than liveAgeMaxMs: what silence ends is late',
    },
    {
      holds: bounds.movingSpeedCms > 0,
      sentence: 'movingSpeedCms must be positive',
    },
    {
      holds: bounds.tripStopsMax * 100 + 2_048 <= bounds.eventBytesMax,
      sentence: 'eventBytesMax must hold a trip with its stops (tripStopsMax)',
    },
    {
      holds:
        bounds.recomputePageRowsMax <= bounds.recomputeRowsMax &&
        bounds.recomputePageRowsMax <= bounds.tripMeasureRowsMax &&
        bounds.recomputeDelayMs <= bounds.recomputeDelayMaxMs,
      sentence:
        'recomputePageRowsMax <= recomputeRowsMax and tripMeasureRowsMax, and recomputeDelayMs <= recomputeDelayMaxMs',
    },
    {
      holds: bounds.snapshotIntervalMs > 0 && bounds.tripLapseMs > 0 && bounds.lapsesPerTurnMax > 0,
      sentence: 'snapshotIntervalMs, tripLapseMs and lapsesPerTurnMax must be positive',
    },
    {
      holds: bounds.harshIntervalMinMs <= bounds.harshIntervalMaxMs,
      sentence: 'harshIntervalMinMs must not be longer than harshIntervalMaxMs',
    },
    {
      holds:
        bounds.fencePositionsMax <= bounds.fencesPositionsMax &&
        bounds.fencesPerVehicleMax <= bounds.fencesMax,
      sentence:
        'one geofence and the geofences of one vehicle must not be more than those of a node ' +
        '(fencePositionsMax <= fencesPositionsMax, fencesPerVehicleMax <= fencesMax)',
    },
  ];
}
