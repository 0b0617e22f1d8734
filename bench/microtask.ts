/**
 * The process of one run of the suite of single functions: what the engine does to the bytes of a fix, each step alone
 * and all together, and beside them what nobody can go below: the library's unpack, and a copy of the bytes.
 * Invariant: the functions are the engine's own. What they make is read back and held against what was sent.
 * Bound: `framesPerCall` frames a call, so that a call is long against the clock that times it.
 */
import { Unpackr } from 'msgpackr';
import { Bench } from 'tinybench';
import { validateFix } from '../src/ingest/validate.ts';
import { limits, rowBytesMax } from '../src/limits.ts';
import { emptyFix } from '../src/live/vehicles.ts';
import { appendRow, clearRows, createRows, decodeRow } from '../src/store/row.ts';
import { decodeDeviceFrame, decodeFix } from '../src/wire/decode.ts';
import { frameTypes, type Fix, type PositionsFrame } from '../src/wire/types.ts';
import { answerCalls } from './child.ts';
import { vehicleId, writeFix } from './fixes.ts';
import { positionsFrame } from './framering.ts';

export interface MicroOptions {
  readonly fixesPerFrame: number;
  /** For each task. */
  readonly timeMs: number;
}

export const taskNames = ['copy', 'unpack', 'decode', 'validate', 'encode', 'toCopy'] as const;
export type TaskName = (typeof taskNames)[number];

export interface MicroResult {
  /** Microseconds a fix, the median of the calls. */
  readonly costsUs: Readonly<Record<TaskName, number>>;
  /** Rows that are not what was sent. */
  readonly wrongRows: number;
  readonly rows: number;
}

export type MicroCalls = { readonly run: (options: MicroOptions) => Promise<MicroResult> };

const framesPerCall = 40;
const lapSteps = 10_000;
const nowMs = Date.UTC(2026, 5, 1);

async function run({ fixesPerFrame, timeMs }: MicroOptions): Promise<MicroResult> {
  const payloads = Array.from({ length: framesPerCall }, (_, vehicle) =>
    positionsFrame(vehicle, 1, vehicle, fixesPerFrame, lapSteps),
  );
  const keys = payloads.map((_, vehicle) => Buffer.from(vehicleId('micro', vehicle)));
  const fixes = payloads.flatMap((payload) => decoded(payload));
  const target = Buffer.alloc(Math.max(...payloads.map(({ length }) => length)));
  const rows = createRows(fixesPerFrame * rowBytesMax(limits));
  const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });
  const fix = emptyFix(0);
  const work: Record<TaskName, () => void> = {
    copy() {
      for (const payload of payloads) target.set(payload);
    },
    unpack() {
      for (const payload of payloads) unpackr.unpack(payload);
    },
    decode() {
      for (const payload of payloads) decodeInto(payload, fix);
    },
    validate() {
      for (const one of fixes) checked(one);
    },
    encode() {
      for (const [index, one] of fixes.entries()) {
        if (index % fixesPerFrame === 0) clearRows(rows);
        appendRow(rows, keys[(index / fixesPerFrame) | 0] as Buffer, one, nowMs);
      }
    },
    toCopy() {
      for (const [vehicle, payload] of payloads.entries()) {
        clearRows(rows);
        const frame = positionsOf(payload);
        for (const raw of frame.fixes) {
          if (decodeFix(raw, frame.baseMs, fix, limits) !== null) throw new Error('a bad fix');
          checked(fix);
          appendRow(rows, keys[vehicle] as Buffer, fix, nowMs);
        }
      }
    },
  };
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4 });
  for (const name of taskNames) bench.add(name, work[name]);
  await bench.run();
  const costUs = (name: TaskName): number => {
    const result = bench.getTask(name)?.result;
    if (result?.state !== 'completed') throw new Error(`${name} did not complete`);
    return (result.latency.p50 * 1_000) / (framesPerCall * fixesPerFrame);
  };
  const costsUs = Object.fromEntries(taskNames.map((name) => [name, costUs(name)]));
  // What the last call has left is the rows of the last frame.
  work.toCopy();
  const wrongRows = countWrong(rows.bytes, framesPerCall - 1, fixesPerFrame);
  return { costsUs: costsUs as MicroResult['costsUs'], wrongRows, rows: rows.count };
}

function positionsOf(payload: Buffer): PositionsFrame {
  const frame = decodeDeviceFrame(payload, limits);
  if ('refused' in frame || frame.type !== frameTypes.positions) throw new Error('no positions');
  return frame;
}

function decodeInto(payload: Buffer, fix: Fix): void {
  const frame = positionsOf(payload);
  for (const raw of frame.fixes) {
    if (decodeFix(raw, frame.baseMs, fix, limits) !== null) throw new Error('a bad fix');
  }
}

function decoded(payload: Buffer): Fix[] {
  const { fixes, baseMs } = positionsOf(payload);
  return fixes.map((raw) => {
    const fix = emptyFix(0);
    decodeFix(raw, baseMs, fix, limits);
    return fix;
  });
}

function checked(fix: Fix): void {
  if (validateFix(fix, nowMs, limits) !== null) throw new Error('a fix out of range');
}

function countWrong(bytes: Buffer, vehicle: number, fixes: number): number {
  const expected = emptyFix(0);
  let wrong = 0;
  let at = 0;
  for (let index = 0; index < fixes; index++) {
    const row = decodeRow(bytes, at);
    at = row.end;
    writeFix(expected, vehicle, vehicle + index, lapSteps);
    const isSame = Object.entries(expected).every(
      ([name, value]) => row.fix[name as keyof Fix] === value,
    );
    if (!isSame || row.vehicleKey !== vehicleId('micro', vehicle)) wrong += 1;
  }
  return wrong;
}

answerCalls({ run } satisfies MicroCalls);
