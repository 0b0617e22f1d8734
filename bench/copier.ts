/**
 * The process that the engine is held against: rows encoded beforehand, by COPY into `positions`, and nothing else.
 * Invariant: the rows are those that devices send, under other names, in the order in which devices send them; batches
 * are as large, and as many at a time, as the engine's. They are committed when `run` resolves.
 * Bound: the rows of one `prepare` in memory. Without a server it has an embedded database of its own, for one process
 * may have one open: the same table, elsewhere.
 */
import type { ISql } from 'postgres';
import { systemClock } from '../src/clock.ts';
import { limits, rowBytesMax } from '../src/limits.ts';
import { emptyFix } from '../src/live/vehicles.ts';
import type { CopyPort } from '../src/store/copy.ts';
import { connectNative } from '../src/store/native.ts';
import { appendRow, clearRows, createRows } from '../src/store/row.ts';
import { openTestDatabase } from '../test/support/database.ts';
import { answerCalls } from './child.ts';
import { restSteps, vehicleId, writeFix } from './fixes.ts';

export interface CopierOptions {
  /** Where `positions` is there already; null for an embedded database. */
  readonly url: string | null;
  readonly run: string;
  readonly vehicles: number;
  readonly fixesPerFrame: number;
  readonly lapSteps: number;
}

export interface CopiedResult {
  readonly rows: number;
  readonly seconds: number;
}

export type CopierCalls = {
  readonly open: (options: CopierOptions) => Promise<void>;
  /** Encodes the rows of so many frames of each vehicle, those that follow the ones before. */
  readonly prepare: (frames: number) => Promise<void>;
  readonly run: (argument: null) => Promise<CopiedResult>;
  readonly countRows: (argument: null) => Promise<number>;
  readonly close: (argument: null) => Promise<void>;
};

interface Copier {
  prepare(frames: number): void;
  run(): Promise<CopiedResult>;
  countRows(): Promise<number>;
  close(): Promise<void>;
}

interface Target {
  readonly copy: CopyPort;
  readonly sql: ISql;
  close(): Promise<void>;
}

async function openTarget(url: string | null): Promise<Target> {
  if (url === null) {
    const { database, cleanup } = await openTestDatabase({ url });
    return { copy: database.copy, sql: database.sql, close: cleanup };
  }
  const onNotice = (): void => undefined;
  return connectNative({ url, bounds: limits, clock: systemClock, onNotice });
}

async function openCopier(options: CopierOptions): Promise<Copier> {
  const { vehicles, fixesPerFrame, run } = options;
  const target = await openTarget(options.url);
  const keys = Array.from({ length: vehicles }, (_, index) => Buffer.from(vehicleId(run, index)));
  let batches: readonly Buffer[] = [];
  let rows = 0;
  let stepsBefore = 0;

  async function copyAll(waiting: Buffer[]): Promise<void> {
    for (let batch = waiting.pop(); batch !== undefined; batch = waiting.pop()) {
      await target.copy.copy([batch]);
    }
  }

  return {
    prepare(frames) {
      stepsBefore += restSteps;
      batches = encodeBatches(options, keys, stepsBefore, frames, target.copy.rowsMax);
      rows = frames * vehicles * fixesPerFrame;
      stepsBefore += frames * fixesPerFrame;
    },
    async run() {
      const waiting = batches.toReversed();
      const startedMs = performance.now();
      const lanes = Array.from({ length: limits.batchesInFlightMax }, () => copyAll(waiting));
      await Promise.all(lanes);
      return { rows, seconds: (performance.now() - startedMs) / 1_000 };
    },
    async countRows() {
      const counted = await target.sql<{ count: string }[]>`
        select count(*) from positions where vehicle_id like ${`${run}-%`}`;
      return Number(counted[0]?.count);
    },
    close: () => target.close(),
  };
}

/** Frame by frame, each of all vehicles, as they come to the engine. */
function encodeBatches(
  { vehicles, fixesPerFrame, lapSteps }: CopierOptions,
  keys: readonly Uint8Array[],
  stepsBefore: number,
  frames: number,
  rowsMax: number,
): readonly Buffer[] {
  const fix = emptyFix(0);
  const receivedAtMs = Date.now();
  const rows = createRows(rowBytesMax(limits) + rowsMax * 200);
  const batches: Buffer[] = [];
  const finish = (): void => {
    batches.push(Buffer.from(rows.bytes.subarray(0, rows.length)));
    clearRows(rows);
  };
  for (let frame = 0; frame < frames; frame++) {
    for (let vehicle = 0; vehicle < vehicles; vehicle++) {
      for (let index = 0; index < fixesPerFrame; index++) {
        writeFix(fix, vehicle, stepsBefore + frame * fixesPerFrame + index, lapSteps);
        appendRow(rows, keys[vehicle] as Uint8Array, fix, receivedAtMs);
        if (rows.count === rowsMax) finish();
      }
    }
  }
  if (rows.count > 0) finish();
  return batches;
}

let copier: Copier | null = null;

function opened(): Copier {
  if (copier === null) throw new Error('copier: not open');
  return copier;
}

const calls: CopierCalls = {
  async open(options) {
    copier = await openCopier(options);
  },
  async prepare(frames) {
    opened().prepare(frames);
  },
  run: () => opened().run(),
  countRows: () => opened().countRows(),
  close: () => opened().close(),
};

answerCalls(calls);
