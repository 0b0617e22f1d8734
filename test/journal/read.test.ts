import { readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FleetwireError } from '../../src/errors.ts';
import { segmentHeaderBytes } from '../../src/journal/header.ts';
import {
  appendSamples,
  contentsOf,
  flip,
  open,
  readAll,
  sampleContent,
  segmentsOf,
  smallBounds,
  temporaryDirectory,
} from './fixture.ts';

/** With this nothing but the newest record is held in memory: everything else is read from disk. */
const noTail = { ...smallBounds, journalTailBytesMax: 1 };

describe('read', () => {
  it.each([
    ['memory', smallBounds],
    ['disk', noTail],
  ])('takes records from %s up to about bytesMax, one at least', async (_, bounds) => {
    const { journal } = await open(temporaryDirectory(), { bounds });
    const contents = appendSamples(journal, 0, 40);
    await journal.flush();
    for (const bytesMax of [0, 1, 60, 300, 100_000]) {
      expect(contentsOf(await readAll(journal, 0, bytesMax))).toEqual(contents);
      for (const record of await readAll(journal, 0, bytesMax)) {
        const some = await journal.read(record.start, bytesMax);
        expect(some[0]).toEqual(record);
        const bytes = (some.at(-1)?.end as number) - record.start;
        expect(some.length === 1 || bytes <= bytesMax).toBe(true);
      }
    }
    expect(await journal.read(journal.end, 100)).toEqual([]);
    await journal.close();
  });

  it('touches no disk for what the tail holds', async () => {
    const dir = temporaryDirectory();
    const bounds = { ...smallBounds, journalTailBytesMax: 64 * 1024 };
    const { journal } = await open(dir, { bounds });
    const contents = appendSamples(journal, 0, 60);
    await journal.flush();
    for (const path of segmentsOf(dir)) rmSync(path);
    expect(contentsOf(await readAll(journal, 0))).toEqual(contents);
    await journal.close();
  });

  it('reads on from disk while records are appended and committed', async () => {
    const { journal } = await open(temporaryDirectory(), { bounds: noTail });
    const seen: unknown[] = [];
    for (let round = 0, at = 0; round < 30; round++) {
      appendSamples(journal, round * 10, 10);
      const reading = journal.read(at, 400);
      await journal.flush();
      const records = await reading;
      seen.push(...contentsOf(records));
      at = records.at(-1)?.end ?? at;
      journal.commit(at);
    }
    seen.push(...contentsOf(await readAll(journal, journal.committed)));
    expect(seen).toEqual(Array.from({ length: 300 }, (_, index) => sampleContent(index)));
    await journal.close();
  });

  it('goes on behind a segment that a commit passes while it is being opened', async () => {
    const dir = temporaryDirectory();
    const { journal, failures } = await open(dir, { bounds: noTail });
    appendSamples(journal, 0, 30);
    await journal.flush();
    const records = await readAll(journal, 0);
    const [path, next] = segmentsOf(dir) as [string, string];
    const passed = records.filter(({ start }) => start < Number(next.slice(-24, -4)));
    // It cannot be opened, like one that is gone, but it can be deleted.
    rmSync(path);
    symlinkSync(path, path);
    const reading = journal.read(0, 1);
    journal.commit(passed.at(-1)?.end as number);
    expect(await reading).toEqual([records[passed.length]]);
    await journal.close();
    expect(failures).toEqual([]);
  });

  it('fails the journal where a segment has become shorter', async () => {
    const dir = temporaryDirectory();
    const { journal, failures } = await open(dir, { bounds: noTail });
    appendSamples(journal, 0, 30);
    await journal.flush();
    const path = segmentsOf(dir)[0] as string;
    truncateSync(path, segmentHeaderBytes + 70);
    await expect(readAll(journal, 0, 1_000)).rejects.toThrow(
      /is damaged at byte .*FLEETWIRE_DATA_DIR/,
    );
    expect(failures.map(({ code }) => code)).toEqual(['JOURNAL_IO']);
    await journal.close();
  });

  it('fails the journal where a record on disk has changed', async () => {
    const dir = temporaryDirectory();
    const { journal, failures } = await open(dir, { bounds: noTail });
    appendSamples(journal, 0, 30);
    await journal.flush();
    const path = segmentsOf(dir)[0] as string;
    writeFileSync(path, flip(readFileSync(path), (segmentHeaderBytes + 20) * 8));
    await expect(readAll(journal, 0)).rejects.toThrow(/FLEETWIRE_DATA_DIR/);
    expect(failures.map(({ code }) => code)).toEqual(['JOURNAL_IO']);
    expect(() => journal.append(1, 1, Buffer.alloc(1))).toThrow(FleetwireError);
    await expect(journal.flush()).rejects.toBe(failures[0]);
    await journal.close();
  });
});
