/**
 * `fleetwire demo`: the whole way of a fix on one machine, and a count at the end that it kept its word.
 * An engine of its own, real connections, a subscriber; then the engine is stopped and the rows in its
 * database are held against the fixes it has acknowledged.
 * Invariant: exit code 0 means that every acknowledged fix was found once, and none was left unacknowledged.
 * Bound: `--seconds`, Ctrl-C or a full ledger, whichever comes first.
 */
import { mkdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { systemClock } from '../clock.ts';
import { readConfig, settings, type Config } from '../config.ts';
import { limits } from '../limits.ts';
import { startEngineChild, type EngineChild } from './child.ts';
import type { Command, Input } from './command.ts';
import { readFigures } from './figures.ts';
import { listenForInterrupt, type Interrupt } from './interrupt.ts';
import { readJourney } from './journey.ts';
import { createLedger, type Ledger, type Tally } from './ledger.ts';
import { grouped } from './progress.ts';
import { createReach } from './reach.ts';
import { createSigner, planeUrl } from './target.ts';
import { startTraffic, type Traffic, type TrafficStats } from './traffic.ts';
import { verifyStored } from './verify.ts';
import { pauseFor, within } from './wait.ts';

const dataDir = './data/demo';

export const demoCommand: Command = {
  name: 'demo',
  operands: [],
  summary:
    'run an engine, the real bus journey, a simulated fleet and a subscriber, and count rows',
  options: {
    vehicles: { type: 'string', value: 'N', fallback: '50', help: 'simulated vehicles' },
    dropouts: {
      type: 'string',
      value: 'SHARE',
      fallback: '0.05',
      help: 'share of the time that a simulated vehicle is offline, 0 to 0.9',
    },
    seconds: { type: 'string', value: 'N', help: 'how long (default: until Ctrl-C)' },
    json: { type: 'boolean', help: 'print the summary as one line of JSON at the end' },
  },
  run,
};

const clock = systemClock;
/** The journey took 75 minutes; here it takes a minute, or less where the demo is shorter. */
const journeySecondsMax = 60;
const journeyShare = 0.8;
const vehiclesMax = 10_000;
const settleDeadlineMs = 5_000;
const settlePollMs = 50;
const interruptedExitCode = 130;

interface Plan {
  readonly config: Config;
  readonly vehicles: number;
  readonly dropouts: number;
  readonly seconds: number | null;
  readonly interrupt: Interrupt;
  readonly ledger: Ledger;
}

async function run(input: Input): Promise<number> {
  const environment = demoEnvironment();
  const config = readConfig(environment);
  const plan: Plan = {
    config,
    vehicles: input.number('vehicles', { min: 0, max: vehiclesMax, isInteger: true }) as number,
    dropouts: input.number('dropouts', { min: 0, max: 0.9 }) as number,
    seconds: input.number('seconds', { min: 1, max: 31_536_000 }),
    interrupt: listenForInterrupt(clock),
    ledger: createLedger(limits.demoFixesMax),
  };
  await mkdir(config.dataDir, { recursive: true });
  const child = await startEngineChild({
    environment,
    logFile: join(config.dataDir, 'engine.log'),
    startDeadlineMs: limits.demoStartDeadlineMs,
    stopDeadlineMs: config.bounds.shutdownDeadlineMs * 2,
    clock,
  });
  try {
    return await watch(input, plan, child);
  } finally {
    await child.stop();
    plan.interrupt.release();
  }
}

/** The engine's environment: the caller's, but with a data directory and a secret of its own. */
function demoEnvironment(): Record<string, string | undefined> {
  return {
    ...process.env,
    [settings.host.env]: '127.0.0.1',
    [settings.port.env]: process.env[settings.port.env] ?? '0',
    [settings.dataDir.env]: process.env[settings.dataDir.env] ?? dataDir,
    [settings.jwksUrl.env]: '',
    // The journey is played faster than any vehicle drives.
    [settings.filterJumpSpeedCms.env]: process.env[settings.filterJumpSpeedCms.env] ?? '0',
  };
}

async function watch(input: Input, plan: Plan, child: EngineChild): Promise<number> {
  const { config, interrupt, ledger } = plan;
  say(`starting the engine on ${databaseText(config)} ...`);
  const url = await Promise.race([child.ready, interrupt.requested]);
  if (url === undefined) {
    say('interrupted before the engine was ready');
    return interruptedExitCode;
  }
  say(`engine ready at ${url} (process ${child.pid}); ${whatHappens(plan)}`);
  const startedMs = clock.monotonicMs();
  const stats = await drive(plan, child, url);
  const seconds = (clock.monotonicMs() - startedMs) / 1_000;

  say('stopping the engine, then counting rows in its database ...');
  if (!(await child.stop())) say('the engine did not stop in time and was killed');
  const tally = await verifyStored(config, ledger);
  say(summaryText(plan, stats, tally, seconds));
  if (input.flag('json')) say(JSON.stringify(summaryObject(plan, stats, tally, seconds)));
  return tally.lost + tally.duplicates + stats.backlog === 0 ? 0 : 1;
}

/** Traffic until it is over, and then until all of it is acknowledged, stored and seen. */
async function drive(plan: Plan, child: EngineChild, url: string): Promise<TrafficStats> {
  const { config, interrupt, ledger } = plan;
  const over = new AbortController();
  const stopSending = (): void => over.abort();
  interrupt.signal.addEventListener('abort', stopSending, { once: true });
  const { signal } = over;
  const ingestUrl = planeUrl(url, 'ingest', config);
  const waitMs = limits.clientConnectTimeoutMs;
  const connections = plan.vehicles + 1;
  const reach = createReach({ url: ingestUrl, waitMs, connections, clock, signal });
  const starting = startTraffic({
    ingestUrl,
    liveUrl: planeUrl(url, 'live', config),
    sign: await createSigner(config),
    journey: await readJourney(),
    journeyMs: journeyMs(plan.seconds),
    vehicles: plan.vehicles,
    dropouts: plan.dropouts,
    ledger,
    reach,
    clock,
    signal,
  });
  const traffic = await Promise.race([starting, child.died]);
  try {
    const shown = showFigures(plan, traffic, url, signal, stopSending);
    const sending = Promise.all([reach.reached, shown, traffic.played]);
    await Promise.race([sending, child.died, reach.refused]);
    interrupt.stopping();
    say('no more is sent; waiting for the last acknowledgements (Ctrl-C leaves at once) ...');
    await Promise.race([settle(traffic, url), child.died]);
    return traffic.stats;
  } finally {
    stopSending();
    await traffic.close();
  }
}

function journeyMs(seconds: number | null): number {
  return Math.min(journeySecondsMax, (seconds ?? Infinity) * journeyShare) * 1_000;
}

/** A line a second until `signal` is aborted; aborts it itself when the time is up. */
async function showFigures(
  plan: Plan,
  traffic: Traffic,
  url: string,
  signal: AbortSignal,
  stopSending: () => void,
): Promise<void> {
  const startMs = clock.monotonicMs();
  const endMs = startMs + (plan.seconds ?? Infinity) * 1_000;
  let fixesBefore = 0;
  for (let second = 1; !signal.aborted; second++) {
    const nextMs = Math.min(startMs + second * 1_000, endMs);
    await pauseFor(clock, nextMs - clock.monotonicMs(), signal);
    const figures = await readFigures(url);
    if (figures !== null) {
      const { fixesReceived, rowsStored, positionsPublished } = figures;
      const { acked, livePositions } = traffic.stats;
      say(
        `${elapsedText(clock.monotonicMs() - startMs)}  fixes in ${count(fixesReceived)} (${grouped(fixesReceived - fixesBefore)}/s)  acked ${count(acked)}  stored ${count(rowsStored)}  published ${count(positionsPublished)}  received ${count(livePositions)}`,
      );
      fixesBefore = fixesReceived;
    }
    if (plan.ledger.isFull)
      say(`${grouped(plan.ledger.sent)} fixes are as many as the demo counts`);
    if (plan.ledger.isFull || clock.monotonicMs() >= endMs) stopSending();
  }
}

/** Waits until all is acknowledged, stored and seen live, each for a limited time. */
async function settle(traffic: Traffic, url: string): Promise<void> {
  await within(clock, limits.clientDrainTimeoutMs, traffic.flushed());
  const endMs = clock.monotonicMs() + settleDeadlineMs;
  const never = new AbortController().signal;
  while (clock.monotonicMs() < endMs) {
    const figures = await readFigures(url);
    const isStored = figures !== null && figures.rowsStored >= figures.fixesAccepted;
    if (isStored && traffic.stats.liveFixes >= figures.fixesLive) return;
    await pauseFor(clock, settlePollMs, never);
  }
}

function whatHappens(plan: Plan): string {
  const until = plan.seconds === null ? 'until Ctrl-C' : `for ${plan.seconds} s`;
  return `the real bus journey and ${grouped(plan.vehicles)} simulated vehicles, ${until}`;
}

function databaseText(config: Config): string {
  return config.databaseUrl === null
    ? `the embedded TimescaleDB in ${shortPath(config.databaseDir)} (its first start takes a few seconds)`
    : 'the TimescaleDB of DATABASE_URL';
}

function summaryObject(plan: Plan, stats: TrafficStats, tally: Tally, seconds: number) {
  const { sent, acked, refused, resent, backlog, liveFixes } = stats;
  return {
    seconds: Math.round(seconds * 10) / 10,
    vehicles: plan.vehicles + 1,
    sent,
    acked,
    refused,
    resent,
    unacked: backlog,
    stored: tally.stored,
    lost: tally.lost,
    duplicates: tally.duplicates,
    liveReceived: liveFixes,
  };
}

function summaryText(plan: Plan, stats: TrafficStats, tally: Tally, seconds: number): string {
  const { config } = plan;
  return [
    '',
    `${grouped(plan.vehicles + 1)} vehicles, ${seconds.toFixed(1)} s`,
    `  sent        ${count(stats.sent)}  fixes; sent again because a connection was lost: ${grouped(stats.resent)}`,
    `  acked       ${count(stats.acked)}  fixes; refused: ${grouped(stats.refused)}, left unacknowledged: ${grouped(stats.backlog)}`,
    `  stored      ${count(tally.stored)}  acked fixes found in the database`,
    `  lost        ${count(tally.lost)}  acked fixes that the database does not have`,
    `  duplicates  ${count(tally.duplicates)}  rows too many`,
    `  live        ${count(stats.liveFixes)}  fixes seen by the subscriber of the fleet`,
    '',
    config.databaseUrl === null
      ? `The data is in ${shortPath(config.dataDir)}; remove that directory to start afresh.`
      : 'The data is in the database of DATABASE_URL, in the table positions.',
  ].join('\n');
}

function shortPath(path: string): string {
  const fromHere = relative('.', path);
  return fromHere.startsWith('..') ? resolve(path) : fromHere;
}

function elapsedText(elapsedMs: number): string {
  const seconds = Math.round(elapsedMs / 1_000);
  const padded = (value: number): string => String(value).padStart(2, '0');
  return `${padded(Math.floor(seconds / 60))}:${padded(seconds % 60)}`;
}

function count(value: number): string {
  return grouped(value).padStart(9);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
