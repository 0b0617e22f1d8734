/** The drain on a real journal: events go to the database in their order, whatever the batches do. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDrain, type Drain } from '../../src/ingest/drain.ts';
import { recordKinds } from '../../src/ingest/pipeline.ts';
import { openJournal, type Journal } from '../../src/journal/journal.ts';
import { limits } from '../../src/limits.ts';
import { encodeEvent } from '../../src/live/event.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { EventPlace } from '../../src/store/events.ts';
import { encodeStatus } from '../../src/store/status.ts';
import { rowFormat } from '../../src/store/row.ts';
import { topicEvent } from '../live/events.ts';
import { rowsOf, track } from '../store/fixes.ts';
import { createManualClock, type ManualClock } from '../support/clock.ts';

/** A write that waits for the test to end it. */
interface Write {
  readonly what: string;
  end(repeats?: readonly EventPlace[]): void;
  fail(error: Error): void;
}

const bounds = { ...limits, batchRowsMax: 5, eventsPageRowsMax: 3 };

let dir: string;
let journal: Journal;
let drain: Drain;
let clock: ManualClock;
let writes: Write[];
let stored: unknown[];
let failures: unknown[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fleetwire-drain-'));
  clock = createManualClock();
  writes = [];
  stored = [];
  failures = [];
  const opened = await openJournal(
    {
      dir,
      rowFormat,
      bounds: limits,
      metrics: createMetrics(),
      onDurable: () => drain.wake(),
      onFailure: (error) => failures.push(error),
    },
    () => undefined,
  );
  ({ journal } = opened);
  const held = (what: string): Promise<readonly EventPlace[]> =>
    new Promise((resolve, reject) => {
      writes.push({ what, end: (repeats = []) => resolve(repeats), fail: reject });
    });
  drain = createDrain({
    journal,
    writer: {
      async write({ lane, rows }) {
        await held(`${lane} ${rows}`);
        return { stored: rows, duplicates: 0, conflicting: 0, dead: 0 };
      },
      async writeStatuses(statuses) {
        await held(`statuses ${statuses.map(({ timeMs }) => timeMs).join(' ')}`);
      },
      writeEvents: (events) => held(`events ${events.map(({ offset }) => offset).join(' ')}`),
    },
    channels: {
      stored: (events, repeats = []) =>
        stored.push([events.map(({ offset }) => offset), repeats.map(({ offset }) => offset)]),
    },
    clock,
    bounds,
    onStored: () => undefined,
    onFailure: (error) => failures.push(error),
  });
});

afterEach(async () => {
  drain.stop();
  await journal.close();
  await rm(dir, { recursive: true });
});

function appendEvents(...offsets: readonly number[]): void {
  for (const offset of offsets) {
    journal.append(recordKinds.event, 0, encodeEvent(topicEvent(offset)));
  }
}

function appendStatuses(...times: readonly number[]): void {
  for (const timeMs of times) {
    const status = { key: 'veh-1', timeMs, flags: 0, receivedAtMs: 1, attributes: '{}' };
    journal.append(recordKinds.status, 0, encodeStatus(status));
  }
}

function appendRows(count: number): void {
  journal.append(recordKinds.live, count, rowsOf(track('veh-1', count)));
}

/** Makes durable what was appended, and lets the drain take it. */
async function take(): Promise<void> {
  await journal.flush();
  clock.advance(limits.batchAgeMaxMs);
  await turn();
}

const turn = (): Promise<void> => new Promise(setImmediate);
const asked = (): readonly string[] => writes.map(({ what }) => what);

describe('statuses on their way to the database', () => {
  it('are saved beside all else of their span, which is stored when all of it is', async () => {
    appendRows(2);
    appendStatuses(7, 8);
    appendEvents(1);
    await take();
    expect(asked()).toEqual(['live 2', 'events 1', 'statuses 7 8']);
    for (const index of [0, 1]) writes[index]?.end();
    await turn();
    expect(drain.stored).toBe(0);
    writes[2]?.end();
    await turn();
    expect(drain.stored).toBe(journal.durable);
  });

  it('of a later span wait for those of the one before, and are so many in one', async () => {
    appendStatuses(1, 2, 3, 4);
    await take();
    expect(asked()).toEqual(['statuses 1 2 3']);
    writes[0]?.end();
    await turn();
    expect(asked()).toEqual(['statuses 1 2 3', 'statuses 4']);
  });

  it('that cannot be read are a failure', async () => {
    journal.append(recordKinds.status, 0, Buffer.from([0x91, 2]));
    await take();
    expect(failures.map(String)).toEqual(['Error: a status of the journal has format 2, not 1']);
  });
});

describe('events on their way to the database', () => {
  it('are saved beside the batches of their span, which is stored when all of it is', async () => {
    appendRows(2);
    appendEvents(1, 2);
    await take();
    expect(asked()).toEqual(['live 2', 'events 1 2']);
    writes[1]?.end([{ topic: 'acme/emergency', offset: 2 }]);
    await turn();
    expect(stored).toEqual([[[1, 2], [2]]]);
    expect(drain.stored).toBe(0);
    writes[0]?.end();
    await turn();
    expect(drain.stored).toBe(journal.durable);
  });

  it('of a later span wait for those of the one before; its batches do not', async () => {
    appendEvents(1);
    await take();
    appendRows(1);
    appendEvents(2);
    await take();
    expect(asked()).toEqual(['events 1', 'live 1']);
    writes[1]?.end();
    await turn();
    expect(drain.stored).toBe(0);
    expect(asked()).toEqual(['events 1', 'live 1']);
    writes[0]?.end();
    await turn();
    expect(asked()).toEqual(['events 1', 'live 1', 'events 2']);
    expect(drain.stored).toBeGreaterThan(0);
    writes[2]?.end();
    await turn();
    expect(drain.stored).toBe(journal.durable);
    expect(stored).toEqual([
      [[1], []],
      [[2], []],
    ]);
  });

  it('are so many in a span, and no more', async () => {
    appendEvents(1, 2, 3, 4, 5, 6, 7);
    await take();
    for (let index = 0; index < 3; index++) {
      writes[index]?.end();
      await turn();
    }
    expect(asked()).toEqual(['events 1 2 3', 'events 4 5 6', 'events 7']);
    expect(drain.stored).toBe(journal.durable);
  });

  it('count beside rows, of which there are so many in a span too', async () => {
    appendRows(3);
    appendEvents(1);
    appendRows(3);
    await take();
    expect(asked()).toEqual(['live 3', 'live 3', 'events 1']);
  });

  it('are waited for by whoever waits until all is stored', async () => {
    appendEvents(1);
    await journal.flush();
    let isSettled = false;
    const settled = drain.settled().then(() => {
      isSettled = true;
    });
    await turn();
    expect(isSettled).toBe(false);
    writes[0]?.end();
    await settled;
  });

  it('that the writer gives up leave their span, and all behind it, to the next start', async () => {
    appendEvents(1);
    await take();
    appendRows(1);
    appendEvents(2);
    await take();
    writes[1]?.end();
    writes[0]?.fail(new Error('closed'));
    await turn();
    expect(failures.map(String)).toEqual(['Error: closed', 'Error: closed']);
    expect(asked()).toEqual(['events 1', 'live 1']);
    expect(drain.stored).toBe(0);
    expect(stored).toEqual([]);
  });

  it('that cannot be read are a failure, before anything of their span is written', async () => {
    appendRows(1);
    journal.append(recordKinds.event, 0, Buffer.from([0xc1]));
    await take();
    expect(failures.map(String)).toEqual(['Error: an event of the journal is no array']);
    expect(asked()).toEqual([]);
  });
});
