import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FleetwireError } from '../../src/errors.ts';
import { segmentHeaderBytes } from '../../src/journal/header.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { recordHeaderBytes } from '../../src/journal/record.ts';
import { journalHighWater } from '../../src/limits.ts';
import {
  appendContent,
  appendSamples,
  contentsOf,
  open,
  openFiles,
  readAll,
  sampleContent,
  segmentsOf,
  smallBounds,
  temporaryDirectory,
} from './fixture.ts';

/** With this nothing but the newest record is held in memory: everything else is read from disk. */
const noTail = { ...smallBounds, journalTailBytesMax: 1 };

describe('append and flush', () => {
  it('returns rising ends, makes them durable and hands the records back in order', async () => {
    const { journal, durables } = await open(temporaryDirectory());
    const contents = Array.from({ length: 50 }, (_, index) => sampleContent(index));
    const ends = contents.map((content) => appendContent(journal, content));
    const bytes = contents.map(({ hex }) => recordHeaderBytes + hex.length / 2);
    expect(ends).toEqual(bytes.map((_, index) => sum(bytes.slice(0, index + 1))));
    expect(journal.end).toBe(ends.at(-1));
    expect(journal.durable).toBe(0);
    expect(await journal.read(0, 1_000)).toEqual([]);
    await journal.flush();
    expect(journal.durable).toBe(journal.end);
    expect(durables).toEqual([journal.end]);
    const records = await readAll(journal, 0);
    expect(contentsOf(records)).toEqual(contents);
    expect(records.map((record) => record.end)).toEqual(ends);
    await journal.close();
  });

  it('writes all that one turn appends as one group', async () => {
    const { journal, metrics, durables } = await open(temporaryDirectory(), {
      bounds: { ...smallBounds, segmentBytesMax: 1024 * 1024 },
    });
    appendSamples(journal, 0, 1_000);
    await journal.flush();
    expect(metrics.counters).toMatchObject({
      journalGroups: 1,
      journalRecords: 1_000,
      journalBytes: journal.end,
    });
    appendSamples(journal, 0, 10);
    await journal.flush();
    expect(metrics.counters.journalGroups).toBe(2);
    expect(durables).toHaveLength(2);
    await journal.close();
  });

  it('gathers the next group while one is being written', async () => {
    const { journal, metrics, durables } = await open(temporaryDirectory());
    const ends: number[] = [];
    for (let turn = 0; turn < 40; turn++) {
      appendSamples(journal, turn * 5, 5);
      ends.push(journal.end);
      await setImmediate();
    }
    await journal.flush();
    expect(metrics.counters.journalGroups).toBeLessThanOrEqual(40);
    expect(metrics.counters.journalGroups).toBe(durables.length);
    expect(durables).toEqual(durables.toSorted((one, other) => one - other));
    for (const durable of durables) expect(ends).toContain(durable);
    expect(await readAll(journal, 0)).toHaveLength(200);
    await journal.close();
  });

  it('copies the payload', async () => {
    const { journal } = await open(temporaryDirectory());
    const payload = Buffer.from('before');
    journal.append(1, 1, payload);
    payload.fill('x');
    await journal.flush();
    expect((await journal.read(0, 100))[0]?.payload.toString()).toBe('before');
    await journal.close();
  });

  it('throws for a payload that is too large, and after close', async () => {
    const { journal } = await open(temporaryDirectory());
    const tooLarge = Buffer.alloc(smallBounds.recordBytesMax + 1);
    expect(() => journal.append(1, 1, tooLarge)).toThrow('a record too large');
    expect(journal.append(1, 1, tooLarge.subarray(1))).toBe(recordHeaderBytes + 200);
    const closing = journal.close();
    expect(() => journal.append(1, 1, Buffer.alloc(1))).toThrow('append after close');
    await closing;
    await journal.close();
  });

  it.each([
    ['kind', 256, 1],
    ['kind', -1, 1],
    ['number of rows', 1, 2 ** 32],
    ['number of rows', 1, -1],
  ])('throws for a %s that has no room in a header, and goes on', async (_, kind, rows) => {
    const { journal } = await open(temporaryDirectory());
    expect(() => journal.append(kind, rows, Buffer.alloc(1))).toThrow(/is no/);
    expect(journal.end).toBe(0);
    const contents = appendSamples(journal, 0, 40);
    await journal.flush();
    expect(contentsOf(await readAll(journal, 0))).toEqual(contents);
    await journal.close();
  });

  it('makes durable on close what was appended before', async () => {
    const dir = temporaryDirectory();
    const { journal } = await open(dir);
    const contents = appendSamples(journal, 0, 20);
    await journal.close();
    const { journal: again, visited } = await open(dir);
    expect(contentsOf(visited)).toEqual(contents);
    await again.close();
  });
});

