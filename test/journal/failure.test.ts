import { closeSync, openSync, readFileSync, statSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFailure, journalFailure } from '../../src/journal/failure.ts';
import { segmentHeaderBytes, segmentName } from '../../src/journal/header.ts';
import {
  appendSamples,
  contentsOf,
  open,
  openFiles,
  putSnapshot,
  readAll,
  segmentsOf,
  smallBounds,
  takeSnapshot,
  temporaryDirectory,
} from './fixture.ts';
import { childPayload, childRecordBytes } from './payload.ts';
import { startChild } from './process.ts';

const oneSegment = { ...smallBounds, segmentBytesMax: 1024 * 1024 };

/** Puts `device` in the place of the segment that is being written, under the journal's own descriptor. */
function replaceSegment(dir: string, device: string): void {
  const found = [...openFiles(dir)].find(([, path]) => path.endsWith('.log'));
  const descriptor = found?.[0] as number;
  closeSync(descriptor);
  const others: number[] = [];
  let opened = openSync(device, 'r+');
  while (opened !== descriptor) {
    others.push(opened);
    opened = openSync(device, 'r+');
  }
  for (const other of others) closeSync(other);
}

describe.skipIf(process.platform !== 'linux')('a disk that fails', () => {
  it.each([
    [
      'has no space left for a write',
      '/dev/full',
      /no space left on its disk.*FLEETWIRE_DATA_DIR.*ENOSPC/,
    ],
    ['cannot be synced', '/dev/null', /FLEETWIRE_DATA_DIR.*EINVAL.*fdatasync/],
  ])('because it %s ends the journal at once', async (_, device, message) => {
    const dir = temporaryDirectory();
    const { journal, failures, durables, metrics } = await open(dir, { bounds: oneSegment });
    const kept = appendSamples(journal, 0, 5);
    await journal.flush();
    const { durable } = journal;
    const files = takeSnapshot(dir);
    replaceSegment(dir, device);
    appendSamples(journal, 5, 5);
    await expect(journal.flush()).rejects.toMatchObject({ code: 'JOURNAL_IO' });
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({
      name: 'FleetwireError',
      code: 'JOURNAL_IO',
      message: expect.stringMatching(message),
    });
    expect(journal.durable).toBe(durable);
    expect(durables).toEqual([durable]);
    expect(metrics.counters.journalGroups).toBe(1);
    expect(() => journal.append(1, 1, Buffer.alloc(1))).toThrow(failures[0]);
    await expect(journal.flush()).rejects.toBe(failures[0]);
    expect(contentsOf(await readAll(journal, 0))).toEqual(kept);
    await journal.close();
    expect(failures).toHaveLength(1);
    expect(openFiles(dir).size).toBe(0);

    const again = await open(putSnapshot(files), { bounds: oneSegment });
    expect(contentsOf(again.visited)).toEqual(kept);
    await again.journal.close();
  });

  it('because its descriptor is gone ends the journal, and close does not throw', async () => {
    const dir = temporaryDirectory();
    const { journal, failures } = await open(dir, { bounds: oneSegment });
    const [descriptor] = [...openFiles(dir).keys()];
    closeSync(descriptor as number);
    appendSamples(journal, 0, 5);
    await expect(journal.flush()).rejects.toMatchObject({ code: 'JOURNAL_IO' });
    await journal.close();
    expect(failures.map(({ message }) => message)).toEqual([expect.stringMatching(/EBADF/)]);
  });
});

describe('a new segment that cannot be created', () => {
  it('ends the journal with what was durable before it', async () => {
    const dir = temporaryDirectory();
    const { journal, failures } = await open(dir);
    const kept = appendSamples(journal, 0, 5);
    await journal.flush();
    const files = takeSnapshot(dir);
    const names = Array.from({ length: 1_000 }, (_, index) => segmentName(journal.end + index));
    for (const name of names) mkdirSync(join(dir, name));
    appendSamples(journal, 5, 60);
    await expect(journal.flush()).rejects.toMatchObject({ code: 'JOURNAL_IO' });
    expect(failures.map(({ message }) => message)).toEqual([expect.stringMatching(/EEXIST/)]);
    await journal.close();
    const again = await open(putSnapshot(files));
    expect(contentsOf(again.visited)).toEqual(kept);
    await again.journal.close();
  });
});

