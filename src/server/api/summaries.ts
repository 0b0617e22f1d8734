/**
 * What a vehicle did in each hour or day, in UTC.
 * Invariant: the same from the hourly aggregate as from the positions; hours and days are whole, also where the
 * range begins or ends within one.
 * Bound: `summaryBucketsMax` hours or days; distances only of `summaryDistanceRowsMax` fixes or fewer.
 */
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { vehicleKey } from '../../identity.ts';
import type { Limits } from '../../limits.ts';
import type { Vehicles } from '../../live/vehicles.ts';
import type { Reader } from '../../store/reader.ts';
import {
  distancesOf,
  summariesOfAggregate,
  summariesOfPositions,
  type Per,
  type Summary,
  type SummaryRange,
} from '../../store/summaries.ts';
import { hasHourlyAggregate } from '../../store/timescale.ts';
import { hasPositions } from '../../store/track.ts';
import type { PlainMap } from '../../wire/types.ts';
import { refusalOfVehicle } from './positions.ts';
import { rangeOf, timeText, type Range } from './query.ts';
import { jsonReply } from './reply.ts';
import { operation, type Operation } from './resource.ts';

export interface SummariesOptions {
  readonly reader: Pick<Reader, 'ask'>;
  readonly vehicles: Pick<Vehicles, 'find'>;
  readonly clock: Clock;
  readonly bounds: Pick<Limits, 'apiRangeMaxMs' | 'summaryBucketsMax' | 'summaryDistanceRowsMax'>;
}

const sizeMs: Readonly<Record<Per, number>> = { hour: 3_600_000, day: 86_400_000 };

/** GET /v1/vehicles/{vehicle}/summaries */
export function listSummaries(options: SummariesOptions): Operation {
  const { reader, clock, bounds } = options;
  const query = z.object({
    per: z.enum(['hour', 'day'], 'is not hour or day'),
    from: timeText.optional(),
    to: timeText.optional(),
  });

  async function read(range: SummaryRange): Promise<readonly Summary[]> {
    const hasAggregate = await reader.ask(hasHourlyAggregate);
    return reader.ask((sql) =>
      hasAggregate ? summariesOfAggregate(sql, range) : summariesOfPositions(sql, range),
    );
  }

  async function distances(
    range: SummaryRange,
    summaries: readonly Summary[],
  ): Promise<ReadonlyMap<number, number> | null> {
    const fixes = summaries.reduce((sum, summary) => sum + summary.fixes, 0);
    if (fixes > bounds.summaryDistanceRowsMax) return null;
    return reader.ask((sql) => distancesOf(sql, range));
  }

  return operation(query, async ({ identity, path }, { per, from, to }) => {
    const vehicle = path['vehicle'] ?? '';
    const refused = refusalOfVehicle(identity, vehicle);
    if (refused !== null) return refused;
    const maxMs = Math.min(bounds.apiRangeMaxMs, bounds.summaryBucketsMax * sizeMs[per]);
    const fallbackMs = per === 'hour' ? sizeMs.day : 7 * sizeMs.day;
    const asked = rangeOf({ from, to, nowMs: clock.nowMs(), fallbackMs, maxMs });
    if ('refused' in asked) return asked;
    const key = vehicleKey(identity.tenant, vehicle);
    const isKnown =
      options.vehicles.find(identity.tenant, vehicle) !== null ||
      (await reader.ask((sql) => hasPositions(sql, key)));
    if (!isKnown) return { refused: 'unknownVehicle' };
    const range = { key, per, ...wholeRange(asked, sizeMs[per]) };
    const summaries = await read(range);
    const ways = await distances(range, summaries);
    const withWays = summaries.map((summary) => withDistance(summary, ways));
    return jsonReply({ vehicle, per, summaries: withWays });
  });
}

function wholeRange({ fromMs, toMs }: Range, size: number): Range {
  return { fromMs: Math.floor(fromMs / size) * size, toMs: Math.ceil(toMs / size) * size };
}

function withDistance(summary: Summary, ways: ReadonlyMap<number, number> | null): PlainMap {
  const { startMs, fixes, firstTimeMs, lastTimeMs, topSpeed, averageSpeed } = summary;
  const distanceM = ways === null ? null : Math.round(ways.get(startMs) ?? 0);
  return { startMs, fixes, firstTimeMs, lastTimeMs, topSpeed, averageSpeed, distanceM };
}
