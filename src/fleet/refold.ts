/**
 * The past of one vehicle, folded again from its stored fixes: what follows from them in the order of their time.
 * Invariant: the same states, outputs and flags as if the fixes had come in this order.
 * Bound: `recomputeRowsMax` fixes, read `recomputePageRowsMax` at a time.
 */
import type { Limits } from '../limits.ts';
import type { Vehicle } from '../live/vehicles.ts';
import type { Reflagged } from '../store/refolds.ts';
import type { StoredVehicleEvent } from '../store/vehicleevents.ts';
import type { StoredState } from '../store/vehiclestates.ts';
import type { Fix } from '../wire/types.ts';
import { advance, lapse, type DeriveBounds, type DeriveContext } from './derive.ts';
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
  /** Fixes behind this, up to `untilMs`. */
  readonly afterMs: number;
  readonly untilMs: number;
  readonly fences: TenantFences;
  readonly read: (afterMs: number, rows: number) => Promise<readonly Fix[]>;
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
  /** Of the last fix that was read; `afterMs` where there was none. */
  readonly reachedMs: number;
  /** There are no more up to `untilMs`. */
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
  let lapsedMs = -1;
  let reachedMs = options.afterMs;
  let rows = 0;

  function emit(output: Output): void {
    const toldMs = Math.max(state.timeMs, lapsedMs);
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

  function lapseAt(timeMs: number): void {
    lapsedMs = timeMs;
    lapse(state, timeMs + 1, context, emit);
  }

  function keepState(): void {
    states.push({ key, timeMs: state.timeMs, state: encodeState(state) });
  }

  let isWhole = false;
  while (!isWhole && rows < bounds.recomputeRowsMax) {
    const page = await options.read(reachedMs, bounds.recomputePageRowsMax);
    for (const fix of page) {
      // A state that has lapsed is further than its last fix.
      if (fix.timeMs > state.timeMs) take(fix);
    }
    rows += page.length;
    reachedMs = page.at(-1)?.timeMs ?? reachedMs;
    isWhole = page.length < bounds.recomputePageRowsMax;
  }
  // The next round goes on from here. What a silence had ended before it ends again.
  if (!isWhole) keepState();
  else lapseAt(options.untilMs);
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
