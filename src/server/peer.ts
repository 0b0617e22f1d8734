/**
 * One WebSocket connection of either plane, without knowing the WebSocket library.
 * Invariant: one close path; whoever closes first decides the code, and nothing is sent afterwards. A token
 * that is revoked neither opens a connection nor replaces another's.
 * Bound: a peer lives until its socket is gone or its token has expired (see expiry.ts), whichever comes first.
 */
import { randomUUID } from 'node:crypto';
import { closeCodes, refusals, type CloseName, type RefusalName } from '../errors.ts';
import type { Identity } from '../identity.ts';
import { mayConnectIngest, mayConnectLive } from '../live/access.ts';
import type { Metrics } from '../metrics.ts';
import type { Codec } from '../wire/encode.ts';
import type { Encoded } from '../wire/positions.ts';
import type { Verify } from './auth.ts';
import { endingByEngine, endingBySocket, type Ending } from './ending.ts';

export type Plane = 'ingest' | 'live';

/** What a peer needs of a socket; after `end` or `terminate` none of it is called again. */
export interface RawSocket {
  /** Sends one message; text goes as a text frame. */
  send(message: Encoded): void;
  join(inner: string): void;
  leave(inner: string): void;
  /** Bytes that the client has not read yet. */
  bufferedBytes(): number;
  /** Sends a close frame; the socket is gone when it returns, or soon where too much waits in it. */
  end(code: number, reason: string): void;
}

/** The stage behind a peer: a device's session or a subscriber. */
export interface Handler {
  receive(bytes: Uint8Array, isBinary: boolean): void;
  /** The socket has room again. */
  drained(): void;
  /** A message was dropped because the client does not read. */
  dropped(isPositions: boolean): void;
  /** A new token is in force. */
  refreshed(): void;
  /** The socket is gone; `reason` is the summary of its ending, for people. */
  gone(reason: string): void;
}

/** What has gone through a connection by itself; what topics carried is not in it. */
export interface Traffic {
  readonly framesReceived: number;
  readonly bytesReceived: number;
  readonly framesSent: number;
  readonly bytesSent: number;
}

export interface Peer {
  /** A UUID: what the hello says, and the `sessions` table. */
  readonly id: string;
  readonly plane: Plane;
  readonly codec: Codec;
  readonly identity: Identity;
  readonly isOpen: boolean;
  readonly traffic: Traffic;
  send(message: Encoded): void;
  join(inner: string): void;
  leave(inner: string): void;
  bufferedBytes(): number;
  close(name: CloseName, reason: string): void;
  refresh(token: string): void;
  receive(bytes: Uint8Array, isBinary: boolean): void;
  drained(): void;
  dropped(isPositions: boolean): void;
  /** The socket is gone, with what the library says of it; how the connection has ended. */
  gone(code: number, reason: string): Ending;
}

export interface PeerOptions {
  readonly plane: Plane;
  readonly codec: Codec;
  readonly identity: Identity;
  readonly socket: RawSocket;
  readonly verify: Verify;
  readonly isRevoked: (identity: Identity) => boolean;
  readonly metrics: Metrics;
  /** Makes the stage behind the peer. */
  readonly attach: (peer: Peer) => Handler;
}

/** Why this identity may not connect to the plane, or not with this token; `null` where it may. */
export function refusalOfIdentity(
  identity: Identity,
  plane: Plane,
  isRevoked: (identity: Identity) => boolean,
): RefusalName | null {
  if (isRevoked(identity)) return 'tokenRevoked';
  const { role } = identity;
  const isAllowed = plane === 'ingest' ? mayConnectIngest(role) : mayConnectLive(role);
  return isAllowed ? null : 'roleNotAllowed';
}

/** The close code that answers a refusal before the hello: what a new token mends is not terminal. */
export function closeOfRefusal(refused: RefusalName): CloseName {
  if (refused === 'tokenExpired') return 'tokenExpired';
  if (refused === 'beforeHello') return 'badRequest';
  if (refused === 'draining') return 'shutdown';
  if (refused === 'tooManyOfUser') return 'connectionLimit';
  if (refused === 'roleNotAllowed') return 'permissionDenied';
  if (refused === 'tokenKeysUnavailable') return 'insufficientState';
  return 'invalidToken';
}

/** A connection belongs to one subject of one tenant, in one role, for its whole life. */
function isSameSubject(one: Identity, other: Identity): boolean {
  return one.subject === other.subject && one.tenant === other.tenant && one.role === other.role;
}

export function createPeer(options: PeerOptions): Peer {
  const { plane, codec, socket, metrics } = options;
  let identity = options.identity;
  let isOpen = true;
  /** How it ended, once the engine has closed it. */
  let ending: Ending | null = null;
  const traffic = { framesReceived: 0, bytesReceived: 0, framesSent: 0, bytesSent: 0 };

  function close(name: CloseName, reason: string): void {
    if (!isOpen) return;
    isOpen = false;
    ending = endingByEngine(name, reason);
    metrics.closed[name] += 1;
    socket.end(closeCodes[name], reason);
  }

  async function refresh(token: string): Promise<void> {
    const verdict = await options.verify(token);
    if (!isOpen) return;
    if ('refused' in verdict) return refuse(verdict.refused);
    const fresh = verdict.identity;
    const refused =
      refusalOfIdentity(fresh, plane, options.isRevoked) ??
      (isSameSubject(fresh, identity) ? null : 'tokenOfAnother');
    if (refused !== null) return refuse(refused);
    identity = fresh;
    handler.refreshed();
  }

  function refuse(refused: RefusalName): void {
    metrics.refused[refused] += 1;
    close(closeOfRefusal(refused), refusals[refused].message);
  }

  const peer: Peer = {
    id: randomUUID(),
    plane,
    codec,
    get identity() {
      return identity;
    },
    get isOpen() {
      return isOpen;
    },
    traffic,
    send(message) {
      if (!isOpen) return;
      traffic.framesSent += 1;
      traffic.bytesSent += Buffer.byteLength(message);
      socket.send(message);
    },
    join(inner) {
      if (isOpen) socket.join(inner);
    },
    leave(inner) {
      if (isOpen) socket.leave(inner);
    },
    bufferedBytes: () => (isOpen ? socket.bufferedBytes() : 0),
    close,
    refresh(token) {
      refresh(token).catch(() => close('insufficientState', 'the token could not be verified'));
    },
    receive(bytes, isBinary) {
      if (!isOpen) return;
      traffic.framesReceived += 1;
      traffic.bytesReceived += bytes.length;
      handler.receive(bytes, isBinary);
    },
    drained() {
      if (isOpen) handler.drained();
    },
    dropped(isPositions) {
      if (isOpen) handler.dropped(isPositions);
    },
    gone(code, reason) {
      isOpen = false;
      ending ??= endingBySocket(code, reason);
      handler.gone(ending.summary);
      return ending;
    },
  };
  const handler = options.attach(peer);
  return peer;
}