describe('a checkpoint that cannot be written', () => {
  it('ends the journal', async () => {
    const dir = temporaryDirectory();
    const { journal, failures } = await open(dir);
    appendSamples(journal, 0, 5);
    await journal.flush();
    mkdirSync(join(dir, 'checkpoint.tmp'));
    journal.commit(journal.end);
    await journal.close();
    expect(failures.map(({ code, message }) => [code, message])).toEqual([
      ['JOURNAL_IO', expect.stringMatching(/EISDIR/)],
    ]);
  });
});

describe.skipIf(process.platform !== 'linux')('a limit of the system', () => {
  it('met in the middle of a write leaves the file at its last durable byte', async () => {
    const dir = temporaryDirectory();
    const child = startChild(['write', dir, String(64 * 1024 * 1024)], 'ulimit -f 2048');
    let durable = 0;
    let line = await child.nextLine();
    while (line?.startsWith('durable ') === true) {
      durable = Number(line.slice('durable '.length));
      line = await child.nextLine();
    }
    expect(line).toMatch(/^failed JOURNAL_IO .*FLEETWIRE_DATA_DIR.*EFBIG/);
    expect(await child.nextLine()).toBeNull();
    expect(segmentsOf(dir).map((path) => statSync(path).size)).toEqual([
      segmentHeaderBytes + durable,
    ]);
    const { journal, visited, recovery } = await open(dir, { bounds: oneSegment });
    expect(recovery).toMatchObject({ bytesTorn: 0, bytesDamaged: 0 });
    expect(journal.end).toBe(durable);
    for (const { start, rows, payload } of visited) {
      expect(rows).toBe(start / childRecordBytes);
      expect(payload.equals(childPayload(rows))).toBe(true);
    }
    await journal.close();
  });
});

describe('kill -9 while it appends, rotates and commits', () => {
  it.each([3, 40, 150])('after %i groups loses nothing that was durable', async (groups) => {
    const dir = temporaryDirectory();
    const child = startChild(['write', dir, String(64 * 1024)]);
    const lines: string[] = [];
    while (lines.length < groups) lines.push((await child.nextLine()) as string);
    lines.push(...(await child.kill()));
    const durable = Math.max(...lines.map((line) => Number(/^durable (\d+)$/.exec(line)?.[1])));
    const { journal, visited, recovery } = await open(dir, { bounds: oneSegment });
    expect(recovery.bytesDamaged).toBe(0);
    expect(journal.committed).toBeLessThanOrEqual(durable);
    expect(journal.end).toBeGreaterThanOrEqual(durable);
    const first = journal.committed / childRecordBytes;
    expect(visited.map(({ rows }) => rows)).toEqual(visited.map((_, index) => first + index));
    expect(visited.at(-1)?.end).toBe(journal.end);
    for (const { rows, payload } of visited) {
      if (!payload.equals(childPayload(rows))) throw new Error(`record ${rows} has changed`);
    }
    await journal.close();
  });
});

describe('a failure', () => {
  it('is told of once, and keeps the first error', () => {
    const told: Error[] = [];
    const failure = createFailure('data', (error) => told.push(error));
    expect(failure.error).toBeNull();
    const error = systemError(() => readFileSync(join(temporaryDirectory(), 'nothing')));
    failure.raise(error);
    failure.raise(systemError(() => writeFileSync('/', '')));
    expect(told).toHaveLength(1);
    expect(failure.error).toBe(told[0]);
    expect(told[0]?.message).toMatch(/^the journal in data failed: .*ENOENT/);
    expect(told[0]?.cause).toBe(error);
  });

  it('is never made of a broken invariant', () => {
    const failure = createFailure('data', () => {});
    expect(() => failure.raise(new TypeError('a bug'))).toThrow(TypeError);
    expect(failure.error).toBeNull();
    expect(() => journalFailure('data', new RangeError('a bug'))).toThrow(RangeError);
  });
});

function systemError(cause: () => unknown): unknown {
  try {
    cause();
  } catch (error) {
    return error;
  }
  throw new Error('nothing failed');
}
