/**
 * Trips, emergencies, notifications and commands as they are now, the newest first.
 * Invariant: whoever may follow them live may read them here, and nobody else: trips of vehicles that the token
 * sees, a user's own notifications, commands for whoever may send some.
 * Bound: `apiPageRowsMax` a page, of `apiRangeMaxMs`.
 */
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { isVehicleId, type Identity } from '../../identity.ts';
import type { Limits } from '../../limits.ts';
import { mayCall, mayManage, maySubscribe, visibleVehicles } from '../../live/access.ts';
import {
  readCases,
  type CaseFilter,
  type CaseTable,
  type LoggedCase,
  type VehicleFilter,
} from '../../store/caselog.ts';
import type { Reader } from '../../store/reader.ts';
import type { PlainMap } from '../../wire/types.ts';
import { caseCursor, cursorText, makeCursor, readCursor } from './cursor.ts';
import { countOf, flag, rangeOf, timeText, vehicleFilterOf } from './query.ts';
import { jsonReply } from './reply.ts';
import { operation, type Answer, type Operation } from './resource.ts';

export interface CasesOptions {
  readonly reader: Pick<Reader, 'ask'>;
  /** The totals of a started trip that goes on; null where it is none, or they are not known now. */
  readonly tripTotals: (tenant: string, id: string) => PlainMap | null;
  readonly clock: Clock;
  readonly bounds: Pick<Limits, 'apiPageRowsMax' | 'apiRangeMaxMs'>;
}

const vehicleText = z.string().refine(isVehicleId, 'is no vehicle id');
const weekMs = 7 * 86_400_000;
/** Those of a page, where the query does not say. */
const rowsDefault = 100;

/** GET /v1/trips */
export function listTrips(options: CasesOptions): Operation {
  return operation(aboutVehicles(options), ({ identity }, wanted) => {
    const seen = visibleVehicles(identity, 'trip');
    if (seen?.length === 0) return { refused: 'topicNotAllowed' };
    const vehicles = [...(seen === null ? [] : [vehicleFilterOf(seen)]), ...named(wanted.vehicle)];
    // The row has those of its last change.
    const shownAs = ({ id, state }: LoggedCase): PlainMap => {
      const totals = options.tripTotals(identity.tenant, id);
      return totals === null ? state : { ...state, totals };
    };
    return answerCases(options, 'trips', identity, { ...wanted, vehicles }, shownAs);
  });
}

/** GET /v1/emergencies */
export function listEmergencies(options: CasesOptions): Operation {
  return operation(aboutVehicles(options), ({ identity }, wanted) => {
    if (!maySubscribe(identity, { kind: 'emergency' })) return { refused: 'topicNotAllowed' };
    const vehicles = named(wanted.vehicle);
    return answerCases(options, 'emergencies', identity, { ...wanted, vehicles });
  });
}

/** GET /v1/notifications: those of the caller. */
export function listNotifications(options: CasesOptions): Operation {
  return operation(paged(options), ({ identity }, wanted) => {
    const { subject } = identity;
    const isAllowed = maySubscribe(identity, { kind: 'notification', user: subject });
    if (!isAllowed) return { refused: 'topicNotAllowed' };
    return answerCases(options, 'notifications', identity, { ...wanted, recipient: subject });
  });
}

/** GET /v1/commands: those of one vehicle. */
export function listCommands(options: CasesOptions): Operation {
  return operation(paged(options).extend({ vehicle: vehicleText }), ({ identity }, wanted) => {
    const isAllowed = mayCall(identity, 'command.send') && mayManage(identity, wanted.vehicle);
    if (!isAllowed) return { refused: 'notAllowed' };
    const vehicles = named(wanted.vehicle);
    return answerCases(options, 'commands', identity, { ...wanted, vehicles });
  });
}

function paged({ bounds }: CasesOptions) {
  return z.object({
    open: flag,
    from: timeText.optional(),
    to: timeText.optional(),
    limit: countOf(bounds.apiPageRowsMax).default(rowsDefault),
    cursor: cursorText.optional(),
  });
}

function aboutVehicles(options: CasesOptions) {
  return paged(options).extend({ vehicle: vehicleText.optional() });
}

/** A query, and what the caller may see of it. */
interface Wanted extends Partial<Pick<CaseFilter, 'vehicles' | 'recipient'>> {
  readonly open: boolean;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

async function answerCases(
  { reader, clock, bounds }: CasesOptions,
  table: CaseTable,
  { tenant }: Identity,
  wanted: Wanted,
  shownAs: (logged: LoggedCase) => PlainMap = ({ state }) => state,
): Promise<Answer> {
  const { from, to, limit, open, vehicles = [], recipient = null } = wanted;
  const maxMs = bounds.apiRangeMaxMs;
  // What began at this very moment is in it, and what is open may have begun long ago.
  const nowMs = clock.nowMs() + 1;
  const range = rangeOf({ from, to, nowMs, fallbackMs: open ? maxMs : weekMs, maxMs });
  if ('refused' in range) return range;
  const kind = caseCursor(table);
  const after = readCursor(kind, wanted.cursor);
  if (after === undefined) return { refused: 'badCursor' };
  const filter = { tenant, ...range, isOpenOnly: open, vehicles, recipient };
  const page = await reader.ask((sql) => readCases(sql, table, filter, after, limit + 1));
  const shown = page.slice(0, limit);
  const last = shown.at(-1);
  const isMore = page.length > limit && last !== undefined;
  const next = isMore ? makeCursor(kind, { beganMs: last.beganMs, id: last.id }) : null;
  return jsonReply({ [table]: shown.map(shownAs), next });
}

function named(vehicle: string | undefined): readonly VehicleFilter[] {
  return vehicle === undefined ? [] : [{ ids: [vehicle], prefixes: [] }];
}
