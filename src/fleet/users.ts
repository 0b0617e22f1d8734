/**
 * The users that have connected to the subscriber plane: what is sent to a role or a tenant is given to each of them.
 * Invariant: known when `seen` returns, stored a few seconds later; one whose write failed is written with the next.
 * Bound: `usersMax` in memory, what the table holds included; one more is not known by name, and counted.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Identity, Role } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { everyone } from './dockets.ts';

export interface KnownUser {
  readonly tenant: string;
  readonly subject: string;
  /** Of the token that came last. */
  readonly role: Role;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

export interface UsersOptions {
  readonly save: (users: readonly KnownUser[]) => Promise<void>;
  /** A write failed and is tried again. */
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'usersMax' | 'usersFlushIntervalMs' | 'usersPageRowsMax'>;
}

export interface Users {
  /** From the table, at the start. */
  restore(user: KnownUser): void;
  /** A user has connected; true where nobody of this name and role was known. */
  seen(identity: Pick<Identity, 'tenant' | 'subject' | 'role'>): boolean;
  /** Those of a role, or all where the audience is `everyone`. */
  inAudience(tenant: string, audience: string): readonly string[];
  readonly size: number;
  /** Writes all that waits; never rejects, tells `onError` instead. */
  flush(): Promise<void>;
  stop(): void;
}

export function createUsers(options: UsersOptions): Users {
  const { clock, metrics, bounds } = options;
  const { counters } = metrics;
  const tenants = new Map<string, Map<string, KnownUser>>();
  /** Changed since it was written, by its key. */
  let dirty = new Map<string, KnownUser>();
  let size = 0;
  let timer: Timer | null = null;
  let writing: Promise<void> | null = null;
  let isStopped = false;

  function keep(user: KnownUser): boolean {
    const users = tenants.get(user.tenant) ?? new Map<string, KnownUser>();
    if (!users.has(user.subject)) {
      if (size >= bounds.usersMax) return false;
      size += 1;
    }
    tenants.set(user.tenant, users);
    users.set(user.subject, user);
    return true;
  }

  function wake(): void {
    if (timer !== null || writing !== null || isStopped) return;
    timer = clock.after(bounds.usersFlushIntervalMs, () => {
      timer = null;
      void flush();
    });
  }

  async function flush(): Promise<void> {
    while (writing !== null) await writing;
    writing = save().finally(() => {
      writing = null;
      if (dirty.size > 0) wake();
    });
    await writing;
  }

  async function save(): Promise<void> {
    const waiting = [...dirty];
    dirty = new Map();
    for (let start = 0; start < waiting.length; start += bounds.usersPageRowsMax) {
      const page = waiting.slice(start, start + bounds.usersPageRowsMax);
      try {
        await options.save(page.map(([, user]) => user));
        counters.usersFlushed += page.length;
      } catch (error) {
        counters.usersFlushesFailed += 1;
        // What has changed meanwhile is newer.
        dirty = new Map([...waiting.slice(start), ...dirty]);
        return options.onError(error);
      }
    }
  }

  return {
    restore(user) {
      if (!keep(user)) counters.usersUntracked += 1;
    },
    seen({ tenant, subject, role }) {
      const nowMs = clock.nowMs();
      const known = tenants.get(tenant)?.get(subject);
      const firstSeenMs = known?.firstSeenMs ?? nowMs;
      const user = { tenant, subject, role, firstSeenMs, lastSeenMs: nowMs };
      if (!keep(user)) {
        counters.usersUntracked += 1;
        return false;
      }
      dirty.set(`${tenant}/${subject}`, user);
      wake();
      return known?.role !== role;
    },
    inAudience(tenant, audience) {
      const users = [...(tenants.get(tenant)?.values() ?? [])];
      return users
        .filter(({ role }) => audience === everyone || role === audience)
        .map(({ subject }) => subject);
    },
    get size() {
      return size;
    },
    flush,
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}
