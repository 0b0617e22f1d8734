/**
 * A journal as an engine leaves it that was killed while its database was away: full of live fixes, none committed.
 * Invariant: written by the engine's own journal, from rows of the engine's own encoder, in the order in which devices
 * send frames, gathered into records as the engine does; what a COPY of the same rows takes (copier.ts) is to be compared with it.
 * Bound: `bytes` on disk, and what the journal holds back while it is written.
 */
import { recordKinds } from '../src/ingest/pipeline.ts';
import { openJournal } from '../src/journal/journal.ts';
import { limits, rowBytesMax } from '../src/limits.ts';
import { emptyFix } from '../src/live/vehicles.ts';
import { createMetrics } from '../src/metrics.ts';
import { appendRow, createRows, rowFormat } from '../src/store/row.ts';
import { roadSteps, vehicleId, writeFix } from './fixes.ts';

export interface JournalPlan {
  /** Names the vehicles. */
  readonly run: string;
  readonly vehicles: number;
  readonly fixesPerFrame: number;
  readonly bytes: number;
}

export interface MadeJournal {
  /** Of each vehicle. */
  readonly frames: number;
  readonly rows: number;
  readonly bytes: number;
}

/** In `dir`, where an engine may have been before. */
export async function makeJournal(dir: string, plan: JournalPlan): Promise<MadeJournal> {
  const { run, vehicles, fixesPerFrame } = plan;
  let failure: Error | null = null;
  const { journal } = await openJournal(
    {
      dir,
      rowFormat,
      bounds: limits,
      metrics: createMetrics(),
      onDurable: () => undefined,
      onFailure: (error) => (failure = error),
    },
    () => undefined,
  );
  const keys = Array.from({ length: vehicles }, (_, index) => Buffer.from(vehicleId(run, index)));
  const rows = createRows(fixesPerFrame * rowBytesMax(limits));
  const fix = emptyFix(0);
  const receivedAtMs = Date.now();
  const first = journal.end;
  const made = { frames: 0, rows: 0, bytes: 0 };
  while (made.bytes < plan.bytes && failure === null) {
    for (const [vehicle, key] of keys.entries()) {
      rows.length = 0;
      for (let index = 0; index < fixesPerFrame; index++) {
        writeFix(fix, vehicle, made.frames * fixesPerFrame + index, roadSteps);
        appendRow(rows, key, fix, receivedAtMs);
      }
      journal.gather(recordKinds.live, fixesPerFrame, rows.bytes.subarray(0, rows.length));
      made.rows += fixesPerFrame;
      if (journal.end - journal.durable >= flushBytes) await journal.flush();
    }
    made.bytes = journal.end - first;
    made.frames += 1;
  }
  await journal.close();
  if (failure !== null) throw failure as Error;
  return made;
}

/** Less than the journal holds back. */
const flushBytes = limits.journalPendingBytesMax / 4;
