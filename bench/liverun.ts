/**
 * One run of devices and subscribers on an engine: everybody connects, each fix is sent when it is due, and every frame
 * that comes is held against what was sent.
 * Invariant: latency runs from the time at which a fix was due to its arrival in the subscribers' process.
 * Bound: a warm-up, the seconds to measure, and the deadlines of the processes.
 */
import { limits } from '../src/limits.ts';
import type { EngineTest } from '../test/support/enginetest.ts';
import type { TestEngine } from '../test/support/engine.ts';
import { areaTopics } from './areas.ts';
import type { Child } from './child.ts';
import { residentBytes } from './cpu.ts';
import type { DevicesCalls } from './devices.ts';
import { toggleProfile } from './engine.ts';
import { wallMs } from './latency.ts';
import { readEngineCounters, waitingBytesName, type LiveLoad } from './livefigures.ts';
import type { LiveSettings } from './livesettings.ts';
import type { SubscribersCalls } from './subscribers.ts';
import type { SuiteContext } from './suite.ts';
import { readUsage, shareOf, type Processes, type Usage } from './usage.ts';

const intervalMs = 1_000;
/** From `begin` to the first fix: the processes have worked out what is to come by then. */
const leadMs = 2_000;
const residentLookMs = 250;
const fillSnapshots = 3;
/** Of a core. */
const quietShare = 0.15;
const fillDeadlineMs = 60_000;
const storedName = 'fleetwire_rows_stored_total';

export interface LiveParts {
  readonly context: SuiteContext;
  readonly settings: LiveSettings;
  readonly test: EngineTest;
  readonly devices: Child<DevicesCalls>;
  readonly subscribers: Child<SubscribersCalls>;
}

/** Resolves when all that was acked is stored. */
export async function runLive(parts: LiveParts): Promise<LiveLoad> {
  const { settings, test, devices, subscribers } = parts;
  const { engine } = test;
  const { say } = parts.context;
  const storedBefore = await engine.counter(storedName);
  await openAll(parts);
  const filledBytes = await fillStalled(parts);

  const steps = settings.warmupS + settings.seconds;
  const startMs = Math.ceil(wallMs()) + leadMs;
  const fromMs = startMs + settings.warmupS * intervalMs;
  const toMs = startMs + steps * intervalMs;
  const secondHalfStep = settings.warmupS + Math.floor(settings.seconds / 2);
  const firstStep = settings.warmupS;
  await subscribers.call('begin', { startMs, steps, firstStep, secondHalfStep, fromMs, toMs });
  const running = devices.call('run', { startMs, steps, firstStep });
  // It is awaited below; when it fails first, that is told there.
  running.catch(() => undefined);
  say(`warming up for ${settings.warmupS} s, then measuring for ${settings.seconds} s`);
  const watched = await watch(parts, fromMs, toMs);
  if (watched.usage.others > quietShare) {
    const percent = Math.round(watched.usage.others * 100);
    say(`not a quiet machine: others used ${percent} % of a core, and latencies have that in them`);
  }
  const sent = await running;
  const crowd = await subscribers.call('settle', null);
  const counters = await readEngineCounters(engine);
  await stored(engine, storedBefore + sent.acked);
  return {
    settings,
    measuredMs: watched.elapsedMs,
    devices: sent,
    crowd,
    usage: watched.usage,
    residentBytes: watched.residentBytes,
    counters,
    waitingBytes: Math.max(filledBytes, counters.waitingBytes),
  };
}

/** Vehicles first: whoever subscribes then gets a snapshot of them all. */
async function openAll({
  context,
  settings,
  test,
  devices,
  subscribers,
}: LiveParts): Promise<void> {
  const { vehicles, fleetReaders, areaReaders, stalledReaders } = settings;
  const plan = { vehicles, intervalMs, placedMs: Date.now() };
  context.say(`connecting ${vehicles} vehicles`);
  await devices.call('open', { ...plan, url: `${test.engine.wsUrl}/v1/ingest` });
  const readers = `${fleetReaders} of the fleet, ${areaReaders} of areas, ${stalledReaders} stalled`;
  context.say(`connecting subscribers: ${readers}`);
  await subscribers.call('open', {
    ...plan,
    url: `${test.engine.wsUrl}/v1/live`,
    fleetReaders,
    areas: areaTopics(areaReaders),
    stalledReaders,
    isCompressed: settings.compression === 'shared' || settings.compression === 'dedicated',
  });
}

/** Until the engine sees that they do not read; what then waits for them, all together. */
async function fillStalled({ settings, test, subscribers }: LiveParts): Promise<number> {
  const { stalledReaders } = settings;
  const enoughBytes = stalledReaders * limits.subscriberLowWaterBytes;
  const endMs = wallMs() + fillDeadlineMs;
  let waitingBytes = 0;
  while (stalledReaders > 0 && waitingBytes <= enoughBytes && wallMs() < endMs) {
    await subscribers.call('fillStalled', fillSnapshots);
    // Two requests a snapshot, no more of them than a connection may send.
    await until(wallMs() + (2 * fillSnapshots * 1_000) / limits.requestsPerSecondMax);
    waitingBytes = await test.engine.counter(waitingBytesName);
  }
  return waitingBytes;
}

interface Watched {
  readonly usage: Usage;
  readonly elapsedMs: number;
  readonly residentBytes: LiveLoad['residentBytes'];
}

/** Looks at the processes from `fromMs` to `toMs`, and tells the engine to profile itself meanwhile. */
async function watch(parts: LiveParts, fromMs: number, toMs: number): Promise<Watched> {
  const { engine } = parts.test;
  const processes: Processes = {
    engine: engine.pid,
    devices: parts.devices.pid,
    subscribers: parts.subscribers.pid,
    database: parts.context.databasePid,
  };
  const toggle = (): void => {
    if (parts.settings.profileDir !== null) toggleProfile(parts.test);
  };
  await until(fromMs);
  toggle();
  const startedMs = wallMs();
  const usage = readUsage(processes);
  const before = residentBytes(engine.pid);
  let peak = before;
  while (wallMs() < toMs) {
    await until(Math.min(toMs, wallMs() + residentLookMs));
    peak = Math.max(peak, residentBytes(engine.pid));
  }
  const elapsedMs = wallMs() - startedMs;
  const share = shareOf(usage, readUsage(processes), elapsedMs);
  toggle();
  return { usage: share, elapsedMs, residentBytes: { before, peak } };
}

async function until(atMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - wallMs())));
}

async function stored(engine: TestEngine, rows: number): Promise<void> {
  while ((await engine.counter(storedName)) < rows) {
    await until(wallMs() + 50);
  }
}
