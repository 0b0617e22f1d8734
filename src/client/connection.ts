/**
 * One connection that comes back: token, socket, hello, new tokens while it is open, then again after a
 * pause when it is lost.
 * Invariant: at most one socket at a time; what belongs to an earlier attempt (`attempt`) is ignored;
 * there is one way to the state `closed`, and nothing happens after it.
 * Bound: every wait has a deadline, every pause a ceiling.
 */
import type { Clock, Timer } from '../clock.ts';
import { mayReconnect, messageOf } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { tokenSubprotocolPrefix } from '../wire/encode.ts';
import { backoffDelayMs, hintedDelayMs } from './backoff.ts';
import { createRenewal } from './renewal.ts';
import {
  abnormalCloseCode,
  chooseWebSocket,
  openSocket,
  type Socket,
  type WebSocketConstructor,
} from './socket.ts';

/** A token, or what makes one for each connection, and again before it expires on one. */
export type TokenSource = string | (() => string | Promise<string>);

export type ConnectionState =
  | { readonly name: 'connecting' }
  /** The hello has come. */
  | { readonly name: 'open' }
  | {
      readonly name: 'waiting';
      readonly delayMs: number;
      readonly closeCode: number;
      readonly reason: string;
    }
  /** For good: by `close()` (1000) or by a close code that says not to come back. */
  | { readonly name: 'closed'; readonly closeCode: number; readonly reason: string };

export type ConnectionBounds = Pick<
  Limits,
  | 'clientConnectTimeoutMs'
  | 'clientHelloTimeoutMs'
  | 'clientCloseTimeoutMs'
  | 'clientDelayMinMs'
  | 'clientDelayMaxMs'
  | 'clientStableAfterMs'
  | 'clientRenewDelayMinMs'
>;

export interface ConnectionOptions {
  readonly url: string;
  readonly subprotocol: string;
  readonly token: TokenSource;
  readonly WebSocket: WebSocketConstructor | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly bounds: ConnectionBounds;
  /** The frame that brings a new token to the engine. */
  refreshFrame(jwt: string): Uint8Array | string;
  onMessage(data: Uint8Array | string): void;
  onState(state: ConnectionState): void;
}

export interface Connection {
  readonly state: ConnectionState;
  /** The owner says that the hello has come, and the engine's time in it. */
  establish(serverTimeMs: number): void;
  /** Only while open. */
  send(data: Uint8Array | string): void;
  /** Drops the connection now and comes back after `pauseMs`. */
  pause(pauseMs: number): void;
  /** Resolves when the socket is closed or dropped. */
  close(): Promise<void>;
}

const normalCloseCode = 1000;

export function createConnection(options: ConnectionOptions): Connection {
  const { clock, bounds } = options;
  let state: ConnectionState = { name: 'connecting' };
  let attempt = 0;
  let failures = 0;
  let openedAtMs = 0;
  let socket: Socket | null = null;
  /** The token that the socket was opened with. */
  let jwt = '';
  let timer: Timer | null = null;
  let closing: Promise<void> | null = null;
  /** Set while closing: called when the socket is gone. */
  let onGone: (() => void) | null = null;
  const renewal = createRenewal({
    make: typeof options.token === 'string' ? null : options.token,
    clock,
    random: options.random,
    bounds,
    send: (next) => socket?.send(options.refreshFrame(next)),
  });
  begin();

  return {
    get state() {
      return state;
    },
    establish(serverTimeMs) {
      timer?.cancel();
      renewal.start(jwt, serverTimeMs);
      openedAtMs = clock.monotonicMs();
      enter({ name: 'open' });
    },
    send: (data) => socket?.send(data),
    pause(pauseMs) {
      if (state.name !== 'closed') wait(pauseMs, abnormalCloseCode, 'paused');
    },
    close: () => (closing ??= closeSocket()),
  };

  function connect(): void {
    enter({ name: 'connecting' });
    begin();
  }

  // The first attempt is told to nobody: its owner is not made yet.
  function begin(): void {
    const mine = ++attempt;
    timer = clock.after(bounds.clientConnectTimeoutMs, () =>
      lose(abnormalCloseCode, `no connection within ${bounds.clientConnectTimeoutMs} ms`),
    );
    dial(mine).catch((error: unknown) => {
      if (mine === attempt) lose(abnormalCloseCode, messageOf(error));
    });
  }

  async function dial(mine: number): Promise<void> {
    const { token } = options;
    const open = await chooseWebSocket(options.WebSocket);
    const fresh = typeof token === 'string' ? token : await token();
    if (mine !== attempt) return;
    jwt = fresh;
    const protocols = [options.subprotocol, `${tokenSubprotocolPrefix}${jwt}`];
    socket = openSocket(open, options.url, protocols, {
      onOpen() {
        if (mine === attempt) awaitHello();
      },
      onMessage(data) {
        if (mine === attempt) options.onMessage(data);
      },
      onClose(code, reason) {
        onGone?.();
        if (mine === attempt) lose(code, reason);
      },
    });
  }

  function awaitHello(): void {
    timer?.cancel();
    timer = clock.after(bounds.clientHelloTimeoutMs, () =>
      lose(abnormalCloseCode, `no hello within ${bounds.clientHelloTimeoutMs} ms`),
    );
  }

  function lose(closeCode: number, reason: string): void {
    if (!mayReconnect(closeCode)) {
      drop();
      closing = Promise.resolve();
      enter({ name: 'closed', closeCode, reason });
      return;
    }
    const wasStable =
      state.name === 'open' && clock.monotonicMs() - openedAtMs >= bounds.clientStableAfterMs;
    if (wasStable) failures = 0;
    const delayMs =
      hintedDelayMs(closeCode, reason, bounds) ?? backoffDelayMs(failures, options.random, bounds);
    failures++;
    wait(delayMs, closeCode, reason);
  }

  function wait(delayMs: number, closeCode: number, reason: string): void {
    drop();
    timer = clock.after(delayMs, connect);
    enter({ name: 'waiting', delayMs, closeCode, reason });
  }

  function drop(): void {
    attempt++;
    timer?.cancel();
    renewal.stop();
    socket?.abandon();
    socket = null;
  }

  function closeSocket(): Promise<void> {
    const last = socket;
    attempt++;
    timer?.cancel();
    renewal.stop();
    socket = null;
    enter({ name: 'closed', closeCode: normalCloseCode, reason: '' });
    if (last === null) return Promise.resolve();
    return new Promise((resolve) => {
      const deadline = clock.after(bounds.clientCloseTimeoutMs, () => {
        last.abandon();
        resolve();
      });
      onGone = () => {
        deadline.cancel();
        resolve();
      };
      last.close(normalCloseCode);
    });
  }

  function enter(next: ConnectionState): void {
    state = next;
    options.onState(next);
  }
}
