/**
 * Connections on their way into the `sessions` table: gathered, and written every few seconds and at the stop.
 * Invariant: a session that begins and ends between two writes is one row of one statement; what a write did not
 * take is in the next one. Nothing here waits for the database but `flush`.
 * Bound: `sessionsPendingMax` rows wait, or one for each connection where these are more, for a stop ends all at
 * once; beyond it the oldest that have ended are dropped and counted.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { SessionEnd, StoredSession } from '../store/connections.ts';
import type { Ending } from './ending.ts';
import type { Peer } from './peer.ts';

export type Recorded = Pick<Peer, 'id' | 'plane' | 'identity' | 'traffic'>;

export interface RecorderOptions {
  readonly save: (sessions: readonly StoredSession[]) => Promise<void>;
  /** A write failed and is tried again at the next turn. */
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<
    Limits,
    'connectionsMax' | 'sessionsFlushIntervalMs' | 'sessionsPageRowsMax' | 'sessionsPendingMax'
  >;
}

export interface Recorder {
  begin(peer: Recorded, address: string): void;
  end(peer: Recorded, ending: Ending): void;
  /** Rows that wait to be written. */
  readonly pending: number;
  /** Writes all that waits now; never rejects, tells `onError` instead. */
  flush(): Promise<void>;
  /** No more writes but those of `flush`. */
  stop(): void;
}

interface Session extends StoredSession {
  end: SessionEnd | null;
}

export function createRecorder(options: RecorderOptions): Recorder {
  const { clock, metrics, bounds } = options;
  const { counters } = metrics;
  const pendingMax = Math.max(bounds.sessionsPendingMax, bounds.connectionsMax);
  const open = new Map<Recorded, Session>();
  /** Begun, and not written since. */
  let begun = new Set<Session>();
  /** Ended, and not written since; the oldest first. */
  let ended = new Set<Session>();
  let writing: Promise<void> | null = null;
  let timer: Timer | null = null;
  let isStopped = false;

  /** What waits is written after the interval, or at once by whoever calls `flush`. */
  function wake(): void {
    if (timer !== null || writing !== null || isStopped) return;
    timer = clock.after(bounds.sessionsFlushIntervalMs, () => {
      timer = null;
      void flush();
    });
  }

  function trim(): void {
    for (const oldest of ended) {
      if (begun.size + ended.size <= pendingMax) return;
      ended.delete(oldest);
      counters.sessionsDropped += 1;
    }
  }

  async function flush(): Promise<void> {
    while (writing !== null) await writing;
    writing = save().finally(() => {
      writing = null;
      if (begun.size + ended.size > 0) wake();
    });
    await writing;
  }

  async function save(): Promise<void> {
    // What comes meanwhile waits for the next turn, or one at a time would be written without a pause.
    for (let left = begun.size + ended.size; left > 0; left -= bounds.sessionsPageRowsMax) {
      const page = takePage();
      try {
        // Copies: one that ends while it is written is written again.
        await options.save(page.map((session) => ({ ...session })));
        counters.sessionsFlushed += page.length;
      } catch (error) {
        counters.sessionsFlushesFailed += 1;
        putBack(page);
        return options.onError(error);
      }
    }
  }

  function takePage(): readonly Session[] {
    const page = [...ended, ...begun].slice(0, bounds.sessionsPageRowsMax);
    for (const session of page) {
      ended.delete(session);
      begun.delete(session);
    }
    return page;
  }

  function putBack(page: readonly Session[]): void {
    ended = new Set([...page.filter(({ end }) => end !== null), ...ended]);
    begun = new Set([...page.filter(({ end }) => end === null), ...begun]);
    trim();
  }

  return {
    begin(peer, address) {
      const { tenant, subject, role } = peer.identity;
      const { id, plane } = peer;
      const startedAtMs = clock.nowMs();
      const session = { id, tenant, subject, role, plane, address, startedAtMs, end: null };
      open.set(peer, session);
      begun.add(session);
      trim();
      wake();
    },
    end(peer, { code, reason }) {
      const session = open.get(peer);
      if (session === undefined) throw new Error('recorder: a session ended that never began');
      open.delete(peer);
      session.end = { atMs: clock.nowMs(), code, reason, ...peer.traffic };
      begun.delete(session);
      ended.add(session);
      trim();
      wake();
    },
    get pending() {
      return begun.size + ended.size;
    },
    flush,
    stop() {
      isStopped = true;
      timer?.cancel();
      timer = null;
    },
  };
}
