/**
 * People and devices at the desk of a real engine: sockets with what they ask and are told.
 * Invariant: `close` closes every socket that was opened here.
 * Bound: what is waited for, by the socket's own deadline.
 */
import type { TokenClaims } from '../../src/server/token.ts';
import { testToken, type TestEngine } from './engine.ts';
import { openSocket, type TestSocket } from './socket.ts';

type Claims = Partial<TokenClaims> & Pick<TokenClaims, 'sub' | 'role'>;
type Data = Readonly<Record<string, unknown>>;

export interface Told {
  readonly topic: string;
  readonly offset: number;
  readonly event: string;
  readonly data: Data;
}

export interface Person {
  readonly socket: TestSocket;
  /** The result of a call, or its refusal's code. */
  call(method: string, params?: unknown): Promise<Data | number>;
  /** What is open in the topic, each as its event and data. */
  follow(topic: string): Promise<readonly Omit<Told, 'topic'>[]>;
  /** The next event of the topics that are followed, but for states. */
  told(): Promise<Told>;
  /** The same, after those that are not of this name. */
  toldOf(event: string): Promise<Told>;
}

export interface TestDevice {
  readonly socket: TestSocket;
  /** Sends a frame of the type, with the next seq behind it, which is given back. */
  send(type: number, ...rest: readonly unknown[]): number;
  /** The highest seq that is acked, once it is `seq` or more. */
  acked(seq: number): Promise<void>;
  /** The code that the frame was refused with. */
  refused(seq: number): Promise<number>;
  /** The next command. */
  command(): Promise<{ readonly id: string; readonly name: string; readonly given: unknown }>;
}

export interface TestDesk {
  person(claims: Claims): Promise<Person>;
  device(sub: string, claims?: Partial<TokenClaims>): Promise<TestDevice>;
  close(): Promise<void>;
}

export function openTestDesk(engine: TestEngine): TestDesk {
  const sockets: TestSocket[] = [];

  async function open(path: string, claims: Claims): Promise<TestSocket> {
    const socket = await openSocket(`${engine.wsUrl}${path}`, { token: await testToken(claims) });
    sockets.push(socket);
    return socket;
  }

  return {
    async person(claims) {
      const socket = await open('/v1/live', claims);
      await socket.nextOf(48);
      return personOf(socket);
    },
    async device(sub, claims = {}) {
      const socket = await open('/v1/ingest', { sub, role: 'device', ...claims });
      await socket.nextOf(16);
      return deviceOf(socket);
    },
    async close() {
      await Promise.all(sockets.splice(0).map((socket) => socket.close()));
    },
  };
}

function personOf(socket: TestSocket): Person {
  let requests = 0;
  /** Events that came while an answer was waited for. */
  const early: (readonly unknown[])[] = [];

  async function answer(request: number): Promise<readonly unknown[]> {
    for (;;) {
      const frame = (await socket.next()) as readonly unknown[];
      if ((frame[0] === 49 || frame[0] === 50) && frame[1] === request) return frame;
      if (frame[0] === 51) early.push(frame);
    }
  }

  async function told(): Promise<Told> {
    for (;;) {
      const [, topic, offset, event, data] = early.shift() ?? (await socket.nextOf(51));
      if (offset !== 0) return { topic, offset, event, data } as Told;
    }
  }

  return {
    socket,
    async call(method, params = null) {
      const request = ++requests;
      socket.send([34, request, method, params]);
      const [type, , result] = await answer(request);
      return type === 49 ? (result as Data) : Number(result);
    },
    async follow(topic) {
      const request = ++requests;
      socket.send([32, request, topic]);
      const [type, , result] = await answer(request);
      if (type !== 49) throw new Error(`${topic} is refused with ${String(result)}`);
      const { events } = result as { readonly events: readonly (readonly unknown[])[] };
      return events.map(([offset, event, data]) => ({ offset, event, data }) as Told);
    },
    told,
    async toldOf(event) {
      for (;;) {
        const next = await told();
        if (next.event === event) return next;
      }
    },
  };
}

function deviceOf(socket: TestSocket): TestDevice {
  let seq = 0;
  return {
    socket,
    send(type, ...rest) {
      seq += 1;
      socket.send([type, seq, ...rest]);
      return seq;
    },
    async acked(wanted) {
      for (;;) {
        const [, acked] = await socket.nextOf(17);
        if (Number(acked) >= wanted) return;
      }
    },
    async refused(wanted) {
      for (;;) {
        const [, refused, code] = await socket.nextOf(18);
        if (refused === wanted) return Number(code);
      }
    },
    async command() {
      const [, id, name, given] = await socket.nextOf(21);
      return { id, name, given } as Awaited<ReturnType<TestDevice['command']>>;
    },
  };
}

/** The state in the answer to a call. */
export function stateOf(result: Data | number): Data {
  if (typeof result === 'number') throw new Error(`the call is refused with ${result}`);
  return result['state'] as Data;
}
