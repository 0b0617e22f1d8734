/**
 * The device client: takes fixes at any time, keeps them until the engine has acknowledged them, and sends
 * again what a lost connection left open.
 * Invariant: a fix that `send` took is acked, refused by the engine, or still in the backlog; what it
 * did not take was told by `false`, a counter and `onDropped`.
 * Bound: `backlogFixesMax` fixes, the frames in flight and the frame size that the engine's hello says.
 * A fix is known by (vehicle, time), so sending it twice stores it once.
 */
import { systemClock, type Clock, type Timer } from '../clock.ts';
import { limits } from '../limits.ts';
import { encodeDeviceFrame, subprotocols } from '../wire/encode.ts';
import { parseMessagePack } from '../wire/messagepack.ts';
import { readDeviceReply } from '../wire/reply.ts';
import {
  ackLevels,
  frameTypes,
  type AckLevel,
  type DeviceReply,
  type DeviceSession,
  type PlainMap,
} from '../wire/types.ts';
import { createBacklog, type BacklogFix, frameOverheadBytes } from './backlog.ts';
import { ConnectionClosedError } from './closed.ts';
import {
  createConnection,
  type ConnectionBounds,
  type ConnectionState,
  type TokenSource,
} from './connection.ts';
import type { WebSocketConstructor } from './socket.ts';
import type {
  DeviceAck,
  DeviceCommand,
  DeviceDrop,
  DeviceRefusal,
  DeviceStats,
  FixKey,
} from './reports.ts';
import { createThrottle } from './throttle.ts';
import { toWireFix, type DeviceFix } from './units.ts';
import { createWaiters } from './waiters.ts';

