/**
 * How soon is a fix with those who look on, where the whole way is gone: socket, journal, database, fan-out to 200
 * dashboards? Against a bare echo of messages as long, as many and as often, on the same machine, in turns.
 * Invariant: on both sides latency runs from the time at which a message was due. Every dashboard gets every fix, once;
 * every acked fix is a row; nothing is dropped; every echo comes back: else the run fails.
 * Bound: a warm-up and `--seconds` for each side, twice.
 * Half the peak is where the engine's event loop uses half of its core, which is stated beside the latencies.
 */
import type { EngineTest } from '../test/support/enginetest.ts';
import type { BareServerCalls } from './bareserver.ts';
import { startChild, type Child } from './child.ts';
import type { DevicesCalls } from './devices.ts';
import type { EchoersCalls, EchoResult } from './echoers.ts';
import { openBenchEngine } from './engine.ts';
import { latencyFigures } from './latencyfigures.ts';
import type { LiveLoad } from './livefigures.ts';
import { runLive } from './liverun.ts';
import type { LiveSettings } from './livesettings.ts';
import { inRounds } from './rounds.ts';
import type { SubscribersCalls } from './subscribers.ts';
import type { Suite, SuiteContext } from './suite.ts';

const intervalMs = 1_000;
const rounds = 2;
const full = { vehicles: 5_000, dashboards: 200, warmupS: 5, seconds: 20 } as const;
const quick = { vehicles: 1_000, dashboards: 50, warmupS: 2, seconds: 3 } as const;
const arms = ['engine', 'echo'] as const;
type Arm = (typeof arms)[number];
type Result = LiveLoad | EchoResult;

export const latencySuite: Suite = {
  name: 'latency',
  summary: 'from the device to the dashboards with everything on, against a bare echo',
  options: {
    seconds: {
      type: 'string',
      value: 'N',
      help: `how long to measure, each side twice (default: ${full.seconds}; quick: ${quick.seconds})`,
    },
    vehicles: {
      type: 'string',
      value: 'N',
      help: `each at one fix a second (default: ${full.vehicles}; quick: ${quick.vehicles})`,
    },
    dashboards: {
      type: 'string',
      value: 'N',
      help: `readers of the fleet (default: ${full.dashboards}; quick: ${quick.dashboards})`,
    },
    tick: { type: 'string', value: 'MS', help: "in place of the engine's own FLEETWIRE_TICK_MS" },
    profile: { type: 'string', value: 'DIR', help: "where to write the engine's CPU profile" },
  },
  async run(context) {
    const settings = readSettings(context);
    const tick = context.input.text('tick');
    const test = await openBenchEngine({
      env: tick === null ? {} : { FLEETWIRE_TICK_MS: tick },
      profileDir: settings.profileDir,
    });
    const bare = startChild<BareServerCalls>(new URL('bareserver.ts', import.meta.url));
    const echoers = startChild<EchoersCalls>(new URL('echoers.ts', import.meta.url));
    try {
      const port = await bare.call('listen', []);
      const url = `ws://127.0.0.1:${port}/echo`;
      await echoers.call('open', { url, connections: settings.vehicles });
      const results = await inRounds<Arm, Result>(arms, rounds, (arm) =>
        arm === 'echo' ? runEcho(context, settings, echoers) : runEngine(context, settings, test),
      );
      const [loads = [], echoes = []] = results;
      return latencyFigures({
        loads: loads.filter(isLoad),
        echoes: echoes.filter(isEcho),
        rows: await countRows(test),
      });
    } finally {
      await Promise.all([echoers.stop(), bare.stop()]);
      await test.cleanup();
    }
  },
};

function readSettings({ input, isQuick }: SuiteContext): LiveSettings {
  const fallback = isQuick ? quick : full;
  const count = (name: string, min: number, max: number, or: number): number =>
    input.number(name, { min, max, isInteger: true }) ?? or;
  return {
    vehicles: count('vehicles', 1, 10_000, fallback.vehicles),
    fleetReaders: count('dashboards', 1, 1_000, fallback.dashboards),
    areaReaders: 0,
    stalledReaders: 0,
    warmupS: fallback.warmupS,
    seconds: count('seconds', 2, 600, fallback.seconds),
    compression: null,
    profileDir: input.text('profile'),
  };
}

/** New processes each time, whose vehicles begin anew. */
async function runEngine(
  context: SuiteContext,
  settings: LiveSettings,
  test: EngineTest,
): Promise<LiveLoad> {
  const devices = startChild<DevicesCalls>(new URL('devices.ts', import.meta.url));
  const subscribers = startChild<SubscribersCalls>(new URL('subscribers.ts', import.meta.url));
  try {
    return await runLive({ context, settings, test, devices, subscribers });
  } finally {
    await Promise.all([devices.stop(), subscribers.stop()]);
  }
}

function runEcho(
  { say }: SuiteContext,
  { warmupS, seconds }: LiveSettings,
  echoers: Child<EchoersCalls>,
): Promise<EchoResult> {
  say('echo');
  return echoers.call('run', { intervalMs, messages: warmupS + seconds, firstMessage: warmupS });
}

function isLoad(result: Result): result is LiveLoad {
  return 'crowd' in result;
}

function isEcho(result: Result): result is EchoResult {
  return !isLoad(result);
}

async function countRows(test: EngineTest): Promise<number> {
  const [row] = await test.rows(
    (sql) =>
      sql<{ count: string }[]>`select count(*) from positions where vehicle_id like 'bench-%'`,
  );
  return Number(row?.count);
}
