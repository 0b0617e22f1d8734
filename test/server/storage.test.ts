/** What the engine knows of its event topics after a start, from the database and the journal together. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { readConfig } from '../../src/config.ts';
import { encodeEvent, eventRecordKind } from '../../src/live/event.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createLog } from '../../src/server/log.ts';
import { openStorage, type Storage } from '../../src/server/storage.ts';
import { saveEvents, type OpenEvents, type TopicEvent } from '../../src/store/events.ts';
import { closing, newEvent, opening, topicEvent } from '../live/events.ts';
import { makePlace, type Place } from '../support/database.ts';

let place: Place;
let dir: string;

beforeEach(async () => {
  place = await makePlace();
  dir = await mkdtemp(join(tmpdir(), 'fleetwire-storage-'));
});

afterEach(async () => {
  await place.remove();
  await rm(dir, { recursive: true });
});

function open(): Promise<Storage> {
  const config = readConfig({ DATABASE_URL: place.url ?? '', FLEETWIRE_DATA_DIR: dir });
  const context = {
    config,
    clock: systemClock,
    metrics: createMetrics(),
    log: createLog('silent'),
    fail: (error: unknown) => {
      throw error;
    },
  };
  return openStorage(context, () => undefined);
}

const topic = 'acme/emergency';
const opened = (offset: number, subject: string): TopicEvent =>
  topicEvent(offset, opening(offset, subject));

const told = ({ channels }: Storage): Promise<OpenEvents | null> =>
  new Promise((resolve) => {
    channels.snapshot(topic, resolve);
  });

it('goes on where the database and the journal end, and knows what is open', async () => {
  const before = await open();
  await saveEvents(before.database.sql, [opened(1, 'a'), opened(2, 'b')]);
  await saveEvents(before.database.sql, [{ ...topicEvent(1), topic: 'acme/trip:1' }]);
  const closed = topicEvent(3, closing(3, 'a'));
  for (const event of [opened(2, 'b'), closed]) {
    before.journal.append(eventRecordKind, 0, encodeEvent(event));
  }
  await before.close();

  const after = await open();
  try {
    expect(after.epoch).toBe(before.epoch);
    expect(await told(after)).toEqual({ offset: 3, total: 1, events: [opened(2, 'b')] });
    const { channels } = after;
    expect(channels.append(topic, newEvent(3))).toMatchObject({ isRepeat: true });
    expect(channels.append(topic, newEvent(4))?.event.offset).toBe(4);
    expect(channels.append('acme/trip:1', newEvent(2))?.event.offset).toBe(2);
    // The database has told of every topic, so another is new.
    expect(channels.append('acme/trip:2', newEvent(1))?.event.offset).toBe(1);
  } finally {
    await after.close();
  }
});

it('begins another epoch where the journal was damaged', async () => {
  const before = await open();
  for (const offset of [1, 2, 3]) {
    before.journal.append(eventRecordKind, 0, encodeEvent(topicEvent(offset)));
  }
  await before.close();
  const journalDir = join(dir, 'journal');
  const name = (await readdir(journalDir)).find((file) => file.endsWith('.log'));
  const path = join(journalDir, name ?? '');
  const bytes = await readFile(path);
  const at = bytes.length - 20;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(path, bytes);

  const after = await open();
  try {
    expect(after.epoch).not.toBe(before.epoch);
    expect(after.channels.append(topic, newEvent(9))?.event.offset).toBe(3);
  } finally {
    await after.close();
  }
});
