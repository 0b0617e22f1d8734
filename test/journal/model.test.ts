import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { segmentHeaderBytes } from '../../src/journal/header.ts';
import type { JournalRecord } from '../../src/journal/journal.ts';
import {
  appendContent,
  contentOf,
  open,
  putSnapshot,
  readAll,
  sampleContent,
  seeded,
  segmentsOf,
  smallBounds,
  takeSnapshot,
  temporaryDirectory,
  type Content,
  type Opened,
} from './fixture.ts';

/** What is done to a journal; numbers are taken modulo what there is to choose from. */
type Step =
  | { readonly do: 'append'; readonly count: number }
  | { readonly do: 'turn' | 'flush' | 'reopen' | 'forget' }
  | { readonly do: 'commit'; readonly choice: number }
  | { readonly do: 'read'; readonly choice: number; readonly bytesMax: number }
  | { readonly do: 'crash'; readonly bytesLost: number };

interface ModelRecord extends Content {
  readonly start: number;
  readonly end: number;
}

/** The journal, and what it must hold: a plain array from which nothing but committed records goes. */
interface World {
  dir: string;
  opened: Opened;
  records: ModelRecord[];
  appended: number;
}

const choice = fc.nat(1_000);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('append'), count: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turn') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('flush') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit'), choice }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('read'), choice, bytesMax: fc.nat(600) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash'), bytesLost: fc.nat(2_000) }) },
);

describe('any order of steps', () => {
  it.each([
    ['a tail in memory', smallBounds.journalTailBytesMax],
    ['no tail', 1],
  ])('leaves what a plain array would hold, with %s', async (_, journalTailBytesMax) => {
    const bounds = { ...smallBounds, journalTailBytesMax };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const dir = temporaryDirectory();
        const world: World = { dir, opened: await open(dir, { bounds }), records: [], appended: 0 };
        for (const each of steps) await take(world, each, bounds);
        await take(world, { do: 'reopen' }, bounds);
        expect(world.opened.failures).toEqual([]);
        await world.opened.journal.close();
      }),
      { ...seeded, numRuns: 200 },
    );
  });
});

async function take(world: World, step: Step, bounds: typeof smallBounds): Promise<void> {
  const { journal } = world.opened;
  switch (step.do) {
    case 'append':
      for (let count = 0; count < step.count; count++) append(world);
      break;
    case 'turn':
      await setImmediate();
      break;
    case 'flush':
      await journal.flush();
      expect(journal.durable).toBe(journal.end);
      break;
    case 'commit':
      commit(world, step.choice);
      break;
    case 'read':
      await read(world, step.choice, step.bytesMax);
      break;
    case 'reopen':
      await journal.close();
      await restart(world, world.dir, journal.end, bounds);
      break;
    case 'forget':
      await journal.close();
      writeFileSync(join(world.dir, 'checkpoint'), 'no checkpoint');
      await restart(world, world.dir, journal.end, bounds);
      break;
    case 'crash':
      await crash(world, step.bytesLost, bounds);
  }
  checkCounts(world);
}

function append(world: World): void {
  const { journal } = world.opened;
  const content = sampleContent(world.appended);
  const start = journal.end;
  const end = appendContent(journal, content);
  world.records.push({ ...content, start, end });
  world.appended += 1;
  expect(journal.end).toBe(end);
}

function commit(world: World, choice: number): void {
  const { journal } = world.opened;
  const durable = world.records.filter(({ end }) => end <= journal.durable);
  if (durable.length > 0) journal.commit((durable[choice % durable.length] as ModelRecord).end);
}

async function read(world: World, choice: number, bytesMax: number): Promise<void> {
  const { journal } = world.opened;
  const left = world.records.filter(({ start }) => start >= journal.committed);
  const position = left[choice % Math.max(1, left.length)]?.start ?? journal.end;
  const { durable } = journal;
  const found = (await journal.read(position, bytesMax)).map(modelOf);
  const from = left.filter(({ start }) => start >= position);
  expect(found).toEqual(from.slice(0, found.length));
  if (position < durable) expect(found.length).toBeGreaterThan(0);
  const bytes = (found.at(-1)?.end ?? position) - position;
  if (found.length > 1) expect(bytes).toBeLessThanOrEqual(bytesMax);
}

// The files as they are at this moment, without some of the bytes that no sync has covered.
async function crash(world: World, bytesLost: number, bounds: typeof smallBounds): Promise<void> {
  const { journal } = world.opened;
  const { durable } = journal;
  const dir = putSnapshot(takeSnapshot(world.dir));
  await journal.close();
  const newest = segmentsOf(dir).at(-1) as string;
  const bytes = readFileSync(newest);
  const durableBytes = segmentHeaderBytes + durable - Number(newest.slice(-24, -4));
  const kept = Math.max(durableBytes, bytes.length - bytesLost);
  if (kept < bytes.length) writeFileSync(newest, bytes.subarray(0, kept));
  await restart(world, dir, durable, bounds);
}

/** Opens `dir`: what was durable and not committed is there, and nothing that was not appended. */
async function restart(
  world: World,
  dir: string,
  durable: number,
  bounds: typeof smallBounds,
): Promise<void> {
  const { committed } = world.opened.journal;
  world.dir = dir;
  world.opened = await open(dir, { bounds });
  const { journal, visited, recovery } = world.opened;
  const found = visited.map(modelOf);
  expect(journal.committed).toBeLessThanOrEqual(committed);
  expect(journal.end).toBeGreaterThanOrEqual(durable);
  const expected = world.records.filter(
    ({ start, end }) => start >= journal.committed && end <= journal.end,
  );
  expect(found).toEqual(expected);
  expect(recovery.bytesDamaged).toBe(0);
  expect((await readAll(journal, journal.committed)).map(modelOf)).toEqual(expected);
  world.records = world.records.filter(({ end }) => end <= journal.end);
}

function checkCounts({ opened: { journal } }: World): void {
  expect(journal.bytesUncommitted).toBe(journal.end - journal.committed);
  expect(journal.durable).toBeLessThanOrEqual(journal.end);
  expect(journal.committed).toBeLessThanOrEqual(journal.durable);
}

function modelOf(record: JournalRecord): ModelRecord {
  return { ...contentOf(record), start: record.start, end: record.end };
}