describe('segments', () => {
  it('are as large as they may be, named by their first position, for their owner only', async () => {
    const dir = join(temporaryDirectory(), 'made', 'on the way');
    const { journal } = await open(dir);
    const contents = appendSamples(journal, 0, 60);
    await journal.flush();
    const paths = segmentsOf(dir);
    const sizes = paths.map((path) => statSync(path).size);
    const largest = recordHeaderBytes + 40;
    expect(Math.max(...sizes)).toBeLessThanOrEqual(smallBounds.segmentBytesMax);
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(smallBounds.segmentBytesMax - largest);
    const firsts = sizes.map((_, index) => sum(sizes.slice(0, index).map(dataBytes)));
    expect(paths).toEqual(
      firsts.map((first) => join(dir, `${String(first).padStart(20, '0')}.log`)),
    );
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const path of paths) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(contentsOf(await readAll(journal, 0))).toEqual(contents);
    await journal.close();
  });

  it('are deleted when a commit has passed them, and the journal reopens behind it', async () => {
    const dir = temporaryDirectory();
    const { journal } = await open(dir);
    const contents = appendSamples(journal, 0, 60);
    await journal.flush();
    const records = await readAll(journal, 0);
    const committed = records[41]?.end as number;
    for (const record of records.slice(0, 42)) journal.commit(record.end);
    expect(journal.committed).toBe(committed);
    expect(journal.bytesUncommitted).toBe(journal.end - committed);
    await journal.close();
    const firsts = segmentsOf(dir).map((path) => Number(path.slice(-24, -4)));
    expect(firsts[0]).toBeLessThanOrEqual(committed);
    expect(firsts[1]).toBeGreaterThan(committed);

    const again = await open(dir);
    expect(contentsOf(again.visited)).toEqual(contents.slice(42));
    expect(again.journal).toMatchObject({ committed, end: journal.end, durable: journal.end });
    expect(again.recovery).toMatchObject({
      records: 18,
      rows: sum(contents.slice(42).map(({ rows }) => rows)),
      bytesTorn: 0,
      bytesDamaged: 0,
      segments: firsts.length,
    });
    expect(again.metrics.counters.journalRecordsReplayed).toBe(18);
    again.journal.commit(again.journal.end);
    await again.journal.close();
    expect(segmentsOf(dir)).toHaveLength(1);
    const last = await open(dir);
    expect(last.visited).toEqual([]);
    expect(last.journal.end).toBe(journal.end);
    await last.journal.close();
  });

  it('commit ignores what is committed already and throws for what is not durable', async () => {
    const { journal } = await open(temporaryDirectory());
    appendSamples(journal, 0, 3);
    expect(() => journal.commit(journal.end)).toThrow('commit beyond what is durable');
    await journal.flush();
    journal.commit(journal.end);
    journal.commit(0);
    expect(journal.committed).toBe(journal.end);
    await journal.close();
  });
});

describe('bounds', () => {
  function fillUntil(journal: Journal, isReached: () => boolean): void {
    while (!isReached()) journal.append(1, 1, Buffer.alloc(84));
  }

  it('of the disk: nearly full, full, and neither when all is committed', async () => {
    const bounds = { ...smallBounds, journalBytesMax: 8_000 };
    const { journal } = await open(temporaryDirectory(), { bounds });
    expect(journal).toMatchObject({ isNearlyFull: false, isFull: false, bytesUncommitted: 0 });
    fillUntil(journal, () => journal.isNearlyFull);
    await journal.flush();
    expect(journal.bytesUncommitted).toBe(8_000 * journalHighWater + 100);
    expect(journal.isFull).toBe(false);
    fillUntil(journal, () => journal.isFull);
    await journal.flush();
    expect(journal.isNearlyFull).toBe(true);
    expect(journal.bytesUncommitted).toBe(7_800);
    journal.commit(1_000);
    expect(journal).toMatchObject({ isNearlyFull: false, isFull: false, bytesUncommitted: 6_800 });
    await journal.close();
  });

  it('of memory: full while the disk is busy', async () => {
    const bounds = { ...smallBounds, journalPendingBytesMax: 4_000 };
    const { journal } = await open(temporaryDirectory(), { bounds });
    fillUntil(journal, () => journal.isNearlyFull);
    expect(journal.end).toBe(4_000 * journalHighWater + 100);
    fillUntil(journal, () => journal.isFull);
    expect(journal.end).toBe(3_800);
    await journal.flush();
    expect(journal).toMatchObject({ isNearlyFull: false, isFull: false });
    await journal.close();
  });
});

describe.skipIf(process.platform !== 'linux')('file handles', () => {
  it('are all closed, whatever was opened, read, rotated and deleted', async () => {
    const dir = temporaryDirectory();
    const cycle = async (): Promise<void> => {
      const { journal } = await open(dir, { bounds: noTail });
      appendSamples(journal, 0, 60);
      await journal.flush();
      await readAll(journal, journal.committed);
      expect(openFiles(dir).size).toBe(1);
      journal.commit(journal.end);
      await journal.close();
    };
    for (let round = 0; round < 5; round++) {
      await cycle();
      expect(openFiles(dir).size).toBe(0);
    }
    const { journal } = await open(dir);
    appendSamples(journal, 0, 1);
    await journal.close();
    await expect(open(dir, { rowFormat: 2 })).rejects.toThrow(FleetwireError);
    expect(openFiles(dir).size).toBe(0);
  });
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function dataBytes(fileBytes: number): number {
  return fileBytes - segmentHeaderBytes;
}
