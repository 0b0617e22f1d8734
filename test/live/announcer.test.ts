/** The announcer on a real journal: what is published when, and what a crash leaves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal, type Journal } from '../../src/journal/journal.ts';
import { createAnnouncer, type Announced, type Announcer } from '../../src/live/announcer.ts';
import { createChannels, type Channels } from '../../src/live/channels.ts';
import { decodeEvent, eventRecordKind, type NewEvent } from '../../src/live/event.ts';
import { createRecovery } from '../../src/live/recovery.ts';
import { checkLimits, limits, type Limits } from '../../src/limits.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import type { TopicEvent } from '../../src/store/events.ts';
import { rowFormat } from '../../src/store/row.ts';
import { parseJson } from '../../src/wire/json.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';
import { closing, newEvent, opening } from './events.ts';

/** A journal that a few dozen events fill. */
const bounds: Limits = {
  ...limits,
  fixesPerFrameMax: 10,
  recordBytesMax: 16 * 1024,
  recordGatherBytesMax: 4 * 1024,
  segmentBytesMax: 32 * 1024,
  journalBytesMax: 192 * 1024,
  eventsInFlightMax: 5,
  fanOutInFlightMax: 2,
};
checkLimits(bounds);

let dir: string;
let journal: Journal;
let channels: Channels;
let announcer: Announcer;
let metrics: Metrics;
/** Reads of topics, which the test answers. */
let reads: ((events: readonly TopicEvent[] | Error) => void)[];
/** What happened, in its order. */
let happened: unknown[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fleetwire-announcer-'));
  await open();
  channels.allRestored();
});

afterEach(async () => {
  await journal.close();
  await rm(dir, { recursive: true });
});

async function open(): Promise<void> {
  metrics = createMetrics();
  reads = [];
  happened = [];
  channels = createChannels({
    read: () =>
      new Promise((resolve, reject) => {
        reads.push((events) => (events instanceof Error ? reject(events) : resolve(events)));
      }),
    readOpen: () => Promise.reject(new Error('not to be read')),
    onError: () => undefined,
    metrics,
    bounds,
  });
  const opened = await openJournal(
    {
      dir,
      rowFormat,
      bounds,
      metrics,
      onDurable: (position) => {
        happened.push('durable');
        announcer.onDurable(position);
      },
      onFailure: (error) => {
        throw error;
      },
    },
    (record) => channels.restore(decodeEvent(record.payload), false),
  );
  ({ journal } = opened);
  announcer = createAnnouncer({
    channels,
    journal,
    onShow: ({ id }) => happened.push(`shows ${id}`),
    publish(inner, frame) {
      const parsed = typeof frame === 'string' ? parseJson(frame) : parseMessagePack(frame);
      happened.push([inner, 'value' in parsed ? parsed.value : parsed]);
    },
    metrics,
    bounds,
  });
}

async function reopen(): Promise<void> {
  await journal.close();
  await open();
}

/** Announces, and keeps what comes of it under the event's id. */
function announce(input: NewEvent, tenant = 'acme'): void {
  announcer.announce(tenant, 'emergency', input, (outcome) => happened.push([input.id, outcome]));
}

const announced = (input: NewEvent): Promise<Announced> =>
  new Promise((resolve) => {
    announcer.announce('acme', 'emergency', input, resolve);
  });

const frames = (offset: number, { event, data }: NewEvent): unknown[] =>
  ['acme/emergency', 'acme/emergency#json'].map((inner) => [
    inner,
    [51, 'emergency', offset, event, data],
  ]);

describe('an event', () => {
  it('is published in both codecs and answered once the journal holds it, in its order', async () => {
    announce(newEvent(1));
    announce(newEvent(2));
    expect(happened).toEqual([]);
    await journal.flush();
    expect(happened).toEqual([
      'durable',
      'shows e1',
      ...frames(1, newEvent(1)),
      ['e1', { offset: 1, isRepeat: false }],
      'shows e2',
      ...frames(2, newEvent(2)),
      ['e2', { offset: 2, isRepeat: false }],
    ]);
    expect(metrics.counters).toMatchObject({ eventsAppended: 2, eventsPublished: 2 });
  });

  it('is in the journal with all that belongs to it', async () => {
    const input = opening(1, 's1');
    await announced(input);
    const [record] = await journal.read(0, 1e6);
    expect(record?.kind).toBe(eventRecordKind);
    expect(decodeEvent(record!.payload)).toEqual({ topic: 'acme/emergency', offset: 1, ...input });
  });

  it('has its place in the topic of its tenant', async () => {
    announce(newEvent(1), 'acme');
    announce(newEvent(1), 'other');
    await journal.flush();
    expect(happened).toContainEqual(['other/emergency', expect.arrayContaining([51, 1])]);
    expect(channels.size).toBe(2);
  });

  it('that comes again is answered when the first is shown, and not published again', async () => {
    announce(newEvent(1));
    announce({ ...newEvent(1), event: 'other' });
    expect(happened).toEqual([]);
    await journal.flush();
    expect(happened).toEqual([
      'durable',
      'shows e1',
      ...frames(1, newEvent(1)),
      ['e1', { offset: 1, isRepeat: false }],
      ['e1', { offset: 1, isRepeat: true }],
    ]);
    expect(await announced(newEvent(1))).toEqual({ offset: 1, isRepeat: true });
    expect(metrics.counters).toMatchObject({ eventsAppended: 1, eventsRepeated: 2 });
    expect((await journal.read(0, 1e6)).map(({ kind }) => kind)).toEqual([eventRecordKind]);
  });

  it('may be announced while another is answered', async () => {
    const inner = new Promise((resolve) => {
      announcer.announce('acme', 'emergency', newEvent(1), () => {
        announcer.announce('acme', 'emergency', newEvent(2), resolve);
      });
    });
    expect(await inner).toEqual({ offset: 2, isRepeat: false });
  });

  it('is seen by whoever asks in the turn that it is published in, or comes to it later', async () => {
    const recovery = createRecovery({
      channels,
      epoch: 'now',
      readAfter: () => Promise.reject(new Error('not to be read')),
      onError: () => undefined,
      metrics,
      bounds,
    });
    const open: unknown[] = [];
    const look = (): void =>
      recovery.recover('acme/emergency', null, (state) => {
        open.push([state?.offset, state?.events.map(({ subject }) => subject)]);
      });
    announcer.announce('acme', 'emergency', opening(1, 'a'), look);
    announcer.announce('acme', 'emergency', opening(2, 'b'), look);
    announcer.announce('acme', 'emergency', closing(3, 'a'), look);
    look();
    await journal.flush();
    expect(open).toEqual([
      [0, []],
      [1, ['a']],
      [2, ['a', 'b']],
      [3, ['b']],
    ]);
  });
});

