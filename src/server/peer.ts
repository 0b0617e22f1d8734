/**
 * One WebSocket connection of either plane, without knowing the WebSocket library.
 * Invariant: one close path; whoever closes first decides the code, and nothing is sent afterwards.
 * Bound: a peer lives until its socket is gone or its token has expired, whichever comes first.
 */
import { closeCodes, refusals, type CloseName, type RefusalName } from '../errors.ts';
import type { Identity } from '../identity.ts';
import { mayConnectIngest, mayConnectLive } from '../live/access.ts';
import type { Metrics } from '../metrics.ts';
import type { Codec } from '../wire/encode.ts';
import type { Encoded } from '../wire/positions.ts';
import type { Verdict, Verify } from './auth.ts';

export type Plane = 'ingest' | 'live';

/** What a peer needs of a socket; after `end` or `terminate` none of it is called again. */
export interface RawSocket {
  /** Sends one message; text goes as a text frame. */
  send(message: Encoded): void;
  join(inner: string): void;
  leave(inner: string): void;
  /** Bytes that the client has not read yet. */
  bufferedBytes(): number;
  /** Sends a close frame; the socket is gone when it returns. */
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
  gone(): void;
}

export interface Peer {
  readonly plane: Plane;
  readonly codec: Codec;
  readonly identity: Identity;
  readonly isOpen: boolean;
  send(message: Encoded): void;
  join(inner: string): void;
  leave(inner: string): void;
  bufferedBytes(): number;
  close(name: CloseName, reason: string): void;
  refresh(token: string): void;
  receive(bytes: Uint8Array, isBinary: boolean): void;
  drained(): void;
  dropped(isPositions: boolean): void;
  /** The socket is gone, for whatever reason. */
  gone(): void;
}

export interface PeerOptions {
  readonly plane: Plane;
  readonly codec: Codec;
  readonly identity: Identity;
  readonly socket: RawSocket;
  readonly verify: Verify;
  readonly metrics: Metrics;
  /** Makes the stage behind the peer. */
  readonly attach: (peer: Peer) => Handler;
}

/** Why this verdict does not let a connection onto the plane; `null` where it does. */
export function refusalOfVerdict(verdict: Verdict, plane: Plane): RefusalName | null {
  if ('refused' in verdict) return verdict.refused;
  const { role } = verdict.identity;
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

export function createPeer(options: PeerOptions): Peer {
  const { plane, codec, socket, metrics } = options;
  let identity = options.identity;
  let isOpen = true;

  function close(name: CloseName, reason: string): void {
    if (!isOpen) return;
    isOpen = false;
    metrics.closed[name] += 1;
    socket.end(closeCodes[name], reason);
  }

  async function refresh(token: string): Promise<void> {
    const verdict = await options.verify(token);
    if (!isOpen) return;
    const refused = refusalOfVerdict(verdict, plane) ?? refusalOfChange(verdict);
    if (refused !== null) {
      metrics.refused[refused] += 1;
      close(closeOfRefusal(refused), refusals[refused].message);
    } else if ('identity' in verdict) {
      identity = verdict.identity;
      handler.refreshed();
    }
  }

  // A connection belongs to one subject of one tenant for its whole life.
  function refusalOfChange(verdict: Verdict): RefusalName | null {
    if ('refused' in verdict) return verdict.refused;
    const isSame =
      verdict.identity.subject === identity.subject &&
      verdict.identity.tenant === identity.tenant &&
      verdict.identity.role === identity.role;
    return isSame ? null : 'tokenOfAnother';
  }

  const peer: Peer = {
    plane,
    codec,
    get identity() {
      return identity;
    },
    get isOpen() {
      return isOpen;
    },
    send(message) {
      if (isOpen) socket.send(message);
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
    receive: (bytes, isBinary) => handler.receive(bytes, isBinary),
    drained() {
      if (isOpen) handler.drained();
    },
    dropped(isPositions) {
      if (isOpen) handler.dropped(isPositions);
    },
    gone() {
      isOpen = false;
      handler.gone();
    },
  };
  const handler = options.attach(peer);
  return peer;
}
