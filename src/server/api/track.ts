/**
 * A vehicle's track: pages of JSON, or one file, streamed as its client reads.
 * Invariant: what can be refused is refused before the first byte; a file is the whole range. What is shown is
 * read page after page, and nothing of the database is held between two.
 * Bound: `trackRowsMax` stored fixes of `apiRangeMaxMs`; one page in memory.
 */
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { vehicleKey } from '../../identity.ts';
import type { Limits } from '../../limits.ts';
import { isKnownVehicle } from '../../live/tracks.ts';
import type { Vehicles } from '../../live/vehicles.ts';
import type { Metrics } from '../../metrics.ts';
import type { Reader } from '../../store/reader.ts';
import { countTrack, readTrack, type TrackFix, type TrackRange } from '../../store/track.ts';
import type { HttpReply } from '../http.ts';
import { cursorText, makeCursor, readCursor, trackCursor } from './cursor.ts';
import { refusalOfVehicle } from './positions.ts';
import { amountOf, countOf, flag, rangeOf, timeText } from './query.ts';
import { personal } from './reply.ts';
import { operation, type Operation } from './resource.ts';
import { createSimplifier } from './simplify.ts';
import { createTrackFile, formats, type TrackFile } from './trackfile.ts';

export interface TrackOptions {
  readonly reader: Pick<Reader, 'ask'>;
  readonly vehicles: Pick<Vehicles, 'find'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Limits;
}

const dayMs = 86_400_000;

/** GET /v1/vehicles/{vehicle}/track */
export function getTrack(options: TrackOptions): Operation {
  const { reader, clock, metrics, bounds } = options;
  const query = z.object({
    from: timeText.optional(),
    to: timeText.optional(),
    format: z.enum(formats, `is not one of ${formats.join(', ')}`).default('json'),
    simplify: amountOf(bounds.trackToleranceMaxM).optional(),
    all: flag,
    limit: countOf(bounds.trackRowsMax).optional(),
    cursor: cursorText.optional(),
  });

  async function readPage(
    range: TrackRange,
    afterMs: number | null,
    rows: number,
  ): Promise<readonly TrackFix[]> {
    const page = await reader.ask((sql) => readTrack(sql, range, afterMs, rows));
    metrics.counters.apiRowsRead += page.length;
    return page;
  }

  /** The first `limit` fixes behind `afterMs` in pages, then the cursor of those that follow. */
  async function* pagesOf(
    range: TrackRange,
    afterMs: number | null,
    limit: number,
  ): AsyncGenerator<readonly TrackFix[], string | null> {
    let placeMs = afterMs;
    for (let left = limit; ;) {
      // One more than may be shown tells whether there is more.
      const page = await readPage(range, placeMs, Math.min(bounds.apiPageRowsMax, left + 1));
      const shown = page.slice(0, left);
      placeMs = shown.at(-1)?.timeMs ?? placeMs;
      left -= shown.length;
      const isLast = page.length < bounds.apiPageRowsMax && page.length === shown.length;
      if (shown.length > 0) yield shown;
      if (page.length > shown.length) return makeCursor(trackCursor, placeMs ?? range.fromMs);
      if (isLast) return null;
    }
  }

  return operation(query, async ({ identity, path }, wanted) => {
    const vehicle = path['vehicle'] ?? '';
    const refused = refusalOfVehicle(identity, vehicle);
    if (refused !== null) return refused;
    const { from, to, format, limit = bounds.apiPageRowsMax } = wanted;
    const when = { from, to, nowMs: clock.nowMs(), fallbackMs: dayMs, maxMs: bounds.apiRangeMaxMs };
    const asked = rangeOf(when);
    if ('refused' in asked) return asked;
    const afterMs = readCursor(trackCursor, wanted.cursor);
    if (afterMs === undefined) return { refused: 'badCursor' };
    const isPaged = format === 'json';
    if (!isPaged && (wanted.limit !== undefined || afterMs !== null)) {
      return { refused: 'badQuery', detail: 'limit and cursor are for JSON: a file is whole' };
    }
    const key = vehicleKey(identity.tenant, vehicle);
    const range: TrackRange = { key, ...asked, isAll: wanted.all };
    const isKnown = await isKnownVehicle(options, identity.tenant, vehicle);
    if (!isKnown) return { refused: 'unknownVehicle' };
    const most = bounds.trackRowsMax;
    if (!isPaged && (await reader.ask((sql) => countTrack(sql, range, most + 1))) > most) {
      return { refused: 'trackTooLong', detail: `at most ${most}` };
    }
    const pages = pagesOf(range, afterMs, isPaged ? limit : most);
    const file = createTrackFile(format, vehicle);
    const texts = textsOf(pages, file, wanted.simplify ?? 0);
    // The first page is read before the status is sent: where it cannot be, that is said.
    return replyOf(file, vehicle, isPaged ? null : format, await started(texts));
  });
}

async function* textsOf(
  pages: AsyncGenerator<readonly TrackFix[], string | null>,
  file: TrackFile,
  toleranceM: number,
): AsyncGenerator<string> {
  const simplifier = toleranceM > 0 ? createSimplifier<TrackFix>(toleranceM) : null;
  let text = file.begin();
  let page = await pages.next();
  for (; page.done !== true; page = await pages.next()) {
    yield text + file.page(simplifier === null ? page.value : simplifier.next(page.value));
    text = '';
  }
  yield text + file.end(page.value);
}

/** The same texts, of which the first is there. */
async function started(texts: AsyncGenerator<string>): Promise<AsyncIterable<string>> {
  const first = await texts.next();
  return (async function* again() {
    if (first.done === true) return;
    yield first.value;
    yield* texts;
  })();
}

function replyOf(
  { contentType }: TrackFile,
  vehicle: string,
  extension: string | null,
  body: AsyncIterable<string>,
): HttpReply {
  const name = `${vehicle.replaceAll(':', '_')}.${extension ?? ''}`;
  const disposition = { 'content-disposition': `attachment; filename="${name}"` };
  const headers = extension === null ? personal : { ...personal, ...disposition };
  return { status: '200 OK', contentType, body, headers };
}
