/**
 * How soon does a fix reach those who look on, and who pays when some of them do not read?
 * Vehicles at one fix a second (open loop), subscribers of the fleet, of areas, and stalled ones; the engine,
 * the devices and the subscribers are processes of their own, and the database is the embedded one, that of
 * DATABASE_URL, or a native one (`--native`).
 * Invariant: latency runs from the time at which a fix was due to its arrival in the subscribers' process.
 * Every reader got every fix it is to get, once; every acked fix is a row; nothing was dropped: else it fails.
 * Bound: a warm-up, `--seconds`, and the deadlines of the processes.
 */
import { openEngineTest, type EngineTest } from '../test/support/enginetest.ts';
import { startChild } from './child.ts';
import type { DevicesCalls } from './devices.ts';
import { profiled } from './engine.ts';
import { liveFailures } from './livefailures.ts';
import { liveFigures, type LiveRun } from './livefigures.ts';
import { runLive } from './liverun.ts';
import { liveOptions, readLiveSettings, type LiveSettings } from './livesettings.ts';
import type { SubscribersCalls } from './subscribers.ts';
import type { Suite, SuiteResult } from './suite.ts';

export const liveSuite: Suite = {
  name: 'live',
  summary: 'from the device to those who look on: latency, misses, and what stalled readers cost',
  options: liveOptions,
  async run(context) {
    const settings = readLiveSettings(context.input, context.isQuick);
    const test = await openEngineTest(engineEnvironment(settings));
    const devices = startChild<DevicesCalls>(new URL('devices.ts', import.meta.url));
    const subscribers = startChild<SubscribersCalls>(new URL('subscribers.ts', import.meta.url));
    try {
      const load = await runLive({ context, settings, test, devices, subscribers });
      return resultOf({ ...load, rows: await countRows(test) });
    } finally {
      await Promise.all([devices.stop(), subscribers.stop()]);
      await test.cleanup();
    }
  },
};

function resultOf(run: LiveRun): SuiteResult {
  const { firstHalf, secondHalf } = run.crowd;
  const [lower, higher] = [firstHalf.p99Ms, secondHalf.p99Ms].toSorted((a, b) => a - b);
  const noise = lower === undefined || higher === undefined ? null : 1 - lower / higher;
  return { figures: liveFigures(run), noise, failures: liveFailures(run) };
}

function engineEnvironment({ compression, profileDir }: LiveSettings): Record<string, string> {
  return {
    ...(compression === null ? {} : { FLEETWIRE_COMPRESSION: compression }),
    ...(profileDir === null ? {} : profiled(profileDir)),
  };
}

async function countRows(test: EngineTest): Promise<number> {
  const rows = await test.rows(
    (sql) =>
      sql<{ count: string }[]>`select count(*) from positions where vehicle_id like 'bench-%'`,
  );
  return Number(rows[0]?.count);
}
