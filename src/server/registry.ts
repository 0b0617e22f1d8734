/**
 * What the database is told of connections and tokens: sessions that begin and end, revocations.
 * Invariant: opened after the lock on the data directory is held and before the first connection: by then the
 * sessions that a crash left are ended and every stored revocation is in force.
 * Bound: the deadline of the database for each query; what hangs is given up and tried again.
 */
import { messageOf } from '../errors.ts';
import { endLostSessions, saveSessions } from '../store/connections.ts';
import type { Database } from '../store/database.ts';
import { withinOrReset } from '../store/deadline.ts';
import { loadRevocations, saveRevocation } from '../store/revocations.ts';
import { loadNode } from './node.ts';
import type { Peer } from './peer.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import { acceptedAfterExpiryMs, createRevocations, type Revocations } from './revocations.ts';
import type { Context } from './storage.ts';

export interface Registry {
  readonly recorder: Recorder;
  readonly revocations: Revocations;
}

/** `peers` are those that are open when it is called. Throws CONFIG_INVALID and what the database says. */
export async function openRegistry(
  { config, clock, metrics, log }: Context,
  database: Database,
  peers: () => Iterable<Peer>,
): Promise<Registry> {
  const { bounds } = config;
  const node = await loadNode(config.dataDir);
  const lost = await endLostSessions(database.sql, node, clock.nowMs());
  if (lost > 0) log.warn({ sessions: lost }, 'ended the sessions that the last run left open');
  const expiredBeforeMs = clock.nowMs() - acceptedAfterExpiryMs(bounds);
  const stored = await loadRevocations(database.sql, expiredBeforeMs);
  return {
    recorder: createRecorder({
      save: (sessions) =>
        withinOrReset(clock, database, saveSessions(database.sql, node, sessions)),
      onError: (error) =>
        log.warn({ cause: messageOf(error) }, 'sessions not written, trying again'),
      clock,
      metrics,
      bounds,
    }),
    revocations: createRevocations({
      stored,
      save: (revocation) =>
        withinOrReset(clock, database, saveRevocation(database.sql, revocation, clock.nowMs())),
      onError: (error) =>
        log.error({ cause: messageOf(error) }, 'a revocation is in force, but not stored'),
      peers,
      clock,
      metrics,
      bounds,
    }),
  };
}
