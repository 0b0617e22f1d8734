/**
 * Events of a topic over lost connections, against a scripted peer on a real socket: each once and in
 * order, or a gap that is told. The property over all that an engine may do is in eventsmodel.test.ts.
 */
import { describe, expect, it } from 'vitest';
import type { LiveClient } from '../../src/client/index.ts';
import { eventOf, eventsOf, listen, resultOf, useLive } from './livefixture.ts';
import type { PeerConnection } from './peer.ts';
import { until } from './peerfixture.ts';

const live = useLive();
const { connect, acceptOpen } = live;

/** Subscribes to `emergency`, whose last event is 40, of which 38 is still open. */
async function open(client: LiveClient) {
  const topic = listen(client, 'emergency');
  const connection = await acceptOpen();
  expect(await connection.next()).toEqual([32, 1, 'emergency']);
  connection.send([49, 1, eventsOf(40, [eventOf(38)], { openTotal: 1 })]);
  await topic.ready;
  return { topic, connection };
}

/** Answers the next subscribe, which is the second one. */
async function answerNext(result: unknown): Promise<PeerConnection> {
  const connection = await acceptOpen();
  await connection.next();
  connection.send([49, 2, result]);
  return connection;
}

const opened = ['state', 40, [38], false];

describe('events', () => {
  it.each(['messagepack', 'json'] as const)(
    'begin with what is open, go on in order and come once, over %s',
    async (codec) => {
      const client = connect({ codec });
      const topic = listen(client, 'emergency');
      const connection = await acceptOpen();
      const send = codec === 'json' ? connection.sendJson : connection.send;
      await connection.next();
      send([49, 1, eventsOf(40, [eventOf(38, 'raised', { id: 'x' })], { openTotal: 3 })]);
      expect(await topic.ready).toMatchObject({
        openTotal: 3,
        events: [
          {
            topic: 'emergency',
            offset: 38,
            event: 'raised',
            data: { id: 'x' },
            timeMs: 1_550_475_950_038,
          },
        ],
      });
      send([51, 'emergency', 40, 'again', null]);
      send([51, 'emergency', 41, 'raised', { id: 'y' }]);
      send([51, 'emergency', 41, 'raised', { id: 'y' }]);
      send([51, 'emergency', 42, 'closed']);
      await topic.count(3);
      expect(topic.told).toEqual([
        opened,
        ['event', 41, 'raised', { id: 'y' }],
        ['event', 42, 'closed', null],
      ]);
      expect(client.ignored).toBe(2);
    },
  );

  it('that were missed come after a reconnect, before any live one', async () => {
    const { topic, connection } = await open(connect());
    connection.send([51, 'emergency', 41, 'n41', null]);
    await topic.count(2);
    connection.drop();
    const second = await acceptOpen();
    expect(await second.next()).toEqual([32, 2, 'emergency', { since: ['e1', 41] }]);
    // Not of this subscription, as long as it is not answered.
    second.send([51, 'emergency', 43, 'early', null]);
    second.send([49, 2, eventsOf(43, [eventOf(42), eventOf(43)], { recovered: true })]);
    second.send([51, 'emergency', 44, 'n44', null]);
    await topic.count(6);
    expect(topic.told.slice(2)).toEqual([
      ['state', 43, [42, 43], true],
      ['event', 42, 'n42', null],
      ['event', 43, 'n43', null],
      ['event', 44, 'n44', null],
    ]);
  });

  it('that are left out make it reconnect and recover them', async () => {
    const { topic, connection } = await open(connect());
    connection.send([51, 'emergency', 42, 'n42', null]);
    const second = await acceptOpen();
    expect(await second.next()).toEqual([32, 2, 'emergency', { since: ['e1', 40] }]);
    second.send([49, 2, eventsOf(42, [eventOf(41), eventOf(42)], { recovered: true })]);
    await topic.count(5);
    expect(topic.told).toEqual([
      opened,
      ['error', 'malformed', 0],
      ['state', 42, [41, 42], true],
      ['event', 41, 'n41', null],
      ['event', 42, 'n42', null],
    ]);
  });

  it('stop where a handler ends the subscription in the middle of them', async () => {
    const client = connect();
    const told: number[] = [];
    const { unsubscribe } = client.subscribe(
      'trip:t1',
      {
        onSnapshot: () => undefined,
        onEvent({ offset }) {
          told.push(offset);
          if (offset === 2) void unsubscribe();
        },
      },
      { since: ['e1', 0] },
    );
    const connection = await acceptOpen();
    expect(await connection.next()).toEqual([32, 1, 'trip:t1', { since: ['e1', 0] }]);
    const events = [eventOf(1), eventOf(2), eventOf(3)];
    connection.send([49, 1, eventsOf(3, events, { recovered: true })]);
    expect(await connection.next()).toEqual([33, 2, 'trip:t1']);
    expect(told).toEqual([1, 2]);
  });
});

