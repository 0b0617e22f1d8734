import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { segmentHeaderBytes, segmentName } from '../../src/journal/header.ts';
import {
  bounds,
  goOn,
  makeBase,
  offsetBehind,
  recordsBefore,
  replaced,
  type BaseSegment,
} from './base.ts';
import {
  flip,
  namesEnding,
  open,
  putSnapshot,
  readAll,
  seeded,
  temporaryDirectory,
} from './fixture.ts';

describe('a cut at every byte', () => {
  it('of the last segment loses the unfinished record and nothing else', async () => {
    const base = await makeBase();
    const last = base.segments[2] as BaseSegment;
    const dir = temporaryDirectory();
    for (let cut = 0; cut <= last.bytes.length; cut++) {
      putSnapshot(replaced(base.files, last.name, last.bytes.subarray(0, cut)), dir);
      const opened = await open(dir, { bounds });
      const kept = recordsBefore(last, cut);
      const wholeBytes = cut < segmentHeaderBytes ? 0 : offsetBehind(last, kept);
      expect(opened.visited).toEqual(base.records.slice(0, 6 + kept.length));
      expect(opened.recovery).toMatchObject({ bytesTorn: cut - wholeBytes, bytesDamaged: 0 });
      expect(opened.metrics.counters.journalBytesTorn).toBe(cut - wholeBytes);
      const names = namesEnding(dir, '.log');
      expect(names).toEqual(base.segments.slice(0, names.length).map(({ name }) => name));
      if (cut >= segmentHeaderBytes) {
        expect(statSync(join(dir, last.name)).size).toBe(wholeBytes);
      }
      const again = await goOn(dir, opened, kept.at(-1)?.end ?? last.first);
      expect(again.recovery).toMatchObject({ bytesTorn: 0, bytesDamaged: 0 });
      expect(namesEnding(dir, '.damaged')).toEqual([]);
    }
  });

  it('of the only segment as well', async () => {
    const { segments } = await makeBase();
    const only = segments[0] as BaseSegment;
    const dir = temporaryDirectory();
    for (let cut = 0; cut <= only.bytes.length; cut++) {
      putSnapshot(new Map([[only.name, only.bytes.subarray(0, cut)]]), dir);
      const opened = await open(dir, { bounds });
      expect(opened.visited).toEqual(recordsBefore(only, cut));
      await goOn(dir, opened, 0);
    }
  });

  it('of a segment in between is reported, and what follows is replayed', async () => {
    const base = await makeBase();
    const middle = base.segments[1] as BaseSegment;
    const dir = temporaryDirectory();
    for (let cut = 0; cut < middle.bytes.length; cut++) {
      putSnapshot(replaced(base.files, middle.name, middle.bytes.subarray(0, cut)), dir);
      const opened = await open(dir, { bounds });
      const kept = recordsBefore(middle, cut);
      const keptEnd = kept.at(-1)?.end ?? middle.first;
      expect(opened.visited).toEqual([
        ...base.records.slice(0, 3),
        ...kept,
        ...base.records.slice(6),
      ]);
      const ofHeader = cut < segmentHeaderBytes ? cut : 0;
      expect(opened.recovery).toMatchObject({
        bytesTorn: 0,
        bytesDamaged: ofHeader + middle.end - keptEnd,
      });
      await goOn(dir, opened, base.end);
    }
  });
});

