/**
 * Bounds of the query API: requests, pages, streams. A part of `limits`.
 * Invariant: the engine's own queries never wait behind those of requests.
 */
import type { Relation } from './relation.ts';

export const apiLimits = {
  /** The body of a request: as large as a frame, for it carries the same calls. */
  apiBodyBytesMax: 64 * 1024,
  /** From the request's header to the last byte of its body. */
  apiBodyDeadlineMs: 10_000,
  /** Requests that are open at once, streams included: each may hold a body, or a page and its text. */
  apiRequestsMax: 200,
  /** Of one user, so that one that reads nothing cannot take them all. */
  apiUserRequestsMax: 10,
  /** Requests of one user: a page that opens asks for many things at once, then for few. */
  apiRequestsPerSecondMax: 20,
  apiRequestsBurstMax: 100,
  /** Users whose requests are counted, 200 bytes each; beyond it the one that asked longest ago is forgotten. */
  apiUsersMax: 10_000,
  /** Queries under way: half of `databaseConnectionsMax`, for the engine's own must not wait behind them. */
  apiQueriesMax: 2,
  /** How long a request waits for its turn and its answer. */
  apiQueryDeadlineMs: 10_000,
  /** Rows of one page, which is one statement. */
  apiPageRowsMax: 1_000,
  /** Vehicles that one request may name. */
  apiVehiclesMax: 100,
  /** The time that one request may look at: partitioned tables cost a little for each of their chunks. */
  apiRangeMaxMs: 366 * 86_400_000,
  /** Fixes of one answer or file: a day at one a second, and some. */
  trackRowsMax: 100_000,
  /** The tolerance of a simplified track, in metres. */
  trackToleranceMaxM: 100_000,
  /** Hours or days of one summary: a month of hours, a year of days. */
  summaryBucketsMax: 744,
  /** A summary of more fixes has no distance, for which each of them is read. */
  summaryDistanceRowsMax: 200_000,
  /** A stream goes on in pieces this large; what waits in a socket that is not read is little more. */
  streamPieceBytes: 16 * 1024,
  /** A stream whose client has read nothing for so long is cut off. */
  streamStallDeadlineMs: 30_000,
} as const;

/** With what they depend on of the others. */
type Bounds = Readonly<Record<keyof typeof apiLimits | 'databaseConnectionsMax', number>>;

export function apiRelations(bounds: Bounds): readonly Relation[] {
  return [
    {
      holds: bounds.apiQueriesMax < bounds.databaseConnectionsMax,
      sentence: 'apiQueriesMax must leave the engine a connection (databaseConnectionsMax)',
    },
    {
      holds: bounds.apiUserRequestsMax <= bounds.apiRequestsMax,
      sentence: 'apiRequestsMax must hold the requests of one user (apiUserRequestsMax)',
    },
    {
      holds: bounds.apiPageRowsMax <= bounds.trackRowsMax,
      sentence: 'trackRowsMax must hold one page (apiPageRowsMax)',
    },
  ];
}
