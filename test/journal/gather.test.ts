import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { JournalRecord } from '../../src/journal/journal.ts';
import { recordHeaderBytes } from '../../src/journal/record.ts';
import { open, readAll, seeded, smallBounds, temporaryDirectory } from './fixture.ts';

type Step =
  | { readonly do: 'gather' | 'append'; readonly kind: number; readonly bytes: number }
  | { readonly do: 'turn' }
  | { readonly do: 'flush' };

const kind = fc.integer({ min: 1, max: 2 });
const bytes = fc.integer({ min: 1, max: smallBounds.recordBytesMax });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('gather'), kind, bytes }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('append'), kind, bytes }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('turn') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush') }) },
);

/** Each byte of the payloads with the kind that it came under. */
function streamOf(records: readonly Pick<JournalRecord, 'kind' | 'payload'>[]): string[] {
  return records.flatMap(({ kind, payload }) => [...payload].map((byte) => `${kind}:${byte}`));
}

function rowsOf(records: readonly Pick<JournalRecord, 'rows'>[]): number {
  return records.reduce((sum, { rows }) => sum + rows, 0);
}

it('gathers what comes one after the other, and nothing is lost, moved or too large', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const dir = temporaryDirectory();
      const { journal, metrics } = await open(dir);
      const given: Pick<JournalRecord, 'kind' | 'rows' | 'payload' | 'end'>[] = [];
      for (const [index, one] of steps.entries()) {
        if (one.do === 'turn') await setImmediate();
        else if (one.do === 'flush') await journal.flush();
        else {
          const payload = Buffer.alloc(one.bytes, index);
          const end = journal[one.do](one.kind, index + 1, payload);
          expect(end).toBe(journal.end);
          given.push({ kind: one.kind, rows: index + 1, payload, end });
        }
      }
      await journal.flush();
      const records = await readAll(journal, 0);
      expect(streamOf(records)).toEqual(streamOf(given));
      expect(rowsOf(records)).toBe(rowsOf(given));
      const largest = Math.max(0, ...given.map(({ payload }) => payload.length));
      for (const { payload, end } of records) {
        expect(payload.length).toBeLessThanOrEqual(
          Math.max(smallBounds.recordGatherBytesMax, largest),
        );
        expect(given.some((one) => one.end === end)).toBe(true);
      }
      expect(metrics.counters.journalRecords).toBe(records.length);
      const payloadBytes = given.reduce((sum, { payload }) => sum + payload.length, 0);
      expect(metrics.counters.journalBytes).toBe(payloadBytes + records.length * recordHeaderBytes);
      await journal.close();

      const again = await open(dir);
      expect(streamOf(again.visited)).toEqual(streamOf(given));
      await again.journal.close();
    }),
    { ...seeded, numRuns: 200 },
  );
});

it('makes one record of what one turn gathers', async () => {
  const { journal } = await open(temporaryDirectory());
  journal.gather(1, 1, Buffer.from('a'));
  journal.gather(1, 2, Buffer.from('bc'));
  journal.append(1, 1, Buffer.from('d'));
  journal.gather(1, 1, Buffer.from('e'));
  await journal.flush();
  journal.gather(1, 1, Buffer.from('f'));
  await journal.flush();
  const records = await readAll(journal, 0);
  expect(records.map(({ rows, payload }) => [rows, payload.toString()])).toEqual([
    [3, 'abc'],
    [1, 'd'],
    [1, 'e'],
    [1, 'f'],
  ]);
  await journal.close();
});
