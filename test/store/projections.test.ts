/** The tables of trips, emergencies, notifications and commands, from the events that are saved; and the users. */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { saveEvents, type TopicEvent } from '../../src/store/events.ts';
import { loadOpenStates } from '../../src/store/openstates.ts';
import { loadUsers, saveUsers, type StoredUser } from '../../src/store/users.ts';
import type { Plain, PlainMap } from '../../src/wire/types.ts';
import { startMs } from '../live/events.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  await test.database.sql`
    truncate events, open_events, trips, emergencies, notifications, commands, users`;
});

afterAll(() => test.cleanup());

const ms = (offset: number): number => startMs + offset * 1_000;

function event(
  topic: string,
  offset: number,
  data: PlainMap,
  over: Partial<TopicEvent> = {},
): TopicEvent {
  const subject = typeof data['id'] === 'string' ? data['id'] : 'nothing';
  const id = `${subject}:${offset}`;
  const told = { id, event: 'told', data, timeMs: ms(offset), subject, isOpen: true };
  return { topic, offset, ...told, ...over };
}

const trip = (offset: number, state: string, over: PlainMap = {}): TopicEvent => {
  const endMs = state === 'ended' ? ms(offset) : null;
  const data = { id: 't-1', vehicle: 'bus-1', source: 'explicit', state, driver: 'dan' };
  return event('acme/trip:t-1', offset, { ...data, startMs: ms(1), endMs, ...over });
};

const emergency = (offset: number, state: string, over: PlainMap = {}): TopicEvent => {
  const data = { id: 'e-1', kind: 'sos', state, raisedMs: ms(1), raisedBy: 'bus-1', vehicle: null };
  const isOpen = state === 'open' || state === 'acknowledged';
  return event('acme/emergency', offset, { ...data, ...over }, { isOpen });
};

const notification = (topic: string, offset: number, state: string): TopicEvent => {
  const told = { severity: 'info', title: 'Road', createdMs: ms(1), expiresMs: ms(9) };
  const data = { id: 'n-1', state, audience: 'driver', ...told };
  return event(topic, offset, data, { isOpen: state !== 'read' });
};

const command = (offset: number, state: string): TopicEvent => {
  const times = { createdMs: ms(1), expiresMs: ms(9), deliveredMs: null, closedMs: null };
  const data = { id: 'c-1', name: 'reboot', state, createdBy: 'dora', ...times };
  return event('acme/command:bus-1', offset, data, { isOpen: state === 'queued' });
};

async function open(pageRows = 1_000): Promise<[string, Plain][]> {
  const found: [string, Plain][] = [];
  await loadOpenStates(test.database.sql, (topic, state) => found.push([topic, state]), pageRows);
  return found;
}

describe('what an event says', () => {
  it('is the row of its trip, emergency, notification or command', async () => {
    const { sql } = test.database;
    await saveEvents(sql, [
      trip(1, 'running'),
      emergency(1, 'open'),
      notification('acme/notification:dan', 1, 'unread'),
      notification('acme/audience:driver', 1, 'sending'),
      command(1, 'queued'),
    ]);
    expect(
      await sql`select tenant, id, vehicle, source, phase, driver, started_at, ended_at, is_open from trips`,
    ).toEqual([
      {
        tenant: 'acme',
        id: 't-1',
        vehicle: 'bus-1',
        source: 'explicit',
        phase: 'running',
        driver: 'dan',
        started_at: new Date(ms(1)),
        ended_at: null,
        is_open: true,
      },
    ]);
    expect(await sql`select id, kind, phase, vehicle, raised_at, is_open from emergencies`).toEqual(
      [
        {
          id: 'e-1',
          kind: 'sos',
          phase: 'open',
          vehicle: null,
          raised_at: new Date(ms(1)),
          is_open: true,
        },
      ],
    );
    expect(
      await sql`select topic, audience, recipient, phase from notifications order by topic`,
    ).toEqual([
      { topic: 'audience:driver', audience: 'driver', recipient: null, phase: 'sending' },
      { topic: 'notification:dan', audience: 'driver', recipient: 'dan', phase: 'unread' },
    ]);
    expect(await sql`select vehicle, id, name, created_by, expires_at from commands`).toEqual([
      {
        vehicle: 'bus-1',
        id: 'c-1',
        name: 'reboot',
        created_by: 'dora',
        expires_at: new Date(ms(9)),
      },
    ]);
    expect((await open()).map(([topic]) => topic)).toEqual([
      'acme/trip:t-1',
      'acme/emergency',
      'acme/audience:driver',
      'acme/notification:dan',
      'acme/command:bus-1',
    ]);
  });

  it('is kept as the newest says it, whatever is saved again and in whatever pages', async () => {
    const { sql } = test.database;
    const states = ['open', 'acknowledged', 'acknowledged', 'resolved'];
    const events = states.map((state, index) =>
      emergency(index + 1, state, { revision: index + 1 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(4), fc.nat(4)), { maxLength: 6 }),
        async (ranges) => {
          await sql`truncate events, open_events, emergencies`;
          let newest = 0;
          for (const [from, to] of ranges) {
            await saveEvents(sql, events.slice(from, to));
            if (to > from) newest = Math.max(newest, to);
          }
          const rows = await sql<{ phase: string; position: string; revision: number }[]>`
            select phase, position, (state->>'revision')::integer as revision from emergencies`;
          expect([...rows]).toEqual(
            newest === 0
              ? []
              : [{ phase: states[newest - 1], position: String(newest), revision: newest }],
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is not what a repeat says', async () => {
    const { sql } = test.database;
    await saveEvents(sql, [emergency(1, 'open'), emergency(2, 'resolved')]);
    await saveEvents(sql, [Object.assign(emergency(3, 'open'), { id: 'e-1:1' })]);
    expect(await sql`select phase, is_open from emergencies`).toEqual([
      { phase: 'resolved', is_open: false },
    ]);
    expect(await open()).toEqual([]);
  });

  it.each<[string, TopicEvent]>([
    ['no map', event('acme/emergency', 1, {}, { data: 'fire' })],
    ['a list', event('acme/emergency', 1, {}, { data: [] })],
    ['another', event('acme/trip:t-9', 1, { vehicle: 'bus-1' })],
    ['of other types', trip(1, 'running', { startMs: 'noon', vehicle: 7 })],
    ['of a time that no table holds', trip(1, 'running', { startMs: Number.MAX_SAFE_INTEGER })],
    ['of a time before all', trip(1, 'running', { startMs: -1 })],
    ['of a part of it', emergency(1, 'open', { raisedBy: null })],
    ['of another topic', event('acme/other', 1, emergency(1, 'open').data as PlainMap)],
  ])('has no row where it is %s, and is saved', async (_name, one) => {
    const { sql } = test.database;
    expect(await saveEvents(sql, [one])).toEqual({ saved: 1, repeats: [] });
    expect(await open()).toEqual([]);
  });
});

describe('what is open', () => {
  it('is read page by page, once each, and nothing that is closed', async () => {
    const { sql } = test.database;
    const tenants = ['a', 'b'];
    const ids = Array.from({ length: 7 }, (_, index) => `x-${index}`);
    const events = tenants.flatMap((tenant) =>
      ids.flatMap((id, index): TopicEvent[] => {
        const isOpen = index !== 3;
        const data = { id, kind: 'sos', state: isOpen ? 'open' : 'resolved', raisedMs: ms(1) };
        const told = { ...data, raisedBy: 'dora' };
        return [
          event(`${tenant}/emergency`, index + 1, told, { isOpen }),
          { ...command(index + 1, 'queued'), topic: `${tenant}/command:v-${index}` },
        ];
      }),
    );
    await saveEvents(sql, events);
    for (const pageRows of [1, 3, 1_000]) {
      const found = await open(pageRows);
      expect(found.filter(([topic]) => topic.endsWith('/emergency'))).toHaveLength(12);
      expect(new Set(found.map(([topic, state]) => JSON.stringify([topic, state]))).size).toBe(26);
    }
  });
});

describe('users', () => {
  it('are saved, and loaded page by page as they were seen last', async () => {
    const { sql } = test.database;
    const user = (index: number, lastSeenMs: number, role = 'driver'): StoredUser => {
      const subject = `u-${index}`;
      return { tenant: index % 2 === 0 ? 'a' : 'b', subject, role, firstSeenMs: ms(1), lastSeenMs };
    };
    await saveUsers(
      sql,
      [0, 1, 2, 3, 4].map((index) => user(index, ms(index + 2))),
    );
    await saveUsers(sql, [{ ...user(1, ms(90), 'admin'), firstSeenMs: ms(80) }]);
    await saveUsers(sql, [user(1, ms(50), 'viewer')]);
    const loaded: StoredUser[] = [];
    await loadUsers(sql, (one) => loaded.push(one), 100, 2);
    expect(loaded).toHaveLength(5);
    expect(loaded.find(({ subject }) => subject === 'u-1')).toEqual(user(1, ms(90), 'admin'));
    const some: StoredUser[] = [];
    await loadUsers(sql, (one) => some.push(one), 3, 2);
    expect(some).toHaveLength(3);
  });
});
