/**
 * What a live map knows of one topic of positions: the reader that the tests compare with where vehicles are.
 * Invariant: it follows the protocol and nothing else: a snapshot replaces what it has unless the area was moved,
 * what a moved area does not cover any more is dropped, and so is what has left.
 * Bound: that of TestSocket for each frame that is waited for.
 */
import type { TokenClaims } from '../../src/server/token.ts';
import type { LivePosition } from '../../src/wire/types.ts';
import type { EngineTest } from './enginetest.ts';
import { testToken } from './engine.ts';
import { openSocket, type TestSocket } from './socket.ts';

/** Degrees. */
export interface Area {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

export interface Answer {
  readonly epoch: string;
  readonly snapshot: readonly LivePosition[];
  /** Of an area only. */
  readonly area?: readonly number[];
  readonly moved?: boolean;
}

export interface LiveMap {
  readonly socket: TestSocket;
  /** The newest time of each vehicle on it. */
  readonly vehicles: ReadonlyMap<string, number>;
  /** How many fixes live frames stood for, by vehicle. */
  readonly counts: ReadonlyMap<string, number>;
  /** Positions in live frames. */
  readonly received: number;
  /** Positions that it already had, or newer ones. */
  readonly repeats: number;
  /** Positions that it was told not to get. */
  readonly skipped: number;
  /** Vehicles that it was told to have left, in order. */
  readonly left: readonly string[];
  /** Other events of the topic, such as `summary`. */
  readonly events: readonly (readonly unknown[])[];
  /** Subscribes, or moves the area, and reads up to the answer. */
  ask(topic: string, options?: Readonly<Record<string, unknown>>): Promise<Answer>;
  /** Reads until it is so. */
  until(isSo: () => boolean): Promise<void>;
}

export interface MapOptions extends Partial<TokenClaims> {
  readonly protocol?: 'fleetwire.v1' | 'fleetwire.v1.json';
}

/** A connection with its hello, of a viewer unless the claims say otherwise. */
export async function openMap(test: EngineTest, options: MapOptions = {}): Promise<LiveMap> {
  const { protocol = 'fleetwire.v1', ...claims } = options;
  const token = await testToken({ sub: 'anna', role: 'viewer', ...claims });
  const url = `${test.engine.wsUrl}/v1/live`;
  const socket = await openSocket(url, { token, protocols: [protocol] });
  await socket.nextOf(48);
  const vehicles = new Map<string, LivePosition>();
  const counts = new Map<string, number>();
  const left: string[] = [];
  const events: (readonly unknown[])[] = [];
  let received = 0;
  let repeats = 0;
  let skipped = 0;
  let request = 0;

  function put(position: LivePosition): void {
    const [vehicle, timeMs] = position;
    if ((vehicles.get(vehicle)?.[1] ?? -1) >= timeMs) repeats += 1;
    vehicles.set(vehicle, position);
  }

  function take(frame: readonly unknown[]): void {
    if (frame[0] === 52) {
      for (const position of frame[2] as LivePosition[]) {
        const [vehicle, , , , , , , , , , , count] = position;
        received += 1;
        counts.set(vehicle, (counts.get(vehicle) ?? 0) + count);
        put(position);
      }
    } else if (frame[0] === 53) {
      skipped += (frame[2] as { skipped: number }).skipped;
    } else if (frame[0] === 51 && frame[3] === 'left') {
      for (const vehicle of frame[4] as string[]) {
        left.push(vehicle);
        vehicles.delete(vehicle);
      }
    } else {
      events.push(frame);
    }
  }

  function takeAnswer({ snapshot, area, moved = false }: Answer): void {
    const covered = moved && area !== undefined ? areaOf(area) : null;
    for (const [vehicle, [, , latE7, lonE7]] of vehicles) {
      if (covered === null || !covers(covered, latE7 / 1e7, lonE7 / 1e7)) vehicles.delete(vehicle);
    }
    snapshot.forEach(put);
  }

  const next = async () => (await socket.next()) as readonly unknown[];

  return {
    socket,
    get vehicles() {
      return new Map([...vehicles].map(([vehicle, [, timeMs]]) => [vehicle, timeMs]));
    },
    counts,
    get received() {
      return received;
    },
    get repeats() {
      return repeats;
    },
    get skipped() {
      return skipped;
    },
    left,
    events,
    async ask(topic, asked = {}) {
      request += 1;
      const frame = [32, request, topic, asked];
      if (protocol === 'fleetwire.v1') socket.send(frame);
      else socket.sendRaw(JSON.stringify(frame));
      for (;;) {
        const answer = await next();
        if (answer[0] === 50) throw new Error(JSON.stringify(answer));
        if (answer[0] === 49 && answer[1] === request) {
          const result = answer[2] as Answer;
          takeAnswer(result);
          return result;
        }
        take(answer);
      }
    },
    async until(isSo) {
      while (!isSo()) take(await next());
    },
  };
}

/** The area of an answer. */
export function areaOf([
  west = NaN,
  south = NaN,
  east = NaN,
  north = NaN,
]: readonly number[]): Area {
  return { west, south, east, north };
}

/** True where the answer's area has the place; one whose west is greater than its east has the antimeridian. */
export function covers({ west, south, east, north }: Area, lat: number, lon: number): boolean {
  const isBetween = west <= east ? lon >= west && lon < east : lon >= west || lon < east;
  return isBetween && lat >= south && lat < north;
}

export function areaTopicOf({ west, south, east, north }: Area): string {
  return `area:${west},${south},${east},${north}`;
}
