import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { saveCheckpoint } from '../../src/journal/checkpoint.ts';
import { segmentName } from '../../src/journal/header.ts';
import { createSegment } from '../../src/journal/segment.ts';
import { bounds, goOn, makeBase, replaced, without, type BaseSegment } from './base.ts';
import {
  appendSamples,
  contentsOf,
  flip,
  namesEnding,
  open,
  putSnapshot,
  readAll,
  takeSnapshot,
  temporaryDirectory,
} from './fixture.ts';

describe('a gap', () => {
  it('where a segment is missing is reported and passed over, as long as it is not committed', async () => {
    const base = await makeBase();
    const [, middle, last] = base.segments as [BaseSegment, BaseSegment, BaseSegment];
    const dir = putSnapshot(without(base.files, middle.name));
    const opened = await open(dir, { bounds });
    expect(opened.visited).toEqual([...base.records.slice(0, 3), ...base.records.slice(6)]);
    expect(opened.recovery.bytesDamaged).toBe(middle.end - middle.first);
    expect(opened.journal.bytesUncommitted).toBe(base.end - (middle.end - middle.first));
    expect((await opened.journal.read(middle.first + 5, 1))[0]?.start).toBe(last.first);
    opened.journal.commit(middle.first);
    expect(opened.journal.bytesUncommitted).toBe(last.end - last.first);
    await opened.journal.close();
    expect(namesEnding(dir, '.log')).toEqual([last.name]);
    const again = await open(dir, { bounds });
    expect(again.recovery).toMatchObject({ records: 3, bytesDamaged: 0 });
    await again.journal.close();
  });

  it('behind the checkpoint is reported, before it is what a commit left', async () => {
    const base = await makeBase();
    const [first, middle] = base.segments as [BaseSegment, BaseSegment];
    const dir = putSnapshot(without(base.files, first.name));
    await saveCheckpoint(dir, 20, false);
    const opened = await open(dir, { bounds });
    expect(opened.recovery).toMatchObject({ records: 6, bytesDamaged: middle.first - 20 });
    await opened.journal.close();
    await saveCheckpoint(dir, middle.first, false);
    const again = await open(dir, { bounds });
    expect(again.recovery).toMatchObject({ records: 6, bytesDamaged: 0 });
    await again.journal.close();
  });

  it('at the end is invisible until something is appended behind it', async () => {
    const base = await makeBase();
    const last = base.segments[2] as BaseSegment;
    const dir = putSnapshot(replaced(base.files, last.name, flip(last.bytes, 8 * 40)));
    const { journal, visited } = await open(dir, { bounds });
    expect(visited).toEqual(base.records.slice(0, 6));
    expect(journal).toMatchObject({ end: last.first, durable: last.first });
    expect(await journal.read(last.first, 100)).toEqual([]);
    journal.commit(last.first);
    expect(journal).toMatchObject({ committed: last.first, end: last.first, bytesUncommitted: 0 });
    expect(journal.append(1, 1, Buffer.alloc(4))).toBe(last.end + 20);
    await journal.flush();
    expect(journal).toMatchObject({ durable: last.end + 20, bytesUncommitted: 20 });
    expect(await journal.read(last.first, 100)).toMatchObject([{ start: last.end }]);
    await journal.close();
    expect(namesEnding(dir, '.log')).toEqual([segmentName(last.end)]);
  });
});

describe('a checkpoint', () => {
  it.each(['lost', 'cut', 'damaged', 'beyond the data'])(
    'that is %s replays more and loses nothing',
    async (what) => {
      const base = await makeBase();
      const dir = putSnapshot(base.files);
      const { journal } = await open(dir, { bounds });
      journal.commit(base.records[5]?.start as number);
      await journal.close();
      const path = join(dir, 'checkpoint');
      const bytes = readFileSync(path);
      if (what === 'lost') putSnapshot(without(takeSnapshot(dir), 'checkpoint'), dir);
      if (what === 'cut') writeFileSync(path, bytes.subarray(0, 9));
      if (what === 'damaged') writeFileSync(path, flip(bytes, 70));
      if (what === 'beyond the data') await saveCheckpoint(dir, base.end + 1_000, false);
      const opened = await open(dir, { bounds });
      expect(opened.visited).toEqual(base.records.slice(3));
      expect(opened.recovery).toMatchObject({ bytesTorn: 0, bytesDamaged: 0 });
      const expectedEnd = what === 'beyond the data' ? base.end + 1_000 : base.end;
      const again = await goOn(dir, opened, expectedEnd);
      expect(again.recovery.bytesDamaged).toBe(0);
    },
  );

  it('without any segment says where positions go on', async () => {
    const dir = temporaryDirectory();
    await saveCheckpoint(dir, 12_345, false);
    const { journal, recovery } = await open(dir);
    expect(recovery).toEqual({
      records: 0,
      rows: 0,
      bytesTorn: 0,
      bytesDamaged: 0,
      segments: 0,
    });
    expect(journal).toMatchObject({ end: 12_345, durable: 12_345, committed: 12_345 });
    await journal.close();
  });

  it('in the middle of a segment is where the walk starts: damage before it does not matter', async () => {
    const base = await makeBase();
    const middle = base.segments[1] as BaseSegment;
    const dir = putSnapshot(replaced(base.files, middle.name, flip(middle.bytes, 8 * 40)));
    await saveCheckpoint(dir, base.records[5]?.start as number, false);
    const { journal, visited, recovery } = await open(dir, { bounds });
    expect(visited).toEqual(base.records.slice(5));
    expect(recovery.bytesDamaged).toBe(0);
    await journal.close();
  });
});

