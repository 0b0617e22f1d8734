/**
 * The database is stopped for 20 s in the middle of a stream and started again, as the issue asks: devices go
 * on being acked at level 1, memory stays flat, nothing is lost and nothing is stored twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { residentBytes } from '../../bench/cpu.ts';
import { runLoad } from '../../bench/load.ts';
import { startTestEngine, testToken, type TestEngine } from '../support/engine.ts';
import { startNative, type NativeServer } from './server.ts';

const outageSeconds = 20;
const streamSeconds = outageSeconds + 10;
/** What the engine may grow by while the database is away: the journal's tail and two spans, twice over. */
const growthBytesMax = 128 * 1024 * 1024;

let server: NativeServer;
let engine: TestEngine;

beforeAll(async () => {
  server = await startNative();
  engine = await startTestEngine({ databaseUrl: server.url });
});

afterAll(async () => {
  await engine.cleanup();
  await server.remove();
});

it(
  'a stream goes on while the database is away',
  async () => {
    const load = runLoad({
      url: `${engine.wsUrl}/v1/ingest`,
      token: (index) => testToken({ sub: `veh-${index}`, role: 'device' }),
      connections: 8,
      fixesPerFrame: 50,
      framesInFlight: 2,
      seconds: streamSeconds,
      startMs: Date.UTC(2026, 0, 1),
    });
    while ((await engine.counter('fleetwire_rows_stored_total')) === 0) await sleep(20);
    await server.stop();
    const residentBefore = residentBytes(engine.pid);
    const ackedBefore = await engine.counter('fleetwire_frames_journaled_total');
    let residentMax = 0;
    for (let second = 0; second < outageSeconds; second++) {
      await sleep(1_000);
      residentMax = Math.max(residentMax, residentBytes(engine.pid));
    }
    const ackedAfter = await engine.counter('fleetwire_frames_journaled_total');
    const waitingBytes = await engine.counter('fleetwire_journal_uncommitted_bytes');
    expect(ackedAfter).toBeGreaterThan(ackedBefore);
    expect(await engine.counter('fleetwire_database_available')).toBe(0);
    // The bound says something only when more than that was kept.
    expect(waitingBytes).toBeGreaterThan(residentMax - residentBefore);
    expect(residentMax - residentBefore).toBeLessThan(growthBytesMax);

    await server.start();
    const { fixesAcked } = await load;
    expect(await engine.stop()).toBe(0);
    await engine.restart();
    while ((await engine.counter('fleetwire_journal_uncommitted_bytes')) > 0) await sleep(100);
    const sql = postgres(server.url, { max: 1 });
    const [row] = await sql<{ rows: number; keys: number }[]>`
      select count(*)::int as rows, count(distinct (vehicle_id, time))::int as keys from positions`;
    await sql.end();
    expect(row).toEqual({ rows: fixesAcked, keys: fixesAcked });
  },
  // To count millions of rows takes longer than to store them.
  (streamSeconds + 270) * 1_000,
);
