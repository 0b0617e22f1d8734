/**
 * Events into the database, in the order in which they are given, whatever stands in their way.
 * Invariant: a write resolves only when each of its events is committed, was there before, or is committed
 * as a dead letter. One that is dead leaves a gap at its offset, and the offset may be given again after a
 * restart: so the epoch is renewed for the next start, and no subscriber of this one recovers in that.
 * Bound: `eventsPageRowsMax` events an attempt; a poison event costs 2 log2(events) of them.
 */
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Attempts, Outcome } from './attempts.ts';
import type { Database } from './database.ts';
import { deadEventOf, saveDeadLetter } from './deadletters.ts';
import { renewEpoch } from './epoch.ts';
import { saveEvents, type EventPlace, type SavedEvents, type TopicEvent } from './events.ts';
import { judge, type Verdict } from './sqlstate.ts';

export interface EventWriterOptions {
  readonly database: Pick<Database, 'sql' | 'reset'>;
  readonly attempts: Pick<Attempts, 'persist'>;
  readonly bounds: Pick<Limits, 'eventsPageRowsMax' | 'deadLetterReasonBytesMax'>;
  readonly metrics: Metrics;
  /** The event was set aside. */
  readonly onDead?: ((event: TopicEvent, error: unknown) => void) | undefined;
}

export interface EventWriter {
  /** Gives back those that repeat the id of another of their topic. The caller waits before the next call. */
  write(events: readonly TopicEvent[]): Promise<readonly EventPlace[]>;
}

/** `isAgain` where another was in the way before, which a second look tells from a poison. */
interface Task {
  readonly events: readonly TopicEvent[];
  readonly isAgain: boolean;
}

export function createEventWriter(options: EventWriterOptions): EventWriter {
  const { database, attempts, bounds, metrics } = options;
  const { counters } = metrics;

  function save(events: readonly TopicEvent[]): Promise<Outcome<SavedEvents>> {
    return attempts.persist({
      work: () => saveEvents(database.sql, events, bounds.eventsPageRowsMax),
      replace: () => database.reset(),
      judge,
    });
  }

  async function bury(event: TopicEvent, error: unknown): Promise<void> {
    const letter = deadEventOf(event, error, bounds.deadLetterReasonBytesMax);
    await attempts.persist({
      async work() {
        await saveDeadLetter(database.sql, letter);
        await renewEpoch(database.sql);
      },
      replace: () => database.reset(),
      judge: (): Verdict => 'transient',
    });
    counters.eventsDead += 1;
    options.onDead?.(event, error);
  }

  return {
    async write(events) {
      const repeats: EventPlace[] = [];
      const tasks: Task[] = [];
      for (let start = 0; start < events.length; start += bounds.eventsPageRowsMax) {
        tasks.push({
          events: events.slice(start, start + bounds.eventsPageRowsMax),
          isAgain: false,
        });
      }
      tasks.reverse();
      for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
        const outcome = await save(task.events);
        const [only] = task.events;
        if (!outcome.isRefused) {
          counters.eventsStored += outcome.value.saved;
          repeats.push(...outcome.value.repeats);
        } else if (outcome.verdict === 'duplicate' && !task.isAgain) {
          tasks.push({ events: task.events, isAgain: true });
        } else if (task.events.length > 1) {
          tasks.push(...halves(task));
        } else if (only !== undefined) {
          await bury(only, outcome.error);
        }
      }
      return repeats;
    },
  };
}

/** The second half first: tasks are taken from the end. */
function halves({ events }: Task): readonly Task[] {
  const middle = events.length >>> 1;
  return [events.slice(middle), events.slice(0, middle)].map((half) => ({
    events: half,
    isAgain: false,
  }));
}
