/**
 * How near do the engine's deliveries come to those of a server that does nothing but publish? An event on one topic
 * that 1,000 have, and fixes on 1,000 topics that 10 have each; the same for bare uWebSockets.js, in turns.
 * Invariant: every listener gets every message, and the engine drops none, else the run fails.
 * Bound: a number of beats in each round, after a round that does not count.
 * A tick of 1 ms: messages/s are to be bounded by the processor, and not by how long positions are gathered.
 */
import type { EngineTest } from '../test/support/enginetest.ts';
import type { BareServerCalls } from './bareserver.ts';
import { startChild, type Child } from './child.ts';
import { cpuMs } from './cpu.ts';
import { openBenchEngine, toggleProfile } from './engine.ts';
import { fanoutFigures, type FanRound, type SceneRounds } from './fanoutfigures.ts';
import type { FanLoadCalls } from './fanload.ts';
import {
  framesOf,
  scenes,
  topicsEach,
  type Scene,
  type SceneName,
  type Target,
} from './fanscene.ts';
import { inRounds } from './rounds.ts';
import type { Suite, SuiteContext } from './suite.ts';

const targets: readonly Target[] = ['engine', 'bare'];
const sceneNames: readonly SceneName[] = ['one', 'many'];
const sizes = {
  full: { rounds: 4, beats: { one: 3_000, many: 300 } },
  quick: { rounds: 2, beats: { one: 500, many: 50 } },
} as const;
const environment = {
  FLEETWIRE_TICK_MS: '1',
  FLEETWIRE_FRAMES_IN_FLIGHT_MAX: `${scenes.many.beatsUnackedMax * topicsEach(scenes.many)}`,
} as const;

export const fanoutSuite: Suite = {
  name: 'fanout',
  summary: 'messages delivered to subscribers, against a server that only publishes',
  options: {
    profile: { type: 'string', value: 'DIR', help: "where to write the engine's CPU profile" },
    'profile-scene': { type: 'string', value: 'NAME', fallback: 'many', help: 'one or many' },
  },
  async run(context) {
    const profileDir = context.input.text('profile');
    const test = await openBenchEngine({ env: environment, profileDir });
    const servers = sceneNames.map(() =>
      startChild<BareServerCalls>(new URL('bareserver.ts', import.meta.url)),
    );
    const load = startChild<FanLoadCalls>(new URL('fanload.ts', import.meta.url));
    try {
      const rounds: SceneRounds[] = [];
      for (const [index, name] of sceneNames.entries()) {
        const bare = servers[index] as Child<BareServerCalls>;
        rounds.push(await runScene({ context, test, bare, load, scene: scenes[name] }));
      }
      return fanoutFigures(rounds, await readDrops(test));
    } finally {
      await Promise.all([load.stop(), ...servers.map((server) => server.stop())]);
      await test.cleanup();
    }
  },
};

interface Parts {
  readonly context: SuiteContext;
  readonly test: EngineTest;
  readonly bare: Child<BareServerCalls>;
  readonly load: Child<FanLoadCalls>;
  readonly scene: Scene;
}

async function runScene(parts: Parts): Promise<SceneRounds> {
  const { context, test, bare, load, scene } = parts;
  const size = context.isQuick ? sizes.quick : sizes.full;
  const profiles =
    context.input.text('profile') !== null && context.input.text('profile-scene') === scene.name;
  const port = await bare.call('listen', framesOf(scene));
  const urls = { engine: test.engine.wsUrl, bare: `ws://127.0.0.1:${port}` };
  const pids = { engine: test.engine.pid, bare: bare.pid };
  for (const target of targets) {
    context.say(`connecting to ${target}: ${scene.title}`);
    await load.call('open', { target, scene: scene.name, url: urls[target] });
  }

  async function measure(target: Target, beats: number): Promise<FanRound> {
    const before = cpuMs(pids[target]);
    if (profiles && target === 'engine') toggleProfile(test);
    const result = await load.call('run', { target, scene: scene.name, beats });
    if (profiles && target === 'engine') toggleProfile(test);
    return { ...result, cpuMs: cpuMs(pids[target]) - before };
  }

  const beats = size.beats[scene.name];
  context.say(`${beats} beats a round`);
  await inRounds(targets, 1, (target) => measure(target, Math.ceil(beats / 2)));
  const results = await inRounds(targets, size.rounds, (target) => measure(target, beats));
  const [engine = [], only = []] = results;
  return { scene, engine, bare: only };
}

async function readDrops({ engine }: EngineTest): Promise<{ dropped: number; lagging: number }> {
  return {
    dropped: await engine.counter('fleetwire_messages_dropped_total'),
    lagging: await engine.counter('fleetwire_feeds_lagging_total'),
  };
}
