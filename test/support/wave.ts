/**
 * A long track in a short time: a device that sends the fixes of a drive in a wide wave.
 * Invariant: when it resolves, every fix is in the database. A fix follows from its number: every second one has a
 * speed, and the one with number 7 has attributes that need escaping in every format.
 * Bound: half of the frames that may be in flight.
 */
import { limits } from '../../src/limits.ts';
import { testToken } from './engine.ts';
import type { EngineTest } from './enginetest.ts';
import { openSocket, type TestSocket } from './socket.ts';

export interface Wave {
  readonly vehicle: string;
  readonly tenant?: string;
  readonly fixes: number;
  /** Of the first fix. */
  readonly startMs: number;
  /** From one fix to the next. */
  readonly stepS: number;
}

export async function sendWave({ engine }: EngineTest, wave: Wave): Promise<void> {
  const { vehicle: sub, tenant = 'default', fixes, startMs, stepS } = wave;
  const token = await testToken({ sub, role: 'device', tenant });
  const socket = await openSocket(`${engine.wsUrl}/v1/ingest`, { token });
  await socket.nextOf(16);
  const frames = Math.ceil(fixes / limits.fixesPerFrameMax);
  for (let seq = 1; seq <= frames; seq++) {
    const first = (seq - 1) * limits.fixesPerFrameMax;
    const count = Math.min(limits.fixesPerFrameMax, fixes - first);
    const frame = Array.from({ length: count }, (_, index) => fixAt(first + index, stepS));
    socket.send([1, seq, startMs, frame]);
    if (seq % (limits.framesInFlightMax / 2) === 0) await acked(socket, seq, 1);
  }
  await acked(socket, frames, 2);
  await socket.close();
}

function fixAt(at: number, stepS: number): unknown[] {
  const latitude = Math.round((52 + Math.sin(at / 100) / 50) * 1e7);
  const attributes = at === 7 ? { note: 'a "quote", é' } : null;
  const speed = at % 2 === 0 ? 1_000 + (at % 7) * 100 : null;
  return [
    at * stepS * 1_000,
    latitude,
    -80_000_000 + at * 100,
    speed,
    9_000,
    55,
    30,
    8,
    attributes,
  ];
}

/** Everything up to `seq` has reached the level. */
async function acked(socket: TestSocket, seq: number, level: number): Promise<void> {
  for (;;) {
    const [, ackSeq, ackLevel] = (await socket.nextOf(17)) as [number, number, number];
    if (ackSeq >= seq && ackLevel >= level) return;
  }
}
