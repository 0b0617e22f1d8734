/**
 * `fleetwire replay`: a recorded track to the engine, as the vehicle's device would have sent it.
 * Invariant: exit code 0 means that every distinct (vehicle, time) of the file is acknowledged.
 * Bound: the client's backlog; the track waits for room in it.
 */
import type { TokenSource } from '../client/connection.ts';
import { ConnectionClosedError } from '../client/closed.ts';
import { createDeviceClient, type DeviceClient } from '../client/device.ts';
import { systemClock } from '../clock.ts';
import { readConfig, type Config } from '../config.ts';
import { type Command, type Input, UsageError } from './command.ts';
import { readGpx } from './gpx.ts';
import { listenForInterrupt, type Interrupt } from './interrupt.ts';
import { createProgress, grouped, showEverySecond } from './progress.ts';
import { createReach, type Reach } from './reach.ts';
import { checkVehicleId, createSigner, planeUrl, readTenant, targetOptions } from './target.ts';
import { playTrack, scheduleTrack, type TrackFix } from './track.ts';

export const replayCommand: Command = {
  name: 'replay',
  operands: ['FILE.gpx'],
  summary: 'send a recorded track, keeping its times',
  options: {
    vehicle: { type: 'string', value: 'ID', help: 'the vehicle that it is a track of' },
    speed: {
      type: 'string',
      value: 'X',
      fallback: '1',
      help: 'times faster than it happened; 0 as fast as the engine takes it',
    },
    now: {
      type: 'boolean',
      help: 'shift the times: the first fix is now, the others follow at the speed',
    },
    json: { type: 'boolean', help: 'print the summary as one line of JSON' },
    ...targetOptions,
  },
  run,
};

const clock = systemClock;
const speedMax = 1_000_000;

/** What came of it; `unacked` are those that were sent or waiting when it was broken off. */
interface Summary {
  readonly vehicle: string;
  readonly points: number;
  readonly distinct: number;
  readonly sent: number;
  readonly acked: number;
  readonly refused: number;
  readonly resent: number;
  readonly seconds: number;
}

async function run(input: Input): Promise<number> {
  const config = readConfig(process.env);
  const file = input.operands[0] as string;
  const vehicle = readVehicle(input);
  const speed = input.number('speed', { min: 0, max: speedMax }) as number;
  if (speed === 0 && input.flag('now')) {
    throw new UsageError('--now spaces the fixes by --speed, which must be above 0 then');
  }
  const url = planeUrl(input.text('url'), 'ingest', config);
  const points = await readGpx(file);
  const token = await tokenOf(input, config, vehicle);
  const startMs = input.flag('now') ? clock.nowMs() : null;
  const track = scheduleTrack(points, { speed, startMs });

  const startedMs = clock.monotonicMs();
  const stats = await send(track, { input, url, token, vehicle });
  const { sent, acked, refused, resent } = stats;
  const seconds = Math.round(clock.monotonicMs() - startedMs) / 1_000;
  const distinct = track.length;
  const summary = {
    vehicle,
    points: points.length,
    distinct,
    sent,
    acked,
    refused,
    resent,
    seconds,
  };
  process.stdout.write(`${input.flag('json') ? JSON.stringify(summary) : inWords(summary)}\n`);
  return acked === distinct ? 0 : 1;
}

function readVehicle(input: Input): string {
  const vehicle = input.text('vehicle');
  if (vehicle === null) throw new UsageError('--vehicle is missing: whose track is it?');
  return checkVehicleId('--vehicle', vehicle);
}

async function tokenOf(input: Input, config: Config, vehicle: string): Promise<TokenSource> {
  const given = input.text('token');
  const tenant = readTenant(input);
  if (given !== null) return given;
  return (await createSigner(config))({ sub: vehicle, role: 'device', tenant });
}

interface Sending {
  readonly input: Input;
  readonly url: string;
  readonly token: TokenSource;
  readonly vehicle: string;
}

async function send(track: readonly TrackFix[], sending: Sending): Promise<DeviceClient['stats']> {
  const { input, url, token, vehicle } = sending;
  const waitMs = (input.number('wait', { min: 0.1, max: 3_600 }) as number) * 1_000;
  const interrupt = listenForInterrupt(clock);
  const reach = createReach({ url, waitMs, connections: 1, clock, signal: interrupt.signal });
  const progress = createProgress(process.stderr);
  const client = createDeviceClient({
    url,
    token,
    // The token may speak for more vehicles than this one.
    vehicle: input.text('token') === null ? undefined : vehicle,
    onState: (state) => {
      if (state.name === 'waiting') progress.note(`connection lost: ${state.reason}, trying again`);
      reach.onState(state);
    },
    onRefused: ({ code, message, fixes }) =>
      progress.note(`${fixes.length} fixes refused: ${code} ${message}`),
  });
  const stopProgress = showEverySecond(clock, progress, () => statusLine(client, track.length));
  try {
    await play(track, client, reach, interrupt);
  } finally {
    stopProgress();
    interrupt.release();
    await client.close();
  }
  return client.stats;
}

async function play(
  track: readonly TrackFix[],
  client: DeviceClient,
  reach: Reach,
  interrupt: Interrupt,
): Promise<void> {
  const { signal, requested } = interrupt;
  try {
    await Promise.race([reach.reached, requested]);
    await playTrack(track, { client, clock, signal });
    await Promise.race([client.flushed(), requested]);
  } catch (error) {
    throw error instanceof ConnectionClosedError ? (reach.refusal ?? error) : error;
  }
}

function statusLine(client: DeviceClient, total: number): string {
  const { sent, acked, refused, backlog } = client.stats;
  const share = Math.floor((100 * (acked + refused)) / Math.max(1, total));
  return `${share} %  sent ${grouped(sent)}  acked ${grouped(acked)} of ${grouped(total)}  refused ${grouped(refused)}  backlog ${grouped(backlog)}  ${client.state.name}`;
}

function inWords(summary: Summary): string {
  const { vehicle, points, distinct, sent, acked, refused, resent, seconds } = summary;
  return [
    `${vehicle}: ${grouped(points)} points, ${grouped(distinct)} at distinct times`,
    `sent ${grouped(sent)}, acked ${grouped(acked)}, refused ${grouped(refused)}, sent again ${grouped(resent)}, in ${seconds.toFixed(1)} s`,
    acked === distinct ? 'every fix is acknowledged' : 'NOT every fix is acknowledged',
  ].join('\n');
}
