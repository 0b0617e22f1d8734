/**
 * What the event topics read from the database while the engine runs, each read with an end.
 * Invariant: whoever reads is answered, or told that the database did not answer, also when that is silent.
 * Bound: `eventsReadDeadlineMs` for an answer; a query that hangs longer has its connection thrown away.
 */
import type { Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Database } from './database.ts';
import { deadlineOf, within, withinOrReset } from './deadline.ts';
import { eventsAfter, lastEvents, readOpen, type OpenEvents, type TopicEvent } from './events.ts';

export interface EventReaderOptions {
  readonly database: Pick<Database, 'sql' | 'copy' | 'reset'>;
  readonly clock: Clock;
  readonly bounds: Pick<Limits, 'channelEventsMax' | 'channelOpenMax' | 'eventsReadDeadlineMs'>;
}

export interface EventReader {
  /** As many of the last events of the topic as are held in memory. */
  last(topic: string): Promise<readonly TopicEvent[]>;
  /** What is open in the topic, as much of it as is held in memory. */
  open(topic: string): Promise<OpenEvents>;
  /** See `eventsAfter`. */
  after(topic: string, offset: number, max: number): Promise<readonly TopicEvent[] | null>;
}

export function createEventReader(options: EventReaderOptions): EventReader {
  const { database, clock, bounds } = options;
  const { sql } = database;
  const deadline = deadlineOf('eventsReadDeadlineMs', bounds.eventsReadDeadlineMs);

  // The embedded database may be busy with maintenance for longer than anybody wants to wait for a topic.
  function ask<T>(query: Promise<T>): Promise<T> {
    return within(clock, deadline, withinOrReset(clock, database, query));
  }

  return {
    last: (topic) => ask(lastEvents(sql, topic, bounds.channelEventsMax)),
    open: (topic) => ask(readOpen(sql, topic, bounds.channelOpenMax)),
    after: (topic, offset, max) => ask(eventsAfter(sql, topic, offset, max)),
  };
}
