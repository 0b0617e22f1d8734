/**
 * The stored events of a topic, and who was connected.
 * Invariant: whoever may subscribe to a topic may read its events, and nobody else; of a trip, as there, one
 * who sees a part of the vehicles only where the newest event says that it is of one of them.
 * Bound: `apiPageRowsMax` a page.
 */
import { z } from 'zod';
import { isStorable, type Identity } from '../../identity.ts';
import type { Limits } from '../../limits.ts';
import { mayFollow, mayReadSessions, maySubscribe, seesAll } from '../../live/access.ts';
import { innerTopic, isEventTopic, parseTopic, topicText, type Topic } from '../../live/topics.ts';
import { newestSubject, readEvents } from '../../store/eventlog.ts';
import type { Reader } from '../../store/reader.ts';
import { readSessions } from '../../store/sessionlog.ts';
import { cursorText, makeCursor, readCursor, sessionCursor } from './cursor.ts';
import { countOf } from './query.ts';
import { jsonReply } from './reply.ts';
import { operation, type Operation } from './resource.ts';

export interface EventsOptions {
  readonly reader: Pick<Reader, 'ask'>;
  /** Names the life of the offsets. */
  readonly epoch: string;
  readonly bounds: Pick<Limits, 'apiPageRowsMax' | 'areaCellsMax' | 'topicBytesMax'>;
}

/** Sessions of a page, where the query does not say. */
const sessionsDefault = 100;

const offsetText = z
  .string()
  .regex(/^\d{1,15}$/, 'is no offset')
  .transform(Number)
  .default(0);

/** GET /v1/events */
export function listEvents({ reader, epoch, bounds }: EventsOptions): Operation {
  const query = z.object({
    topic: z.string().max(bounds.topicBytesMax),
    after: offsetText,
    limit: countOf(bounds.apiPageRowsMax).default(bounds.apiPageRowsMax),
  });

  async function mayRead(identity: Identity, topic: Topic, stored: string): Promise<boolean> {
    if (!maySubscribe(identity, topic)) return false;
    if (topic.kind !== 'trip' || seesAll(identity, 'trip')) return true;
    const vehicleId = await reader.ask((sql) => newestSubject(sql, stored));
    return vehicleId !== null && mayFollow(identity, 'trip', vehicleId);
  }

  return operation(query, async ({ identity }, { topic: text, after, limit }) => {
    const topic = parseTopic(text, bounds.areaCellsMax);
    if ('refused' in topic) return topic;
    if (!isEventTopic(topic)) return { refused: 'badTopic', detail: 'this topic has no events' };
    const stored = innerTopic(identity.tenant, topicText(topic), 'messagepack');
    if (!(await mayRead(identity, topic, stored))) return { refused: 'topicNotAllowed' };
    const page = await reader.ask((sql) => readEvents(sql, stored, after, limit + 1));
    const events = page.slice(0, limit);
    const next = page.length > limit ? (events.at(-1)?.offset ?? null) : null;
    return jsonReply({ topic: topicText(topic), epoch, events, next });
  });
}

/** GET /v1/sessions */
export function listSessions({ reader, bounds }: Omit<EventsOptions, 'epoch'>): Operation {
  const query = z.object({
    subject: z.string().min(1).max(128).refine(isStorable, 'is no subject'),
    limit: countOf(bounds.apiPageRowsMax).default(sessionsDefault),
    cursor: cursorText.optional(),
  });

  return operation(query, async ({ identity }, { subject, limit, cursor }) => {
    if (!mayReadSessions(identity)) return { refused: 'notAllowed' };
    const after = readCursor(sessionCursor, cursor);
    if (after === undefined) return { refused: 'badCursor' };
    const user = { tenant: identity.tenant, subject };
    const page = await reader.ask((sql) => readSessions(sql, user, after, limit + 1));
    const sessions = page.slice(0, limit);
    const last = sessions.at(-1);
    const isMore = page.length > limit && last !== undefined;
    const place = isMore ? { startedAtMs: last.startedAtMs, id: last.id } : null;
    const next = place === null ? null : makeCursor(sessionCursor, place);
    return jsonReply({ subject, sessions, next });
  });
}
