/** The demo as a stranger runs it, short: a real engine, real connections, and the count at the end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, startCli, type Ended, type Run } from './run.ts';

/** A line of them; on a busy machine the first may be of the third second or later. */
const figures = /\n\d\d:\d\d {2}fixes in +[\d,]+ \([\d,]+\/s\) {2}acked /;
const someFixes = /fixes in +[1-9][\d,]* /;

let dir: string;
let env: Record<string, string>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fleetwire-demo-'));
  env = { FLEETWIRE_DATA_DIR: dir };
});

afterAll(() => rm(dir, { recursive: true }));

function summaryOf({ out }: Ended): Record<string, number> {
  return JSON.parse(out.trim().split('\n').at(-1) ?? '') as Record<string, number>;
}

describe('demo', () => {
  it('finds every acknowledged fix in the database once', async () => {
    const ended = await runCli(
      ['demo', '--seconds', '4', '--vehicles', '10', '--dropouts', '0.2', '--json'],
      env,
    );
    expect(ended.err).toBe('');
    expect(ended.code).toBe(0);
    const { sent, acked, stored, lost, duplicates, unacked, liveReceived } = summaryOf(ended);
    // Most of the journey (played this fast, some of its points share a millisecond), and the fleet.
    expect(sent).toBeGreaterThan(1_500);
    expect([acked, stored, lost, duplicates, unacked]).toEqual([sent, sent, 0, 0, 0]);
    expect(liveReceived).toBe(sent);
    expect(ended.out).toMatch(figures);
  });

  it('goes on until Ctrl-C, on the data that is there, and counts the same way', async () => {
    const run = startCli(['demo', '--vehicles', '3', '--json'], env);
    await run.printed(someFixes);
    run.child.kill('SIGINT');
    const ended = await run.ended;
    expect(ended.code).toBe(0);
    const { sent, stored, lost, duplicates } = summaryOf(ended);
    expect(sent).toBeGreaterThan(0);
    expect([stored, lost, duplicates]).toEqual([sent, 0, 0]);
  });

  it('stops at once when it is interrupted before the engine is ready', async () => {
    const run = startCli(['demo'], env);
    await run.printed(/starting the engine/);
    run.child.kill('SIGINT');
    expect((await run.ended).code).toBe(130);
  });

  it('says so when the engine dies', async () => {
    const run = startCli(['demo', '--vehicles', '1'], env);
    await run.printed(figures);
    process.kill(engineOf(run), 'SIGKILL');
    const ended = await run.ended;
    expect(ended.code).toBe(1);
    expect(ended.err).toMatch(/^fleetwire: the engine was ended by SIGKILL \(its log: [^)]+\)/);
  });

  it('leaves no engine behind, even when it is killed', async () => {
    const run = startCli(['demo', '--vehicles', '1'], env);
    await run.printed(/engine ready/);
    const engine = engineOf(run);
    expect(isAlive(engine)).toBe(true);
    run.child.kill('SIGKILL');
    await run.ended;
    // The engine stops in order, which takes its time; the test's own deadline is the bound.
    while (isAlive(engine)) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});

/** The process id of the engine, as the demo has printed it. */
function engineOf(run: Run): number {
  return Number(/\(process (\d+)\)/.exec(run.output.out)?.[1]);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
