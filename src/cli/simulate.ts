/**
 * `fleetwire simulate`: a fleet along the real route, over real connections, at a schedule of its own.
 * Invariant: exit code 0 means that every fix it made is acknowledged.
 * Bound: the vehicles asked for; it ends after `--seconds` or at Ctrl-C, and then waits for acks for at
 * most `clientDrainTimeoutMs`.
 */
import type { TokenSource } from '../client/connection.ts';
import { systemClock } from '../clock.ts';
import { readConfig, type Config } from '../config.ts';
import { limits } from '../limits.ts';
import { type Command, type Input, UsageError } from './command.ts';
import { listenForInterrupt, type Interrupt } from './interrupt.ts';
import { readJourney } from './journey.ts';
import { createProgress, grouped, showEverySecond } from './progress.ts';
import { createReach, type Reach } from './reach.ts';
import { createRoute } from './route.ts';
import { createSimulation, type Simulation, type SimulationOptions } from './simulation.ts';
import { checkVehicleId, createSigner, planeUrl, readTenant, targetOptions } from './target.ts';
import { pauseFor, within } from './wait.ts';

export const simulateCommand: Command = {
  name: 'simulate',
  operands: [],
  summary: 'drive vehicles along the real route, until Ctrl-C or for some seconds',
  options: {
    vehicles: { type: 'string', value: 'N', fallback: '10', help: 'how many vehicles' },
    interval: {
      type: 'string',
      value: 'SECONDS',
      fallback: '1',
      help: 'between two fixes of a vehicle',
    },
    jitter: {
      type: 'string',
      value: 'SHARE',
      fallback: '0.1',
      help: 'how irregular the fixes come, as a share of the interval, 0 to 0.9',
    },
    dropouts: {
      type: 'string',
      value: 'SHARE',
      fallback: '0',
      help: 'share of the time that a vehicle is offline, 0 to 0.9; its backlog comes afterwards',
    },
    seconds: { type: 'string', value: 'N', help: 'how long (default: until Ctrl-C)' },
    prefix: { type: 'string', value: 'ID', fallback: 'sim', help: 'vehicles are ID-1, ID-2, ...' },
    seed: { type: 'string', value: 'N', fallback: '1', help: 'the same seed drives the same way' },
    json: { type: 'boolean', help: 'print the summary as one line of JSON' },
    ...targetOptions,
  },
  run,
};

const clock = systemClock;

async function run(input: Input): Promise<number> {
  const config = readConfig(process.env);
  const interrupt = listenForInterrupt(clock);
  const waitMs = (input.number('wait', { min: 0.1, max: 3_600 }) as number) * 1_000;
  const secondsMax = input.number('seconds', { min: 0.1, max: 31_536_000 });
  const options = await readOptions(input, config);
  const { url, vehicles, gatewayToken } = options;
  const connections = gatewayToken === null ? vehicles : 1;
  const reach = createReach({ url, waitMs, connections, clock, signal: interrupt.signal });
  const progress = createProgress(process.stderr);
  const told = new Set<string>();
  const startedMs = clock.monotonicMs();
  const simulation = createSimulation({
    ...options,
    onState: reach.onState,
    onRefused(message) {
      // One line for each reason: ten thousand vehicles tend to be refused for the same one.
      if (!told.has(message)) progress.note(`fixes are refused: ${message}`);
      told.add(message);
    },
  });
  const stopProgress = showEverySecond(clock, progress, () => statusLine(simulation, vehicles));
  try {
    await drive(simulation, reach, interrupt, secondsMax);
  } finally {
    simulation.stop();
    stopProgress();
    interrupt.release();
    await simulation.close();
  }
  return summarize(input, simulation, vehicles, clock.monotonicMs() - startedMs);
}

async function readOptions(input: Input, config: Config): Promise<SimulationOptions> {
  const prefix = input.text('prefix') as string;
  const vehicles = input.number('vehicles', { min: 1, max: limits.vehiclesMax, isInteger: true });
  checkVehicleId('--prefix', `${prefix}-${vehicles}`);
  const tenant = readTenant(input);
  const gatewayToken = input.text('token');
  const share = { min: 0, max: 0.9 };
  return {
    url: planeUrl(input.text('url'), 'ingest', config),
    route: createRoute(await readJourney()),
    vehicles: vehicles as number,
    intervalMs: (input.number('interval', { min: 0.01, max: 86_400 }) as number) * 1_000,
    jitter: input.number('jitter', share) as number,
    dropouts: input.number('dropouts', share) as number,
    prefix,
    seed: input.number('seed', { min: 0, max: 4_294_967_295, isInteger: true }) as number,
    clock,
    gatewayToken,
    tokenOf: gatewayToken === null ? await tokens(config, tenant) : notAsked,
  };
}

async function tokens(
  config: Config,
  tenant: string | null,
): Promise<(vehicle: string) => TokenSource> {
  const signed = await createSigner(config);
  return (vehicle) => signed({ sub: vehicle, role: 'device', tenant });
}

function notAsked(): never {
  throw new UsageError('a gateway has one token');
}

async function drive(
  simulation: Simulation,
  reach: Reach,
  interrupt: Interrupt,
  secondsMax: number | null,
): Promise<void> {
  const { signal, requested } = interrupt;
  await Promise.race([reach.reached, requested]);
  const over = secondsMax === null ? requested : pauseFor(clock, secondsMax * 1_000, signal);
  await Promise.race([over, reach.refused]);
  simulation.stop();
  await within(clock, limits.clientDrainTimeoutMs, simulation.flushed());
}

function statusLine(simulation: Simulation, vehicles: number): string {
  const { connected, sent, acked, refused, backlog } = simulation.stats;
  return `${grouped(connected)} of ${grouped(vehicles)} connected  sent ${grouped(sent)}  acked ${grouped(acked)}  refused ${grouped(refused)}  backlog ${grouped(backlog)}`;
}

function summarize(
  input: Input,
  simulation: Simulation,
  vehicles: number,
  elapsedMs: number,
): number {
  const { sent, acked, refused, resent, dropped, backlog } = simulation.stats;
  const seconds = Math.round(elapsedMs) / 1_000;
  const summary = { vehicles, seconds, sent, acked, refused, dropped, resent, unacked: backlog };
  const text = input.flag('json')
    ? JSON.stringify(summary)
    : `${grouped(vehicles)} vehicles, ${seconds.toFixed(1)} s: sent ${grouped(sent)}, acked ${grouped(acked)}, refused ${grouped(refused)}, dropped ${grouped(dropped)}, sent again ${grouped(resent)}, not acked ${grouped(backlog)}`;
  process.stdout.write(`${text}\n`);
  return refused + dropped + backlog === 0 ? 0 : 1;
}
