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

/** A socket whose token has been verified. */
export interface Arrival {
  readonly socket: RawSocket;
  readonly codec: Codec;
  readonly identity: Identity;
}

/** The same for all peers of a plane. */
export interface PeerOptions {
  readonly plane: Plane;
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

export function createPeer(arrival: Arrival, options: PeerOptions): Peer {
  return new SocketPeer(arrival, options);
}

// A class, for there is one for each socket: methods and getters of its own cost an idle one more than all its state.
class SocketPeer implements Peer {
  readonly id = randomUUID();
  readonly codec: Codec;
  identity: Identity;
  isOpen = true;
  private framesReceived = 0;
  private bytesReceived = 0;
  private framesSent = 0;
  private bytesSent = 0;
  private readonly socket: RawSocket;
  private readonly options: PeerOptions;
  private readonly handler: Handler;
  /** How it ended, once the engine has closed it. */
  private ending: Ending | null = null;

  constructor({ socket, codec, identity }: Arrival, options: PeerOptions) {
    this.codec = codec;
    this.identity = identity;
    this.socket = socket;
    this.options = options;
    this.handler = options.attach(this);
  }

  get plane(): Plane {
    return this.options.plane;
  }

  get traffic(): Traffic {
    const { framesReceived, bytesReceived, framesSent, bytesSent } = this;
    return { framesReceived, bytesReceived, framesSent, bytesSent };
  }

  send(message: Encoded): void {
    if (!this.isOpen) return;
    this.framesSent += 1;
    this.bytesSent += Buffer.byteLength(message);
    this.socket.send(message);
  }

  join(inner: string): void {
    if (this.isOpen) this.socket.join(inner);
  }

  leave(inner: string): void {
    if (this.isOpen) this.socket.leave(inner);
  }

  bufferedBytes(): number {
    return this.isOpen ? this.socket.bufferedBytes() : 0;
  }

  close(name: CloseName, reason: string): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.ending = endingByEngine(name, reason);
    this.options.metrics.closed[name] += 1;
    this.socket.end(closeCodes[name], reason);
  }

  refresh(token: string): void {
    this.replaceToken(token).catch(() =>
      this.close('insufficientState', 'the token could not be verified'),
    );
  }

  receive(bytes: Uint8Array, isBinary: boolean): void {
    if (!this.isOpen) return;
    this.framesReceived += 1;
    this.bytesReceived += bytes.length;
    this.handler.receive(bytes, isBinary);
  }

  drained(): void {
    if (this.isOpen) this.handler.drained();
  }

  dropped(isPositions: boolean): void {
    if (this.isOpen) this.handler.dropped(isPositions);
  }

  gone(code: number, reason: string): Ending {
    this.isOpen = false;
    this.ending ??= endingBySocket(code, reason);
    this.handler.gone(this.ending.summary);
    return this.ending;
  }

  private async replaceToken(token: string): Promise<void> {
    const { plane, verify, isRevoked } = this.options;
    const verdict = await verify(token);
    if (!this.isOpen) return;
    if ('refused' in verdict) return this.refuse(verdict.refused);
    const fresh = verdict.identity;
    const refused =
      refusalOfIdentity(fresh, plane, isRevoked) ??
      (isSameSubject(fresh, this.identity) ? null : 'tokenOfAnother');
    if (refused !== null) return this.refuse(refused);
    this.identity = fresh;
    this.handler.refreshed();
  }

  private refuse(refused: RefusalName): void {
    this.options.metrics.refused[refused] += 1;
    this.close(closeOfRefusal(refused), refusals[refused].message);
  }
}
