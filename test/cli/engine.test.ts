/** `replay` and `simulate` as processes against the real engine as a process. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { journeyFile } from '../../src/cli/journey.ts';
import { startTestEngine, testSecret, testToken, type TestEngine } from '../support/engine.ts';
import { runCli, startCli, type Ended } from './run.ts';

let engine: TestEngine;
let env: Record<string, string>;

beforeAll(async () => {
  engine = await startTestEngine();
  env = { FLEETWIRE_JWT_SECRET: new TextDecoder().decode(testSecret) };
});

afterAll(() => engine.cleanup());

/** The summary that `--json` prints as the last line. */
function summaryOf({ out }: Ended): Record<string, number> {
  return JSON.parse(out.trim().split('\n').at(-1) ?? '') as Record<string, number>;
}

const replay = (...args: readonly string[]): readonly string[] => [
  'replay',
  journeyFile,
  '--url',
  engine.wsUrl,
  ...args,
];

describe('replay', () => {
  it('sends the whole journey and is done when every fix is acknowledged', async () => {
    const ended = await runCli(replay('--vehicle', 'bus-1', '--speed', '0', '--json'), env);
    expect(ended.code).toBe(0);
    expect(summaryOf(ended)).toMatchObject({
      vehicle: 'bus-1',
      points: 2_144,
      distinct: 2_144,
      sent: 2_144,
      acked: 2_144,
      refused: 0,
    });
  });

  it('speaks for one vehicle of a token that speaks for several, at the pace asked for', async () => {
    const token = await testToken({ sub: 'gw', role: 'service', vehicles: ['bus-*'] });
    const args = replay('--vehicle', 'bus-2', '--speed', '5000', '--now', '--token', token);
    const ended = await runCli(args);
    expect(ended.code).toBe(0);
    expect(ended.out).toContain('every fix is acknowledged');
  });

  it('fails when fixes are refused, and says which', async () => {
    const token = await testToken({ sub: 'gw', role: 'service', vehicles: ['tram-*'] });
    const args = replay('--vehicle', 'bus-3', '--speed', '0', '--token', token, '--json');
    const ended = await runCli(args);
    expect(ended.code).toBe(1);
    expect(ended.err).toContain('113 the token does not speak for this vehicle');
    expect(summaryOf(ended)).toMatchObject({ acked: 0, refused: 2_144 });
  });

  it('broken off with Ctrl-C says what was acknowledged, and that it was not all', async () => {
    const run = startCli(replay('--vehicle', 'bus-4', '--speed', '10', '--json'), env);
    // A line of progress with an ack in it: by then it is in the middle of the journey.
    await new Promise<void>((resolve) => {
      run.child.stderr?.on('data', () => {
        if (/acked [1-9]/.test(run.output.err)) resolve();
      });
    });
    run.child.kill('SIGINT');
    const ended = await run.ended;
    expect(ended.code).toBe(1);
    const { acked, distinct } = summaryOf(ended);
    expect(acked).toBeGreaterThan(0);
    expect(acked).toBeLessThan(distinct ?? 0);
  });
});

describe('simulate', () => {
  it('drives a fleet with dropouts and ends when every fix is acknowledged', async () => {
    const args = ['--vehicles', '20', '--interval', '0.1', '--dropouts', '0.3', '--seconds', '4'];
    const ended = await runCli(['simulate', '--url', engine.wsUrl, '--json', ...args], env);
    expect(ended.err).toMatch(/1\d of 20 connected .* backlog [1-9]/);
    expect(ended.code).toBe(0);
    const { sent, acked, refused, dropped, unacked } = summaryOf(ended);
    expect(sent).toBeGreaterThan(0);
    expect([acked, refused, dropped, unacked]).toEqual([sent, 0, 0, 0]);
  });

  it('drives a fleet over the one connection of a gateway, until Ctrl-C', async () => {
    const token = await testToken({ sub: 'gw', role: 'service', vehicles: ['tram-*'] });
    const args = ['--vehicles', '20', '--interval', '0.1', '--prefix', 'tram', '--token', token];
    const opened = await engine.counter('fleetwire_connections_opened_total');
    const run = startCli(['simulate', '--url', engine.wsUrl, '--json', ...args]);
    await new Promise<void>((resolve) => {
      run.child.stderr?.on('data', () => {
        if (/acked [1-9]/.test(run.output.err)) resolve();
      });
    });
    run.child.kill('SIGTERM');
    const ended = await run.ended;
    expect(ended.code).toBe(0);
    expect(summaryOf(ended)).toMatchObject({ refused: 0, unacked: 0 });
    expect((await engine.counter('fleetwire_connections_opened_total')) - opened).toBe(1);
  });
});
