/**
 * How many fixes a second does the engine take, keep and commit, and at what processor time each?
 * Real processes, real sockets, the embedded database or that of DATABASE_URL.
 * Invariant: every acked fix is a row at the end, else the run fails.
 * Bound: `--seconds` for each size of frame, and what the database needs to catch up.
 */
import { randomBytes } from 'node:crypto';
import { openEngineTest } from '../test/support/enginetest.ts';
import { testToken, type TestEngine } from '../test/support/engine.ts';
import { cpuMs, residentBytes } from './cpu.ts';
import { runLoad } from './load.ts';
import type { Figure, Suite } from './suite.ts';

const connections = 64;
const framesInFlight = 16;
/**
 * Processor time of the engine for each committed fix, by how many fixes a frame has; a goal with a server
 * only, for the embedded database is a thread of the engine.
 */
const goals = [
  { fixesPerFrame: 50, cpuUsPerFix: 1 },
  { fixesPerFrame: 1, cpuUsPerFix: 3 },
] as const;

export const ingestSuite: Suite = {
  name: 'ingest',
  summary: 'fixes a second that are taken, kept and committed, and the processor time of each',
  options: {
    seconds: { type: 'string', value: 'N', help: 'how long, for each size of frame (default: 10)' },
  },
  async run({ input, isQuick, say }) {
    const seconds = input.number('seconds', { min: 1, max: 600 }) ?? (isQuick ? 4 : 10);
    const figures: Figure[] = [];
    const failures: string[] = [];
    for (const { fixesPerFrame, cpuUsPerFix } of goals) {
      say(`frames of ${fixesPerFrame}: ${seconds} s`);
      const measured = await measure(fixesPerFrame, seconds);
      figures.push(...figuresOf(measured, `frames of ${fixesPerFrame}`, cpuUsPerFix));
      if (measured.rows !== measured.fixesAcked) {
        failures.push(`acked ${measured.fixesAcked} fixes, but ${measured.rows} rows are stored`);
      }
    }
    return { figures, noise: null, failures };
  },
};

interface Measured {
  readonly fixesAcked: number;
  readonly rows: number;
  readonly loadSeconds: number;
  readonly storedSeconds: number;
  readonly cpuMs: number;
  readonly bytesSent: number;
  readonly residentBytes: number;
}

async function measure(fixesPerFrame: number, seconds: number): Promise<Measured> {
  const test = await openEngineTest();
  try {
    const { engine } = test;
    const run = randomBytes(4).toString('hex');
    const cpuBefore = cpuMs(engine.pid);
    const started = performance.now();
    const load = await runLoad({
      url: `${engine.wsUrl}/v1/ingest`,
      token: (index) => testToken({ sub: `load-${run}-${index}`, role: 'device' }),
      connections,
      fixesPerFrame,
      framesInFlight,
      seconds,
      startMs: Date.UTC(2026, 0, 1),
    });
    const peakBytes = residentBytes(engine.pid);
    await settled(engine, load.fixesAcked);
    const storedSeconds = (performance.now() - started) / 1_000;
    const cpu = cpuMs(engine.pid) - cpuBefore;
    const rows = await test.rows(
      (sql) =>
        sql<
          { count: string }[]
        >`select count(*) from positions where vehicle_id like ${`load-${run}-%`}`,
    );
    return {
      fixesAcked: load.fixesAcked,
      rows: Number(rows[0]?.count),
      loadSeconds: load.seconds,
      storedSeconds,
      cpuMs: cpu,
      bytesSent: load.bytesSent,
      residentBytes: peakBytes,
    };
  } finally {
    await test.cleanup();
  }
}

async function settled(engine: TestEngine, rows: number): Promise<void> {
  while ((await engine.counter('fleetwire_rows_stored_total')) < rows) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function figuresOf(measured: Measured, arm: string, cpuGoalUs: number): Figure[] {
  const { fixesAcked, rows } = measured;
  const plain = (name: string, value: number, unit: string, better: Figure['better']): Figure => ({
    name: `${name}, ${arm}`,
    value,
    unit,
    goal: null,
    better,
  });
  const cpuUs = (measured.cpuMs * 1_000) / rows;
  return [
    plain('acked', fixesAcked / measured.loadSeconds, 'fixes/s', 'higher'),
    plain('stored', rows / measured.storedSeconds, 'rows/s', 'higher'),
    { ...plain('engine CPU a fix', cpuUs, 'us', 'lower'), goal: isEmbedded() ? null : cpuGoalUs },
    plain('on the wire', measured.bytesSent / fixesAcked, 'bytes/fix', 'lower'),
    plain('engine memory', measured.residentBytes / 1e6, 'MB', 'lower'),
    plain('rows', rows, 'rows', 'higher'),
  ];
}

function isEmbedded(): boolean {
  return (process.env['DATABASE_URL'] ?? '') === '';
}