describe('an event of an earlier run', () => {
  it('is known as a repeat, and the offsets go on behind it', async () => {
    await announced(newEvent(1));
    await announced(newEvent(2));
    await reopen();
    channels.allRestored();
    expect(await announced(newEvent(2))).toEqual({ offset: 2, isRepeat: true });
    expect(await announced(newEvent(3))).toEqual({ offset: 3, isRepeat: false });
  });
});

describe('a refusal', () => {
  it.each([
    ['has a NUL', newEvent(1, { id: 'a\0' })],
    ['is open and about nothing', newEvent(1, { isOpen: true })],
    ['is too large', newEvent(1, { data: 'x'.repeat(limits.eventBytesMax) })],
  ])('is the answer to one that %s', async (_, input) => {
    expect(await announced(input)).toEqual({ refused: 'badEvent' });
    expect(metrics.counters.eventsAppended).toBe(0);
  });

  it('is the answer to one too many at a time', async () => {
    for (let number = 1; number <= 6; number++) announce(newEvent(number));
    expect(happened).toEqual([['e6', { refused: 'tooManyEvents' }]]);
    await journal.flush();
    expect(await announced(newEvent(6))).toEqual({ offset: 6, isRepeat: false });
  });

  it('is the answer when the journal is full, and no longer when it has been cut', async () => {
    const large = (number: number): NewEvent => newEvent(number, { data: 'x'.repeat(8_000) });
    let number = 0;
    while (!journal.isFull) {
      number += 1;
      expect(await announced(large(number))).toEqual({ offset: number, isRepeat: false });
    }
    expect(await announced(large(number + 1))).toEqual({ refused: 'journalFull' });
    journal.commit(journal.durable);
    expect(await announced(large(number + 1))).toEqual({ offset: number + 1, isRepeat: false });
  });

  it('is not the answer to an urgent one, as long as the journal has any room', async () => {
    const urgent = (number: number): Promise<Announced> =>
      new Promise((resolve) => {
        const input = newEvent(number, { data: 'x'.repeat(1_000) });
        announcer.announce('acme', 'emergency', input, resolve, true);
      });
    let number = 0;
    for (; !journal.isFull; number++)
      await announced(newEvent(number, { data: 'x'.repeat(8_000) }));
    expect(await announced(newEvent(number))).toEqual({ refused: 'journalFull' });
    const before = metrics.counters.eventsUrgent;
    while (journal.hasRoomFor(bounds.eventBytesMax)) {
      number += 1;
      expect(await urgent(number)).toMatchObject({ isRepeat: false });
    }
    expect(metrics.counters.eventsUrgent).toBeGreaterThan(before);
    expect(journal.bytesUncommitted).toBeLessThanOrEqual(bounds.journalBytesMax);
    expect(await urgent(number + 1)).toEqual({ refused: 'journalFull' });
  });

  it('is not the answer to an urgent one where too many others wait', async () => {
    for (let number = 1; number <= 6; number++) announce(newEvent(number));
    expect(happened).toEqual([['e6', { refused: 'tooManyEvents' }]]);
    announcer.announce('acme', 'emergency', newEvent(7), () => happened.push('urgent'), true);
    await journal.flush();
    expect(happened.at(-1)).toBe('urgent');
  });

  it('is the answer when the topic cannot be read', async () => {
    await reopen();
    const outcome = announced(newEvent(1));
    reads[0]?.(new Error('away'));
    expect(await outcome).toEqual({ refused: 'topicUnavailable' });
    const later = announced(newEvent(1));
    reads[1]?.([]);
    expect(await later).toEqual({ offset: 1, isRepeat: false });
  });

  it('is the answer once it has stopped, also for what waited for its topic', async () => {
    await reopen();
    const waiting = announced(newEvent(1));
    announcer.stop();
    expect(await announced(newEvent(2))).toEqual({ refused: 'draining' });
    reads[0]?.([]);
    expect(await waiting).toEqual({ refused: 'draining' });
  });
});