export interface DeviceClientOptions {
  /** `ws://host:port/v1/ingest`, or `wss://`. */
  readonly url: string;
  readonly token: TokenSource;
  /** The level that frees the backlog; without it the first one that the engine acks at. */
  readonly ackLevel?: 'journaled' | 'stored' | undefined;
  /** The vehicle of fixes that name none; only for a gateway. */
  readonly vehicle?: string | undefined;
  readonly backlogFixesMax?: number | undefined;
  /** Fixes of one frame; the engine may allow fewer. */
  readonly fixesPerFrame?: number | undefined;
  /** How long a fix may wait for others to share its frame; 0 sends what one turn gathered. */
  readonly lingerMs?: number | undefined;
  readonly onState?: ((state: ConnectionState) => void) | undefined;
  readonly onAck?: ((ack: DeviceAck) => void) | undefined;
  readonly onRefused?: ((refusal: DeviceRefusal) => void) | undefined;
  readonly onSettings?: ((settings: PlainMap) => void) | undefined;
  readonly onCommand?: ((command: DeviceCommand) => void) | undefined;
  readonly onDropped?: ((drop: DeviceDrop) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly WebSocket?: WebSocketConstructor | undefined;
  readonly bounds?: Partial<ConnectionBounds> | undefined;
}

export interface DeviceClient {
  readonly state: ConnectionState;
  /** What the engine said when it was last connected. */
  readonly session: DeviceSession | null;
  readonly stats: DeviceStats;
  /** True while a fix would not be taken. */
  readonly isFull: boolean;
  /** Takes a fix; false where it is not taken (see `onDropped`). */
  send(fix: DeviceFix): boolean;
  /** Resolves when the backlog is empty; rejects when the client is closed before that. */
  flushed(): Promise<void>;
  /** Resolves when the backlog has room for a fix; rejects when the client is closed before that. */
  room(): Promise<void>;
  /** Goes offline now, keeps the backlog and comes back after `pauseMs`. */
  pause(pauseMs: number): void;
  close(): Promise<void>;
}

export function createDeviceClient(options: DeviceClientOptions): DeviceClient {
  const clock = options.clock ?? systemClock;
  const ackLevelMin = options.ackLevel === undefined ? 0 : ackLevels[options.ackLevel];
  const fixesPerFrame = options.fixesPerFrame ?? limits.fixesPerFrameMax;
  const lingerMs = options.lingerMs ?? 0;
  const backlogFixesMax = options.backlogFixesMax ?? limits.clientBacklogFixesMax;
  const backlog = createBacklog(backlogFixesMax);
  const throttle = createThrottle(clock, pump);
  const counts = {
    sent: 0,
    acked: 0,
    refused: 0,
    resent: 0,
    dropped: 0,
    framesSent: 0,
    connections: 0,
    slowDowns: 0,
    ignored: 0,
  };
  let session: DeviceSession | null = null;
  let isPumpQueued = false;
  let linger: Timer | null = null;
  const waiters = createWaiters();
  const connection = createConnection({
    url: options.url,
    subprotocol: subprotocols.messagepack,
    token: options.token,
    WebSocket: options.WebSocket,
    clock,
    random: options.random ?? Math.random,
    bounds: { ...limits, ...options.bounds },
    refreshFrame: (token) => encodeDeviceFrame({ type: frameTypes.refresh, token }),
    onMessage,
    onState,
  });

  return {
    get state() {
      return connection.state;
    },
    get session() {
      return session;
    },
    get stats() {
      const { length, framesInFlight } = backlog;
      return { ...counts, backlog: length, framesInFlight };
    },
    get isFull() {
      return backlog.length >= backlogFixesMax;
    },
    send,
    flushed: () => waiters.until(backlog.length, 0),
    room: () => waiters.until(backlog.length, backlogFixesMax - 1),
    pause: (pauseMs) => connection.pause(pauseMs),
    close: () => connection.close(),
  };

  function send(fix: DeviceFix): boolean {
    const vehicle = fix.vehicle ?? options.vehicle ?? null;
    if (connection.state.name === 'closed') return drop(vehicle, fix.timeMs, 'closed');
    const converted = toWireFix(fix);
    if ('refused' in converted) return drop(vehicle, fix.timeMs, converted.refused);
    const { timeMs, wire, bytes } = converted;
    if (session !== null && bytes + frameOverheadBytes > session.frameBytesMax) {
      return drop(vehicle, timeMs, 'attributesTooLarge');
    }
    const entry: BacklogFix = { vehicle, timeMs, wire, bytes, wasSent: false, isRefused: false };
    if (!backlog.push(entry)) return drop(vehicle, timeMs, 'backlogFull');
    gather();
    return true;
  }

  function drop(vehicle: string | null, timeMs: number, reason: DeviceDrop['reason']): false {
    counts.dropped++;
    options.onDropped?.({ vehicle, timeMs, reason });
    return false;
  }

  // All that one turn of the event loop sends shares frames, at no cost in time.
  function gather(): void {
    if (isPumpQueued || connection.state.name !== 'open') return;
    if (lingerMs > 0 && backlog.waiting < fixesPerFrame) {
      linger ??= clock.after(lingerMs, pump);
      return;
    }
    isPumpQueued = true;
    queueMicrotask(pump);
  }

  function pump(): void {
    isPumpQueued = false;
    linger?.cancel();
    linger = null;
    if (session === null || connection.state.name !== 'open') return;
    const room = {
      fixesMax: Math.min(fixesPerFrame, session.fixesPerFrameMax),
      bytesMax: session.frameBytesMax,
    };
    while (throttle.allows && backlog.framesInFlight < session.framesInFlightMax) {
      const taken = backlog.take(room);
      if (taken === null) return;
      const { frame, resent } = taken;
      counts.framesSent++;
      counts.resent += resent;
      counts.sent += frame.fixes.length - resent;
      throttle.sent(frame.seq);
      connection.send(encodeDeviceFrame(frame));
    }
  }

  function onState(state: ConnectionState): void {
    linger?.cancel();
    linger = null;
    if (state.name === 'closed') {
      throttle.close();
      waiters.fail(new ConnectionClosedError(state.closeCode, state.reason));
    }
    options.onState?.(state);
  }

  function onMessage(data: Uint8Array | string): void {
    const reply = typeof data === 'string' ? null : readDeviceReply(parseMessagePack(data));
    if (reply === null) counts.ignored++;
    else if (reply.type === frameTypes.deviceHello) onHello(reply.session);
    else if (connection.state.name === 'open') onReply(reply);
    else counts.ignored++;
  }

  function onHello(next: DeviceSession): void {
    // One hello a connection; another one would start the seqs again in the middle of it.
    if (connection.state.name === 'open' || next.framesInFlightMax < 1) {
      counts.ignored++;
      return;
    }
    session = next;
    counts.connections++;
    for (const fix of backlog.restart(next.frameBytesMax)) {
      drop(fix.vehicle, fix.timeMs, 'attributesTooLarge');
    }
    throttle.restart();
    connection.establish(next.serverTimeMs);
    waiters.settle(backlog.length);
    pump();
  }

  function onReply(reply: Exclude<DeviceReply, { type: typeof frameTypes.deviceHello }>): void {
    switch (reply.type) {
      case frameTypes.ack:
        return onAck(reply.seq, reply.level);
      case frameTypes.refused: {
        const fixes = backlog.refuse(reply.seq, reply.indexes);
        counts.refused += fixes.length;
        options.onRefused?.({ code: reply.code, message: reply.message, fixes: keys(fixes) });
        return;
      }
      case frameTypes.slowDown:
        counts.slowDowns++;
        return throttle.slowDown(reply.retryAfterMs);
      case frameTypes.settings:
        return options.onSettings?.(reply.settings);
      case frameTypes.command:
        return options.onCommand?.({
          commandId: reply.commandId,
          name: reply.name,
          arguments: reply.arguments,
        });
    }
  }

  function onAck(seq: number, level: AckLevel): void {
    const released = backlog.acknowledge(seq, level >= ackLevelMin);
    if (released === null) {
      counts.ignored++;
      return;
    }
    const fixes = released.filter((fix) => !fix.isRefused);
    counts.acked += fixes.length;
    options.onAck?.({ seq, level, fixes: keys(fixes) });
    waiters.settle(backlog.length);
    throttle.acked(seq);
    pump();
  }
}

function keys(fixes: readonly BacklogFix[]): readonly FixKey[] {
  return fixes.map(({ vehicle, timeMs }) => ({ vehicle, timeMs }));
}
