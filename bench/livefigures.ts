/**
 * What a run of `live` has measured, as figures, and what its final state lacks.
 * Invariant: a goal is stated here and nowhere else; whatever must be exact is a failure and not a goal.
 */
import { limits } from '../src/limits.ts';
import type { TestEngine } from '../test/support/engine.ts';
import type { CrowdResult } from './crowd.ts';
import type { DevicesResult } from './devices.ts';
import type { LatencySummary } from './latency.ts';
import type { LiveSettings } from './livesettings.ts';
import type { Figure } from './suite.ts';
import type { Usage } from './usage.ts';

const p99GoalMs = 50;

export const waitingBytesName = 'fleetwire_sockets_waiting_bytes';

/** The engine's counters that the final state is held against. */
export interface EngineCounters {
  readonly messagesDropped: number;
  readonly feedsLagging: number;
  readonly closedSlow: number;
  readonly waitingBytes: number;
}

/** All but what the database has in the end. */
export interface LiveLoad {
  readonly settings: LiveSettings;
  readonly measuredMs: number;
  readonly devices: DevicesResult;
  readonly crowd: CrowdResult;
  /** Shares of a core. */
  readonly usage: Usage;
  readonly residentBytes: { readonly before: number; readonly peak: number };
  readonly counters: EngineCounters;
  /**
   * In the engine, for all stalled readers: at the start or at the end, whichever is more. The kernel has
   * some MB of each beside it, and may take what waits in the engine at any time.
   */
  readonly waitingBytes: number;
}

export interface LiveRun extends LiveLoad {
  readonly rows: number;
}

export async function readEngineCounters(engine: TestEngine): Promise<EngineCounters> {
  return {
    messagesDropped: await engine.counter('fleetwire_messages_dropped_total'),
    feedsLagging: await engine.counter('fleetwire_feeds_lagging_total'),
    closedSlow: await engine.counter('fleetwire_closed_total{code="slow"}'),
    waitingBytes: await engine.counter(waitingBytesName),
  };
}

export function liveFigures(run: LiveRun): Figure[] {
  return [
    ...latencyFigures(run),
    ...deliveryFigures(run),
    ...stalledFigures(run),
    ...usageFigures(run),
  ];
}

function figure(name: string, value: number, unit: string, goal: number | null = null): Figure {
  return { name, value, unit, goal, better: 'lower' };
}

function latencyFigures({ crowd, devices, settings }: LiveRun): Figure[] {
  return [
    figure('fix due to fleet reader, p99', crowd.latency.p99Ms, 'ms', p99GoalMs),
    ...tail('fix due to fleet reader', crowd.latency),
    { ...figure('latencies measured', crowd.latency.count, 'positions'), better: 'higher' },
    ...(settings.areaReaders === 0
      ? []
      : [
          figure('fix due to area reader, p99', crowd.areaLatency.p99Ms, 'ms', p99GoalMs),
          figure('fix due to area reader, p50', crowd.areaLatency.p50Ms, 'ms'),
        ]),
    figure('fix due to ack (journaled), p99', devices.ack.p99Ms, 'ms'),
    figure('fix due to sent, p99', devices.late.p99Ms, 'ms'),
  ];
}

function tail(name: string, { p50Ms, p999Ms, maxMs }: LatencySummary): Figure[] {
  return [
    figure(`${name}, p50`, p50Ms, 'ms'),
    figure(`${name}, p99.9`, p999Ms, 'ms'),
    figure(`${name}, max`, maxMs, 'ms'),
  ];
}

function deliveryFigures({ crowd, devices, rows, measuredMs, settings }: LiveRun): Figure[] {
  const { delivered, fleet, areas, areaExpected, areaLeft, fleetFixes } = crowd;
  const seconds = measuredMs / 1_000;
  const higher = (name: string, value: number, unit: string, goal: number | null): Figure => ({
    name,
    value,
    unit,
    goal,
    better: 'higher',
  });
  const due = settings.vehicles * (settings.warmupS + settings.seconds);
  return [
    higher('fixes of each fleet reader, the fewest', fleetFixes.fewest, 'fixes', due),
    figure('missed by fleet readers', fleet.missed, 'fixes', 0),
    figure('conflation told to fleet readers', fleet.notices, 'notices', 0),
    figure('of them for a newer in one tick', fleet.coalesced, 'fixes'),
    ...(settings.areaReaders === 0
      ? []
      : [
          higher(
            'fixes of area readers, together',
            areas.positions + areas.coalesced,
            'fixes',
            areaExpected,
          ),
          figure('missed by area readers', areas.missed, 'fixes', 0),
          figure('vehicles that left an area', areaLeft, 'vehicles'),
        ]),
    higher('messages delivered', delivered.messages / seconds, '1/s', null),
    higher('positions delivered', delivered.positions / seconds, '1/s', null),
    figure('bytes to a fleet reader', wireBytesPerS(crowd, settings), 'bytes/s'),
    higher('fixes acked', devices.acked, 'fixes', devices.sent),
    higher('rows stored', rows, 'rows', devices.acked),
  ];
}

function wireBytesPerS({ wireBytes }: CrowdResult, settings: LiveSettings): number {
  return wireBytes / settings.fleetReaders / (settings.warmupS + settings.seconds);
}

function stalledFigures({ settings, counters, waitingBytes, residentBytes }: LiveRun): Figure[] {
  const { before, peak } = residentBytes;
  return [
    figure('messages dropped', counters.messagesDropped, 'messages', 0),
    ...(settings.stalledReaders === 0
      ? []
      : [
          figure(
            'waiting for a stalled reader',
            waitingBytes / settings.stalledReaders,
            'bytes',
            limits.subscriberHighWaterBytes + limits.publishBytesMax * 2,
          ),
        ]),
    figure('engine memory, at its peak', peak / 1e6, 'MB'),
    figure('engine memory, growth', (peak - before) / 1e6, 'MB'),
  ];
}

function usageFigures({ usage }: LiveRun): Figure[] {
  const share = (name: string, value: number): Figure =>
    figure(`CPU, ${name}`, value * 100, '% of a core');
  return [
    share("engine's event loop", usage.engineLoop),
    share("engine's other threads", usage.engineThreads),
    ...(usage.database === null ? [] : [share('database', usage.database)]),
    share('devices', usage.devices),
    share('subscribers', usage.subscribers),
    share('others on this machine', usage.others),
  ];
}
