/**
 * The tables of trips, emergencies, notifications and commands: the newest state of each, from the events of their
 * topics, in the statement that saves these.
 * Invariant: a row is what the newest event of its subject says, whatever is saved again and in whatever order. An
 * event whose data is no such state (anybody may publish one) has no row, and fails no statement.
 * Bound: one row an event; the caller bounds the events.
 */
import type { ISql } from 'postgres';
import type { Plain, PlainMap } from '../wire/types.ts';
import type { TopicEvent } from './events.ts';

/** `null` for what is missing. */
type Row = Readonly<Record<string, string | number | boolean | null | PlainMap>>;

interface Projection {
  readonly table: string;
  /** The columns of the key, and the others, each with its type; `state` and `is_open` are in every table. */
  readonly key: Readonly<Record<string, string>>;
  readonly columns: Readonly<Record<string, string>>;
  rowOf(event: ReadableEvent): Row | null;
}

/** An event whose data is a map. */
interface ReadableEvent {
  readonly tenant: string;
  readonly topic: string;
  readonly data: PlainMap;
  readonly isOpen: boolean;
}

const trips: Projection = {
  table: 'trips',
  key: { tenant: 'text', id: 'text' },
  columns: {
    vehicle: 'text',
    source: 'text',
    phase: 'text',
    driver: 'text',
    started_at: 'timestamptz',
    ended_at: 'timestamptz',
  },
  rowOf({ tenant, topic, data }) {
    const { vehicle, state: phase, source = 'detected' } = data;
    const startedAt = timeOf(data['startMs']);
    if (!topic.startsWith('trip:') || !isText(vehicle) || !isText(phase)) return null;
    if (!isText(source) || startedAt === null) return null;
    return {
      tenant,
      id: topic.slice('trip:'.length),
      vehicle,
      source,
      phase,
      driver: textOf(data['driver']),
      started_at: startedAt,
      ended_at: timeOf(data['endMs']),
      is_open: timeOf(data['endMs']) === null,
    };
  },
};

const emergencies: Projection = {
  table: 'emergencies',
  key: { tenant: 'text', id: 'text' },
  columns: {
    kind: 'text',
    phase: 'text',
    vehicle: 'text',
    raised_at: 'timestamptz',
    raised_by: 'text',
    seen_at: 'timestamptz',
    closed_at: 'timestamptz',
  },
  rowOf({ tenant, topic, data, isOpen }) {
    const { id, kind, state: phase, raisedBy } = data;
    const raisedAt = timeOf(data['raisedMs']);
    if (topic !== 'emergency' || !isText(id) || !isText(kind) || !isText(phase)) return null;
    if (!isText(raisedBy) || raisedAt === null) return null;
    return {
      tenant,
      id,
      kind,
      phase,
      vehicle: textOf(data['vehicle']),
      raised_at: raisedAt,
      raised_by: raisedBy,
      seen_at: timeOf(data['seenMs']),
      closed_at: timeOf(data['closedMs']),
      is_open: isOpen,
    };
  },
};

const notifications: Projection = {
  table: 'notifications',
  key: { tenant: 'text', topic: 'text', id: 'text' },
  columns: {
    audience: 'text',
    recipient: 'text',
    phase: 'text',
    severity: 'text',
    title: 'text',
    created_at: 'timestamptz',
    expires_at: 'timestamptz',
    read_at: 'timestamptz',
  },
  rowOf({ tenant, topic, data, isOpen }) {
    const { id, state: phase, severity, title, audience } = data;
    const createdAt = timeOf(data['createdMs']);
    const expiresAt = timeOf(data['expiresMs']);
    const isOne = topic.startsWith('notification:');
    if (!isOne && !topic.startsWith('audience:')) return null;
    if (!isText(id) || !isText(phase) || !isText(severity) || !isText(title)) return null;
    if (!isText(audience) || createdAt === null || expiresAt === null) return null;
    return {
      tenant,
      topic,
      id,
      audience,
      recipient: isOne ? topic.slice('notification:'.length) : null,
      phase,
      severity,
      title,
      created_at: createdAt,
      expires_at: expiresAt,
      read_at: timeOf(data['readMs']),
      is_open: isOpen,
    };
  },
};