describe('a flipped bit', () => {
  it('of a segment in between costs the rest of that segment, whichever bit it is', async () => {
    const base = await makeBase();
    const middle = base.segments[1] as BaseSegment;
    const dir = temporaryDirectory();
    for (let bit = 0; bit < middle.bytes.length * 8; bit++) {
      const flipped = flip(middle.bytes, bit);
      putSnapshot(replaced(base.files, middle.name, flipped), dir);
      const opened = await open(dir, { bounds });
      const kept = recordsBefore(middle, bit >> 3);
      const offset = bit >> 3 < segmentHeaderBytes ? 0 : offsetBehind(middle, kept);
      expect(opened.visited).toEqual([
        ...base.records.slice(0, 3),
        ...kept,
        ...base.records.slice(6),
      ]);
      expect(opened.recovery).toMatchObject({
        bytesTorn: 0,
        bytesDamaged: flipped.length - offset,
      });
      expect(readFileSync(join(dir, `${middle.name}.${offset}.damaged`))).toEqual(
        flipped.subarray(offset),
      );
      expect(await readAll(opened.journal, 0)).toEqual(opened.visited);
      await opened.journal.close();
    }
  });

  it('of the last segment is cut out, reported once, and its positions are not used again', async () => {
    const base = await makeBase();
    const last = base.segments[2] as BaseSegment;
    const dir = temporaryDirectory();
    for (let bit = 0; bit < last.bytes.length * 8; bit += 5) {
      const flipped = flip(last.bytes, bit);
      putSnapshot(replaced(base.files, last.name, flipped), dir);
      const opened = await open(dir, { bounds });
      const kept = recordsBefore(last, bit >> 3);
      const offset = bit >> 3 < segmentHeaderBytes ? 0 : offsetBehind(last, kept);
      expect(opened.visited).toEqual(base.records.slice(0, 6 + kept.length));
      expect(opened.recovery).toMatchObject({
        bytesTorn: 0,
        bytesDamaged: flipped.length - offset,
      });
      const again = await goOn(dir, opened, last.end);
      expect(again.recovery).toMatchObject({ bytesTorn: 0, bytesDamaged: 0 });
      expect(readFileSync(join(dir, `${last.name}.${offset}.damaged`))).toEqual(
        flipped.subarray(offset),
      );
    }
  });
});

describe('noise', () => {
  const noise = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));

  it('as a segment never throws and hides no other segment', async () => {
    const base = await makeBase();
    const [first, middle, last] = base.segments as [BaseSegment, BaseSegment, BaseSegment];
    const dir = temporaryDirectory();
    const segment = fc.constantFrom(first, middle, last);
    await fc.assert(
      fc.asyncProperty(segment, noise, fc.boolean(), async (target, bytes, hasHeader) => {
        const header = target.bytes.subarray(0, hasHeader ? segmentHeaderBytes : 0);
        const content = Buffer.concat([header, bytes]);
        putSnapshot(replaced(base.files, target.name, content), dir);
        const opened = await open(dir, { bounds });
        expect(opened.visited).toEqual(
          base.records.filter((each) => !target.records.includes(each)),
        );
        const { bytesTorn, bytesDamaged } = opened.recovery;
        expect(bytesTorn + bytesDamaged).toBeGreaterThanOrEqual(bytes.length);
        await goOn(dir, opened, target === last ? last.first : base.end);
      }),
      { ...seeded, numRuns: 150 },
    );
  });

  it('as all of the files never throws either', async () => {
    const dir = temporaryDirectory();
    const name = fc.oneof(
      fc.constantFrom('checkpoint', 'checkpoint.tmp', segmentName(0), segmentName(100)),
      fc.maxSafeNat().map((first) => segmentName(Math.floor(first / 2))),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, noise), { maxLength: 5 }), async (files) => {
        putSnapshot(new Map(files), dir);
        const opened = await open(dir, { bounds });
        expect(opened.visited).toEqual([]);
        await goOn(dir, opened, 0);
      }),
      { ...seeded, numRuns: 100 },
    );
  });

  it('behind whole records is not read as a record of its own length', async () => {
    const base = await makeBase();
    const last = base.segments[2] as BaseSegment;
    const dir = putSnapshot(
      replaced(base.files, last.name, Buffer.concat([last.bytes, Buffer.alloc(5_000)])),
    );
    const opened = await open(dir, { bounds });
    expect(opened.recovery).toMatchObject({ records: 9, bytesTorn: 0, bytesDamaged: 5_000 });
    await goOn(dir, opened, last.end);
  });
});