describe('a segment', () => {
  it('under the name of another is damage from its first byte', async () => {
    const base = await makeBase();
    const [, middle, last] = base.segments as [BaseSegment, BaseSegment, BaseSegment];
    const dir = putSnapshot(replaced(base.files, middle.name, last.bytes));
    const { journal, visited } = await open(dir, { bounds });
    expect(visited).toEqual([...base.records.slice(0, 3), ...base.records.slice(6)]);
    expect(readFileSync(join(dir, `${middle.name}.0.damaged`))).toEqual(last.bytes);
    await journal.close();
  });

  it('that the checkpoint has passed is deleted, though a crash came before that', async () => {
    const base = await makeBase();
    const [, middle, last] = base.segments as [BaseSegment, BaseSegment, BaseSegment];
    const dir = putSnapshot(base.files);
    await saveCheckpoint(dir, middle.end, false);
    const { journal, visited } = await open(dir, { bounds });
    expect(visited).toEqual(last.records);
    await journal.close();
    expect(namesEnding(dir, '.log')).toEqual([last.name]);
  });
});

describe('a file that a crash left while it was created', () => {
  it.each([0, 1, 31, 32])('is removed when %i bytes of it are there', async (bytes) => {
    const base = await makeBase();
    const name = segmentName(base.end);
    const dir = putSnapshot(replaced(base.files, name, Buffer.alloc(bytes)));
    const opened = await open(dir, { bounds });
    expect(opened.visited).toEqual(base.records);
    expect(opened.recovery).toMatchObject({ bytesTorn: bytes, bytesDamaged: 0, segments: 3 });
    await goOn(dir, opened, base.end);
  });

  it('is used when its header is whole', async () => {
    const base = await makeBase();
    const dir = putSnapshot(base.files);
    const { handle } = await createSegment(dir, 1, base.end, base.end);
    await handle.close();
    const opened = await open(dir, { bounds });
    expect(opened.recovery).toMatchObject({ bytesTorn: 0, bytesDamaged: 0, segments: 4 });
    await goOn(dir, opened, base.end);
  });
});

describe('another row format', () => {
  it('is refused while something of it is not in the database', async () => {
    const dir = putSnapshot((await makeBase()).files);
    await expect(open(dir, { bounds, rowFormat: 2 })).rejects.toMatchObject({
      name: 'FleetwireError',
      code: 'JOURNAL_FORMAT',
      message: expect.stringMatching(
        /format 1\.1 .* reads 1\.2: start the version .* FLEETWIRE_DATA_DIR/,
      ),
    });
    const { journal, visited } = await open(dir, { bounds });
    expect(visited).toHaveLength(9);
    await journal.close();
  });

  it.each(['in a segment of its own', 'in the name of an empty one'])(
    'takes over when all is committed, %s',
    async (where) => {
      const base = await makeBase();
      const dir = putSnapshot(where === 'in a segment of its own' ? base.files : new Map());
      const { journal } = await open(dir, { bounds });
      journal.commit(journal.end);
      await journal.close();
      const newer = await open(dir, { bounds, rowFormat: 2 });
      expect(newer.visited).toEqual([]);
      expect(newer.journal.end).toBe(journal.end);
      const added = appendSamples(newer.journal, 1, 9);
      await newer.journal.close();
      await expect(open(dir, { bounds })).rejects.toMatchObject({ code: 'JOURNAL_FORMAT' });
      const again = await open(dir, { bounds, rowFormat: 2 });
      expect(contentsOf(again.visited)).toEqual(added);
      await again.journal.close();
    },
  );
});

describe('opening', () => {
  it('reads a segment in stretches, and a record that is larger than one', async () => {
    const dir = temporaryDirectory();
    const large = {
      segmentBytesMax: 16 * 1024 * 1024,
      recordBytesMax: 4 * 1024 * 1024,
      recordGatherBytesMax: 64 * 1024,
      journalBytesMax: 64 * 1024 * 1024,
      journalPendingBytesMax: 32 * 1024 * 1024,
      journalTailBytesMax: 1024 * 1024,
    };
    const { journal } = await open(dir, { bounds: large });
    const lengths = [10, 4 * 1024 * 1024, 700_000, 700_000, 20, 1024 * 1024 - 16, 0];
    for (const [index, length] of lengths.entries()) {
      journal.append(index, 1, Buffer.alloc(length, index + 1));
    }
    await journal.close();
    const { journal: again, visited } = await open(dir, { bounds: large });
    expect(visited.map(({ payload }) => payload.length)).toEqual(lengths);
    for (const { kind, payload } of visited) {
      expect(payload.equals(Buffer.alloc(payload.length, kind + 1))).toBe(true);
    }
    const read = await readAll(again, 0, 1_000_000);
    expect(read.map(({ payload }) => payload.length)).toEqual(lengths);
    await again.close();
  });

  it('says what is wrong where the directory cannot be one', async () => {
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, 'not a directory');
    await expect(open(join(path, 'journal'))).rejects.toMatchObject({
      code: 'JOURNAL_IO',
      message: expect.stringMatching(/FLEETWIRE_DATA_DIR/),
    });
    const dir = temporaryDirectory();
    writeFileSync(join(dir, `${'9'.repeat(20)}.log`), '');
    await expect(open(dir)).rejects.toMatchObject({ code: 'JOURNAL_FORMAT' });
  });

  it('passes on what visit throws, and leaves the journal as it was', async () => {
    const base = await makeBase();
    const dir = putSnapshot(base.files);
    const visit = (): void => {
      throw new RangeError('visit');
    };
    await expect(open(dir, { bounds }, visit)).rejects.toThrow(RangeError);
    expect(takeSnapshot(dir)).toEqual(base.files);
  });
});