const commands: Projection = {
  table: 'commands',
  key: { tenant: 'text', vehicle: 'text', id: 'text' },
  columns: {
    name: 'text',
    phase: 'text',
    created_at: 'timestamptz',
    created_by: 'text',
    expires_at: 'timestamptz',
    delivered_at: 'timestamptz',
    closed_at: 'timestamptz',
  },
  rowOf({ tenant, topic, data, isOpen }) {
    const { id, name, state: phase, createdBy } = data;
    const createdAt = timeOf(data['createdMs']);
    const expiresAt = timeOf(data['expiresMs']);
    if (!topic.startsWith('command:') || !isText(id) || !isText(name)) return null;
    if (!isText(phase) || !isText(createdBy) || createdAt === null || expiresAt === null) {
      return null;
    }
    return {
      tenant,
      vehicle: topic.slice('command:'.length),
      id,
      name,
      phase,
      created_at: createdAt,
      created_by: createdBy,
      expires_at: expiresAt,
      delivered_at: timeOf(data['deliveredMs']),
      closed_at: timeOf(data['closedMs']),
      is_open: isOpen,
    };
  },
};

const projections: readonly Projection[] = [trips, emergencies, notifications, commands];

/**
 * Parts of a `with` that follow one named `inserted` with the events that are new (topic, position, is_repeat, data):
 * each writes the rows of its table, of the newest event that is no repeat.
 */
export function projectionParts(sql: ISql, events: readonly TopicEvent[]) {
  const readable = events.flatMap(readableOf);
  return projections.map((projection) => partOf(sql, projection, rowsOf(projection, readable)));
}

function rowsOf(projection: Projection, events: readonly (ReadableEvent & Placed)[]): Row[] {
  return events.flatMap((event) => {
    const row = projection.rowOf(event);
    return row === null ? [] : [{ ...row, event_topic: event.inner, position: event.offset }];
  });
}

function partOf(sql: ISql, { table, key, columns }: Projection, rows: readonly Row[]) {
  const keys = Object.keys(key);
  const others = Object.keys(columns);
  const types = { ...key, ...columns, is_open: 'boolean', event_topic: 'text', position: 'bigint' };
  // The names are those above, and no input.
  const declared = Object.entries(types).map(([name, type]) => `${name} ${type}`);
  const named = [...keys, ...others, 'is_open', 'position'];
  const told = named.map((name) => `told.${name}`);
  const assigned = [...others, 'is_open', 'position', 'state'].map(
    (name) => `${name} = excluded.${name}`,
  );
  return sql`
    , projected_${sql.unsafe(table)} as (
      insert into ${sql.unsafe(table)} (${sql.unsafe(named.join(', '))}, state)
      select distinct on (${sql.unsafe(keys.map((name) => `told.${name}`).join(', '))})
        ${sql.unsafe(told.join(', '))}, inserted.data
      from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
        as told (${sql.unsafe(declared.join(', '))})
      join inserted on inserted.topic = told.event_topic and inserted.position = told.position
      where not inserted.is_repeat
      order by ${sql.unsafe([...keys.map((name) => `told.${name}`), 'told.position desc'].join(', '))}
      on conflict (${sql.unsafe(keys.join(', '))}) do update set
        ${sql.unsafe(assigned.join(', '))}, updated_at = now()
      where ${sql.unsafe(table)}.position < excluded.position
    )`;
}

interface Placed {
  /** With the tenant. */
  readonly inner: string;
  readonly offset: number;
}

function readableOf({ topic, offset, data, isOpen }: TopicEvent): (ReadableEvent & Placed)[] {
  const slash = topic.indexOf('/');
  if (slash < 0 || !isMap(data)) return [];
  const tenant = topic.slice(0, slash);
  return [{ tenant, topic: topic.slice(slash + 1), inner: topic, offset, data, isOpen }];
}

function isMap(value: Plain): value is PlainMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: Plain | undefined): value is string {
  return typeof value === 'string';
}

function textOf(value: Plain | undefined): string | null {
  return isText(value) ? value : null;
}

/** The last ms of the year 9999. */
const timeMsMax = 253_402_300_799_999;

/** Unix ms as PostgreSQL reads a time. */
function timeOf(value: Plain | undefined): string | null {
  if (!Number.isSafeInteger(value)) return null;
  const ms = Number(value);
  return ms >= 0 && ms <= timeMsMax ? new Date(ms).toISOString() : null;
}
