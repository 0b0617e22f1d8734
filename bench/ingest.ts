/**
 * How many fixes a second does the engine take, keep and commit, and at what processor time each?
 * Real processes, real sockets, the embedded database or that of DATABASE_URL. It asserts the final state:
 * every acked fix is a row. Prints one line of JSON for each size of frame.
 */
import { randomBytes } from 'node:crypto';
import { openEngineTest } from '../test/support/enginetest.ts';
import { testToken } from '../test/support/engine.ts';
import { cpuMs, residentBytes } from './cpu.ts';
import { runLoad } from './load.ts';

const seconds = Number(process.argv[2] ?? 10);
const connections = 64;
const framesInFlight = 16;

async function measure(fixesPerFrame: number): Promise<void> {
  const test = await openEngineTest();
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
  const stored = Number(rows[0]?.count);
  if (stored !== load.fixesAcked) {
    throw new Error(`acked ${load.fixesAcked} fixes, but ${stored} rows are stored`);
  }
  console.log(
    JSON.stringify({
      fixesPerFrame,
      ackedPerS: Math.round(load.fixesAcked / load.seconds),
      storedPerS: Math.round(stored / storedSeconds),
      cpuUsPerFix: Number(((cpu * 1_000) / stored).toFixed(2)),
      wireBytesPerFix: Number((load.bytesSent / load.fixesAcked).toFixed(1)),
      residentMb: Math.round(peakBytes / 1e6),
      rows: stored,
    }),
  );
  await test.cleanup();
}

async function settled(
  engine: { counter(name: string): Promise<number> },
  rows: number,
): Promise<void> {
  while ((await engine.counter('fleetwire_rows_stored_total')) < rows) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const fixesPerFrame of [50, 1]) await measure(fixesPerFrame);
