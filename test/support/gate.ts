/**
 * A gateway: one device of the tests that speaks for any vehicle of its tenant, one fix a frame.
 * Invariant: the fixes of a vehicle rise in time, so that each of them is live; no more frames are in flight than
 * the engine takes. What the engine asks the vehicles to report is kept.
 * Bound: that of TestSocket for each ack that is waited for.
 */
import { limits } from '../../src/limits.ts';
import type { EngineTest } from './enginetest.ts';
import { testToken } from './engine.ts';
import { openSocket } from './socket.ts';

/** Where a vehicle is. */
export interface Place {
  /** Degrees. */
  readonly lat: number;
  readonly lon: number;
  readonly speedCms?: number;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

export interface Settings {
  readonly intervalMs: number;
  readonly displacementM: number;
}

export interface Gate {
  /** Sends a fix; resolves with its time, at once unless too many frames are in flight. */
  move(vehicle: string, place: Place): Promise<number>;
  /** Everything that was sent is acked. */
  settled(): Promise<void>;
  /** The next settings that are asked of the vehicle; null for the gateway's own. */
  nextSettings(vehicle: string | null): Promise<Settings>;
  close(): Promise<void>;
}

export interface GateOptions {
  readonly sub?: string;
  readonly tenant?: string;
}

export async function openGate(test: EngineTest, options: GateOptions = {}): Promise<Gate> {
  const { sub = 'gate', ...claims } = options;
  const token = await testToken({ sub, role: 'device', vehicles: ['*'], ...claims });
  const socket = await openSocket(`${test.engine.wsUrl}/v1/ingest`, { token });
  await socket.nextOf(16);
  const asked = new Map<string | null, Settings[]>();
  let seq = 0;
  let acked = 0;
  let lastMs = 0;

  async function read(): Promise<void> {
    const frame = (await socket.next()) as readonly unknown[];
    if (frame[0] === 17) {
      acked = Math.max(acked, frame[1] as number);
    } else if (frame[0] === 20) {
      const vehicle = (frame[2] ?? null) as string | null;
      asked.set(vehicle, [...(asked.get(vehicle) ?? []), frame[1] as Settings]);
    } else {
      throw new Error(`gate: ${JSON.stringify(frame)}`);
    }
  }

  return {
    async move(vehicle, { lat, lon, speedCms = null, attributes = null }) {
      while (seq - acked >= limits.framesInFlightMax) await read();
      seq += 1;
      lastMs = Math.max(lastMs + 1, Date.now());
      const rest = [speedCms, null, null, null, null, attributes];
      const fix = [0, Math.round(lat * 1e7), Math.round(lon * 1e7), ...rest];
      socket.send([1, seq, lastMs, [fix], vehicle]);
      return lastMs;
    },
    async settled() {
      while (acked < seq) await read();
    },
    async nextSettings(vehicle) {
      for (;;) {
        const settings = asked.get(vehicle)?.shift();
        if (settings !== undefined) return settings;
        await read();
      }
    },
    close: () => socket.close(),
  };
}
