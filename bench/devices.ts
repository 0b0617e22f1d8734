/**
 * The process of the devices: one connection for each vehicle, and a fix when it is due, whether or not the
 * ones before it were acked (open loop).
 * Invariant: a fix carries the time at which it was due, so that a late send counts as latency; every fix is
 * acked, or the run fails.
 * Bound: `vehicles` connections; `settleDeadlineMs` for the last acks.
 */
import { parseMessagePack, toMessagePack } from '../src/wire/messagepack.ts';
import { ackLevels, frameTypes } from '../src/wire/types.ts';
import { testToken } from '../test/support/engine.ts';
import { answerCalls } from './child.ts';
import { createFleetPlan, vehicleName, type FleetPlanOptions } from './fleetplan.ts';
import { createLatencies, summaryOf, wallMs, type LatencySummary } from './latency.ts';
import { createLoadSocket, openMany, type LoadSocket } from './socket.ts';

export interface DevicesOptions extends FleetPlanOptions {
  readonly url: string;
}

export interface DevicesRunOptions {
  readonly startMs: number;
  readonly steps: number;
  /** Steps before it are not in the latencies. */
  readonly firstStep: number;
}

export interface DevicesResult {
  readonly sent: number;
  readonly acked: number;
  readonly refused: number;
  readonly slowDowns: number;
  readonly closed: readonly string[];
  /** How late after its time a fix was sent. */
  readonly late: LatencySummary;
  /** From a fix's time to its ack: journaled. */
  readonly ack: LatencySummary;
}

interface Devices {
  run(options: DevicesRunOptions): Promise<DevicesResult>;
}

interface Device {
  readonly socket: LoadSocket;
  seq: number;
  acked: number;
}

const settleDeadlineMs = 30_000;
const lookMs = 20;

/** Resolves when every vehicle is on the map: its first fix is acked. */
async function openDevices(options: DevicesOptions): Promise<Devices> {
  const plan = createFleetPlan(options);
  const late = createLatencies();
  const ack = createLatencies();
  const closed: string[] = [];
  let refused = 0;
  let slowDowns = 0;
  let firstStep = Infinity;

  async function openDevice(vehicle: number): Promise<Device> {
    let greeted: () => void = () => undefined;
    const hello = new Promise<void>((resolve) => {
      greeted = resolve;
    });
    const socket = createLoadSocket({
      url: options.url,
      token: await testToken({ sub: vehicleName(vehicle), role: 'device' }),
      isCompressed: false,
      onMessage: (bytes) => receive(device, vehicle, bytes, greeted),
      onClosed: (reason) => void closed.push(reason),
    });
    const device: Device = { socket, seq: 0, acked: 0 };
    await socket.opened;
    await hello;
    return device;
  }

  function receive(device: Device, vehicle: number, bytes: Buffer, greeted: () => void): void {
    const parsed = parseMessagePack(bytes);
    const frame = 'value' in parsed ? (parsed.value as readonly unknown[]) : [];
    if (frame[0] === frameTypes.deviceHello) greeted();
    else if (frame[0] === frameTypes.refused) refused += 1;
    else if (frame[0] === frameTypes.slowDown) slowDowns += 1;
    else if (frame[0] === frameTypes.ack && frame[2] === ackLevels.journaled) {
      const nowMs = wallMs();
      const seq = Number(frame[1]);
      // The first frame of a connection has step -1.
      for (let step = device.acked - 1; step <= seq - 2; step++) {
        if (step >= firstStep) ack.record(nowMs - plan.dueMs(vehicle, step));
      }
      device.acked = seq;
    }
  }

  function send(vehicle: number, step: number): void {
    const device = devices[vehicle];
    if (device === undefined) throw new RangeError(`there is no device ${vehicle}`);
    const { latE7, lonE7, speedCms, courseCdeg } = plan.place(vehicle, step);
    device.seq += 1;
    const fix = [0, latE7, lonE7, speedCms, courseCdeg, 195, 30, 9];
    const frame = [frameTypes.positions, device.seq, plan.dueMs(vehicle, step), [fix]];
    device.socket.send(toMessagePack(frame));
  }

  /** Sends each fix when it is due; the order of the vehicles is that of their times. */
  async function sendAll(): Promise<void> {
    for (let step = 0; step < plan.steps; step++) {
      for (let vehicle = 0; vehicle < plan.vehicles; vehicle++) {
        const dueMs = plan.dueMs(vehicle, step);
        for (let aheadMs = dueMs - wallMs(); aheadMs > 0; aheadMs = dueMs - wallMs()) {
          await new Promise((resolve) => setTimeout(resolve, aheadMs));
        }
        send(vehicle, step);
        if (step >= firstStep) late.record(wallMs() - dueMs);
      }
    }
  }

  /** Resolves when all that was sent is acked, or will not be. */
  async function settled(): Promise<void> {
    const deadlineMs = wallMs() + settleDeadlineMs;
    while (closed.length === 0 && devices.some(({ seq, acked }) => acked < seq)) {
      if (wallMs() > deadlineMs) return;
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  const devices = await openMany(options.vehicles, openDevice);
  for (const vehicle of devices.keys()) send(vehicle, -1);
  await settled();

  return {
    async run(run) {
      firstStep = run.firstStep;
      plan.begin(run.startMs, run.steps);
      await sendAll();
      await settled();
      return {
        sent: devices.reduce((sum, { seq }) => sum + seq, 0),
        acked: devices.reduce((sum, { acked }) => sum + acked, 0),
        refused,
        slowDowns,
        closed,
        late: summaryOf(late),
        ack: summaryOf(ack),
      };
    },
  };
}

let devices: Devices | null = null;

export type DevicesCalls = {
  readonly open: (options: DevicesOptions) => Promise<void>;
  readonly run: (options: DevicesRunOptions) => Promise<DevicesResult>;
};

const calls: DevicesCalls = {
  async open(options) {
    devices = await openDevices(options);
  },
  run(options) {
    if (devices === null) throw new Error('devices: run before open');
    return devices.run(options);
  },
};

answerCalls(calls);