describe('a gap', () => {
  const since = { epoch: 'e1', offset: 40 };

  it.each([
    ['the engine cannot recover', eventsOf(90, [eventOf(88)], { wasRecovering: true })],
    ['the epoch is another', eventsOf(90, [eventOf(88)], { wasRecovering: true, epoch: 'e2' })],
    ['the engine does not say that it tried', eventsOf(90, [eventOf(88)])],
  ])('is told, after the new state, where %s', async (_, result) => {
    const { topic, connection } = await open(connect());
    connection.drop();
    const second = await answerNext(result);
    second.send([51, 'emergency', 91, 'n91', null]);
    await topic.count(4);
    expect(topic.told).toEqual([
      opened,
      ['state', 90, [88], false],
      ['gap', since, 90],
      ['event', 91, 'n91', null],
    ]);
    second.drop();
    const third = await acceptOpen();
    expect(await third.next()).toEqual([32, 3, 'emergency', { since: [result.epoch, 91] }]);
  });

  it('is told where the first events of a topic came while there was no connection', async () => {
    const topic = listen(connect(), 'trip:t1');
    const first = await acceptOpen();
    await first.next();
    first.send([49, 1, eventsOf(0, [])]);
    await topic.ready;
    first.drop();
    await answerNext(eventsOf(3, [eventOf(3)]));
    await topic.count(3);
    expect(topic.told.slice(1)).toEqual([
      ['state', 3, [3], false],
      ['gap', { epoch: 'e1', offset: 0 }, 3],
    ]);
  });

  it.each([
    ['another epoch', eventsOf(41, [eventOf(41)], { recovered: true, epoch: 'e2' })],
    ['an event too few', eventsOf(42, [eventOf(42)], { recovered: true })],
    ['an event too many', eventsOf(41, [eventOf(41), eventOf(42)], { recovered: true })],
    ['another event', eventsOf(41, [eventOf(40)], { recovered: true })],
    ['an earlier offset', eventsOf(39, [], { recovered: true })],
  ])('is told where an answer says that it is recovered, with %s', async (_, result) => {
    const { topic, connection } = await open(connect());
    connection.drop();
    await answerNext(result);
    const third = await acceptOpen();
    // What such an engine would recover is not asked for again: the state alone is sure.
    expect(await third.next()).toEqual([32, 3, 'emergency']);
    third.send([49, 3, eventsOf(42, [eventOf(38)])]);
    await topic.count(4);
    expect(topic.told).toEqual([
      opened,
      ['error', 'malformed', 0],
      ['state', 42, [38], false],
      ['gap', since, 42],
    ]);
  });

  it('is none where nothing was missed', async () => {
    const { topic, connection } = await open(connect());
    connection.drop();
    await answerNext(eventsOf(40, [], { recovered: true }));
    await topic.count(2);
    expect(topic.told[1]).toEqual(['state', 40, [], true]);
  });
});

describe('a place that the program has kept', () => {
  it('is recovered from', async () => {
    const topic = listen(connect(), 'trip:t1', { since: ['e1', 7], minIntervalMs: 5 });
    const connection = await acceptOpen();
    expect((await connection.next())[3]).toEqual({ since: ['e1', 7], minIntervalMs: 5 });
    connection.send([49, 1, eventsOf(8, [eventOf(8)], { recovered: true })]);
    await topic.count(2);
    expect(topic.told).toEqual([
      ['state', 8, [8], true],
      ['event', 8, 'n8', null],
    ]);
  });

  it('is a gap where it cannot be', async () => {
    const topic = listen(connect(), 'trip:t1', { since: ['e0', 7] });
    const connection = await acceptOpen();
    await connection.next();
    connection.send([49, 1, eventsOf(8, [], { wasRecovering: true })]);
    await topic.count(2);
    expect(topic.told[1]).toEqual(['gap', { epoch: 'e0', offset: 7 }, 8]);
  });

  it.each([null, 'e1', ['e1'], ['e1', -1], ['e1', 1.5], [1, 1], ['e1', 1, 2]])(
    'is none where it is %j',
    async (since) => {
      const topic = listen(connect(), 'trip:t1', { since });
      const connection = await acceptOpen();
      expect(await connection.next()).toEqual([32, 1, 'trip:t1']);
      connection.send([49, 1, eventsOf(8, [])]);
      await topic.count(1);
    },
  );
});

describe('an answer', () => {
  it.each([
    ['no map', 5],
    ['no epoch', { ...resultOf(), epoch: null }],
    ['a negative offset', { ...resultOf(), offset: -1 }],
    ['no word on recovery', { ...resultOf(), recovered: 1 }],
    ['events that are no list', { ...resultOf(), events: {} }],
    ['an event that is none', { ...resultOf(), events: [7] }],
    ['an event without a time', { ...resultOf(), events: [[1, 'a', null]] }],
    ['an event without a name', { ...resultOf(), events: [[1, 2, null, 5]] }],
    ['a total that is none', { ...resultOf(), openTotal: 'many' }],
    ['positions that are none', { ...resultOf(), snapshot: [['bus-1']] }],
  ])('with %s ends the subscription, and the engine hears of it', async (_, result) => {
    const topic = listen(connect(), 'emergency');
    const connection = await acceptOpen();
    await connection.next();
    connection.send([49, 1, result]);
    await expect(topic.ready).rejects.toMatchObject({ kind: 'malformed', temporary: false });
    expect(await connection.next()).toEqual([33, 2, 'emergency']);
    expect(topic.told).toEqual([['error', 'malformed', 0]]);
  });

  it('is ignored after the end', async () => {
    const client = connect();
    const topic = listen(client, 'emergency');
    const connection = await acceptOpen();
    await connection.next();
    void topic.unsubscribe();
    connection.send([49, 1, eventsOf(1, [])]);
    connection.send([51, 'emergency', 2, 'late', null]);
    await until(() => client.ignored > 0);
    expect(topic.told).toEqual([]);
  });
});
