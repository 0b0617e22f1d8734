/**
 * The past of one vehicle, folded again from its stored fixes and statuses: what follows from them in the order of their
 * time.
 * Invariant: the same states, outputs and flags as if the fixes had come in this order.
 * Bound: `recomputeRowsMax` fixes and statuses, read `recomputePageRowsMax` at a time.
 */
import type { Limits } from '../limits.ts';
import type { Vehicle } from '../live/vehicles.ts';
import type { Past, Reflagged } from '../store/refolds.ts';
import type { HeardStatus } from '../store/status.ts';
import type { StoredVehicleEvent } from '../store/vehicleevents.ts';
import type { StoredState } from '../store/vehiclestates.ts';
import type { Fix } from '../wire/types.ts';
import { advance, applyStatus, lapse, type DeriveBounds, type DeriveContext } from './derive.ts';
import type { TenantFences } from './fenceindex.ts';
import type { Output } from './output.ts';
import { beginsInterval, snapshotOffsetMs } from './snapshots.ts';
import type { VehicleState } from './state.ts';
import { encodeState } from './statecodec.ts';
import type { ToldTrip } from './tripchanges.ts';

export interface RefoldOptions {
  readonly vehicle: Vehicle;
  /** Changed in place. */
  readonly state: VehicleState;
  /** What comes behind this; fixes up to `untilMs`. */
  readonly afterMs: number;
  readonly untilMs: number;
  readonly fences: TenantFences;
  readonly read: (afterMs: number, rows: number) => Promise<readonly Past[]>;
  readonly bounds: DeriveBounds &
    Pick<Limits, 'recomputeRowsMax' | 'recomputePageRowsMax' | 'snapshotIntervalMs'>;
}

export interface Refolded {
  readonly state: VehicleState;
  readonly events: readonly StoredVehicleEvent[];
  readonly states: readonly StoredState[];
  /** The last that was told of each trip, by id. */
  readonly trips: ReadonlyMap<string, ToldTrip>;
  readonly reflagged: readonly Reflagged[];
  /** The last fix that counts; null for none. */
  readonly newest: Fix | null;
  readonly rows: number;
  /** Of the last that was read; `afterMs` where there was none. */
  readonly reachedMs: number;
  /** There are no more. */
  readonly isWhole: boolean;
}

const dayMs = 86_400_000;

export async function refold(options: RefoldOptions): Promise<Refolded> {
  const { vehicle, state, fences, bounds } = options;
  const { key } = vehicle;
  const offsetMs = snapshotOffsetMs(key, bounds.snapshotIntervalMs);
  const events: StoredVehicleEvent[] = [];
  const states: StoredState[] = [];
  const trips = new Map<string, ToldTrip>();
  const reflagged: Reflagged[] = [];
  const context: DeriveContext = { bounds, fences, onFencesLeftOut: () => undefined };
  let newest: Fix | null = null;
  let hasEndedTrip = false;
  /** Of what is being taken. */
  let takenMs = -1;
  let reachedMs = options.afterMs;
  let rows = 0;

  function emit(output: Output): void {
    const toldMs = Math.max(state.timeMs, takenMs);
    if (output.kind === 'vehicleEvent') {
      const { vehicle: _id, ...told } = output.event;
      events.push({ key, toldMs, ...told });
    } else {
      trips.set(output.trip.id, { ...output.trip, toldMs });
      hasEndedTrip ||= output.kind === 'tripEnded';
    }
  }

  function take(fix: Fix): void {
    const { flags } = fix;
    takenMs = fix.timeMs;
    const beforeMs = state.timeMs;
    hasEndedTrip = false;
    const flag = advance(state, fix, context, emit);
    if (fix.flags !== flags) reflagged.push({ timeMs: fix.timeMs, flags: fix.flags });
    if (flag !== 0) return;
    newest = fix;
    if (hasEndedTrip || beginsInterval(beforeMs, fix.timeMs, offsetMs, bounds.snapshotIntervalMs)) {
      keepState();
    }
  }

  function takeStatus(status: HeardStatus): void {
    takenMs = status.timeMs;
    applyStatus(state, status, context, emit);
  }

  function lapseAt(timeMs: number): void {
    takenMs = timeMs;
    lapse(state, timeMs + 1, context, emit);
  }

  function keepState(): void {
    states.push({ key, timeMs: state.timeMs, state: encodeState(state) });
  }

  let isWhole = false;
  while (!isWhole && rows < bounds.recomputeRowsMax) {
    const read = await options.read(reachedMs, bounds.recomputePageRowsMax);
    isWhole = read.length < bounds.recomputePageRowsMax;
    // A fix and a status of one time go together.
    const page = isWhole ? read : read.filter(({ timeMs }) => timeMs !== read.at(-1)?.timeMs);
    for (const past of page) {
      if ('status' in past) takeStatus(past.status);
      // A state that has lapsed is further than its last fix.
      else if (past.timeMs > state.timeMs) take(past.fix);
    }
    rows += page.length;
    reachedMs = page.at(-1)?.timeMs ?? reachedMs;
  }
  // The next round goes on from here. What a silence had ended before it ends again.
  if (isWhole) {
    lapseAt(options.untilMs);
  } else {
    state.timeMs = Math.max(state.timeMs, reachedMs);
    keepState();
  }
  const kept = thinned(states, reachedMs);
  return {
    state,
    events,
    states: kept,
    trips,
    reflagged,
    newest,
    rows,
    reachedMs,
    isWhole,
  };
}

/** All of the last day, and the first of each day before. */
function thinned(states: readonly StoredState[], untilMs: number): readonly StoredState[] {
  let lastDay = -1;
  return states.filter(({ timeMs }) => {
    const day = Math.floor(timeMs / dayMs);
    const isFirst = day !== lastDay;
    lastDay = day;
    return isFirst || timeMs >= untilMs - dayMs;
  });
}
