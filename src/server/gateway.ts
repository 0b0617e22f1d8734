/**
 * The sockets: HTTP and WebSocket on one port, by uWebSockets.js, which only this file imports.
 * Invariant: what uWebSockets.js lends (requests, messages) is read before the callback returns; a socket
 * is never touched after its close.
 * Bound: as many sockets as the admission lets in; a message, its backlog in the socket and its idle time are
 * limited.
 */
import type {
  CompressOptions,
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  WebSocket,
} from 'uWebSockets.js';
import type { Clock, Timer } from '../clock.ts';
import { closeCodes, FleetwireError, messageOf, refusals, type RefusalName } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Codec } from '../wire/encode.ts';
import { isPositionFrame, type Encoded } from '../wire/positions.ts';
import { clientAddress, parseAddress } from './address.ts';
import { createAdmission } from './admission.ts';
import { writeReply, type Serve } from './answer.ts';
import type { Verdict, Verify } from './auth.ts';
import { readOffer } from './offer.ts';
import {
  closeOfRefusal,
  createPeer,
  refusalOfIdentity,
  type Handler,
  type Peer,
  type Plane,
  type RawSocket,
} from './peer.ts';
import type { Recorder } from './recorder.ts';
import { errorReply } from './refusal.ts';
import { planePaths } from './routes.ts';

export interface GatewayOptions {
  readonly host: string;
  readonly port: number;
  /** Origins whose pages may connect, `*` for all; empty for those of the engine's own host. */
  readonly origins: readonly string[];
  /** Addresses whose `X-Forwarded-For` counts. */
  readonly trustedProxies: readonly string[];
  /** Of the subscriber plane; a socket's own compressor remembers what it has sent, a shared one nothing. */
  readonly compression: 'off' | 'shared' | 'dedicated';
  readonly verify: Verify;
  readonly isRevoked: (identity: Identity) => boolean;
  /** Answers what is no upgrade. */
  readonly serve: Serve;
  /** Makes the stage behind a connection. */
  readonly attach: (peer: Peer) => Handler;
  readonly recorder: Pick<Recorder, 'begin' | 'end'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Limits;
}

export interface Gateway {
  /** The port that is listened on. */
  readonly port: number;
  readonly peers: ReadonlySet<Peer>;
  readonly isAccepting: boolean;
  publish(inner: string, frame: Encoded): void;
  /** No new connection is taken; those that are open go on. */
  stopAccepting(): void;
  /** Ends every socket that is left. */
  close(): void;
}

interface UserData {
  /** Until it is verified: it would keep the whole header of the upgrade alive as long as the socket. */
  token: string | null;
  readonly codec: Codec;
  readonly address: string;
  /** `null` while the token is being verified, and where it was refused. */
  peer: Peer | null;
  /** The close that waits for the client to read. */
  closing: Closing | null;
  isGone: boolean;
}

interface Closing {
  readonly code: number;
  readonly reason: string;
  readonly deadline: Timer;
}

/** What the sockets of a plane have in common. */
interface Outlet {
  readonly isCompressed: boolean;
  end(ws: WebSocket<UserData>, code: number, reason: string): void;
}

class UwsSocket implements RawSocket {
  private readonly ws: WebSocket<UserData>;
  private readonly outlet: Outlet;

  constructor(ws: WebSocket<UserData>, outlet: Outlet) {
    this.ws = ws;
    this.outlet = outlet;
  }

  send(message: Encoded): void {
    this.ws.send(message, typeof message !== 'string', this.outlet.isCompressed);
  }

  join(inner: string): void {
    this.ws.subscribe(inner);
  }

  leave(inner: string): void {
    this.ws.unsubscribe(inner);
  }

  bufferedBytes(): number {
    return this.ws.getBufferedAmount();
  }

  end(code: number, reason: string): void {
    this.outlet.end(this.ws, code, reason);
  }
}

type Uws = typeof import('uWebSockets.js');

/** Listens; throws `LISTEN_FAILED` or `UWS_NOT_LOADED`. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { metrics, bounds, recorder } = options;
  const uws = await loadUws();
  const app = uws.App();
  const peers = new Set<Peer>();
  const admission = createAdmission(options);
  const trusted = new Set(options.trustedProxies.map((address) => parseAddress(address) ?? ''));
  const decoder = new TextDecoder();
  const waitingBytesMax = {
    ingest: bounds.deviceBackpressureBytesMax,
    live: bounds.subscriberBackpressureBytesMax,
  };
  const isCompressed = options.compression !== 'off';
  const planes = {
    ingest: { ...options, plane: 'ingest' },
    live: { ...options, plane: 'live' },
  } as const;
  const outlets = { ingest: outletOf('ingest'), live: outletOf('live') };

  function plane(name: Plane): void {
    app.ws<UserData>(planePaths[name], {
      maxPayloadLength: bounds.frameBytesMax,
      idleTimeout: bounds.idleTimeoutS,
      compression: name === 'live' ? compressorOf(uws, options.compression) : uws.DISABLED,
      maxBackpressure: waitingBytesMax[name],
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => upgrade(name, res, req, context),
      open: (ws) => open(name, ws),
      message: (ws, message, isBinary) => {
        const { peer } = ws.getUserData();
        if (peer === null) refuse(ws, 'beforeHello');
        else peer.receive(new Uint8Array(message), isBinary);
      },
      drain(ws) {
        const { peer, closing } = ws.getUserData();
        if (closing === null) peer?.drained();
        else if (hasRoom(name, ws)) ws.end(closing.code, closing.reason);
      },
      dropped: (ws, message) => {
        metrics.counters.messagesDropped += 1;
        const isPositions = isPositionFrame(new Uint8Array(message));
        // Not from inside the send that was dropped: its caller still holds the socket.
        setImmediate(() => ws.getUserData().peer?.dropped(isPositions));
      },
      close: (ws, code, reason) => close(ws.getUserData(), code, decoder.decode(reason)),
    });
  }

  function hasRoom(name: Plane, ws: WebSocket<UserData>): boolean {
    return ws.getBufferedAmount() <= waitingBytesMax[name];
  }

  function outletOf(name: Plane): Outlet {
    return { isCompressed, end: (ws, code, reason) => end(name, ws, code, reason) };
  }

  // Where too much waits, the library drops a close frame like any other message, and all that waits with it. So
  // nothing more is put behind what waits but the close, once the client has read enough of it.
  function end(name: Plane, ws: WebSocket<UserData>, code: number, reason: string): void {
    if (hasRoom(name, ws)) return ws.end(code, reason);
    for (const inner of ws.getTopics()) ws.unsubscribe(inner);
    const deadline = options.clock.after(bounds.closeDeadlineMs, () => ws.close());
    ws.getUserData().closing = { code, reason, deadline };
  }

  function close(data: UserData, code: number, reason: string): void {
    const { peer, address } = data;
    data.isGone = true;
    data.closing?.deadline.cancel();
    admission.closed(address);
    if (peer === null) return;
    peers.delete(peer);
    admission.left(peer.plane, peer.identity);
    metrics.counters.connectionsClosed += 1;
    recorder.end(peer, peer.gone(code, reason));
  }

  // The upgrade itself is synchronous and the token is verified on the open socket: an upgrade that is
  // finished later, inside of `res.cork`, takes the WebSocket for an HTTP response when its memory did not
  // move, and may close it.
  function upgrade(
    name: Plane,
    res: HttpResponse,
    req: HttpRequest,
    context: Parameters<HttpResponse['upgrade']>[4],
  ): void {
    const offered = readOffer(name, (header) => req.getHeader(header));
    const address = clientAddress(
      decoder.decode(res.getRemoteAddressAsText()),
      () => linesOf(req, 'x-forwarded-for'),
      trusted,
    );
    const refused = admission.refusalOfUpgrade(offered, address);
    if (refused !== null || offered.codec === null) {
      const reason = refused ?? 'subprotocolUnknown';
      metrics.counters.connectionsRefused += 1;
      metrics.refused[reason] += 1;
      return writeReply(res, errorReply(reason), false);
    }
    const { codec, token, subprotocol } = offered;
    const data: UserData = { token, codec, address, peer: null, closing: null, isGone: false };
    const key = req.getHeader('sec-websocket-key');
    res.upgrade(data, key, subprotocol, req.getHeader('sec-websocket-extensions'), context);
  }

  function open(name: Plane, ws: WebSocket<UserData>): void {
    const data = ws.getUserData();
    const { token } = data;
    data.token = null;
    admission.opened(data.address);
    const admit = (verdict: Verdict): void => {
      if (data.isGone) return;
      if (!admission.isAccepting) return refuse(ws, 'draining');
      if ('refused' in verdict) return refuse(ws, verdict.refused);
      const { identity } = verdict;
      const refused =
        refusalOfIdentity(identity, name, options.isRevoked) ??
        admission.refusalOfUser(name, identity);
      if (refused !== null) refuse(ws, refused);
      else ws.cork(() => greet(name, ws, identity));
    };
    options.verify(token).then(admit, () => admit({ refused: 'tokenKeysUnavailable' }));
  }

  function greet(name: Plane, ws: WebSocket<UserData>, identity: Identity): void {
    const data = ws.getUserData();
    metrics.counters.connectionsOpened += 1;
    const socket = new UwsSocket(ws, outlets[name]);
    const peer = createPeer({ socket, codec: data.codec, identity }, planes[name]);
    data.peer = peer;
    peers.add(peer);
    admission.greeted(name, identity);
    recorder.begin(peer, data.address);
  }

  /** Closes a socket that has not become a peer. */
  function refuse(ws: WebSocket<UserData>, reason: RefusalName): void {
    const closing = closeOfRefusal(reason);
    metrics.counters.connectionsRefused += 1;
    metrics.refused[reason] += 1;
    metrics.closed[closing] += 1;
    // The reason of a shutdown is the time to wait.
    const isShutdown = closing === 'shutdown';
    const text = isShutdown ? String(bounds.reconnectSpreadMs) : refusals[reason].message;
    ws.end(closeCodes[closing], text);
  }

  plane('ingest');
  plane('live');
  app.any('/*', options.serve);
  const listenSocket = await listen(app, options.host, options.port);

  return {
    port: uws.us_socket_local_port(listenSocket),
    peers,
    get isAccepting() {
      return admission.isAccepting;
    },
    publish: (inner, frame) =>
      void app.publish(inner, frame, typeof frame !== 'string', isCompressed),
    stopAccepting() {
      if (!admission.isAccepting) return;
      admission.stop();
      uws.us_listen_socket_close(listenSocket);
    },
    close: () => void app.close(),
  };
}

function compressorOf(uws: Uws, compression: GatewayOptions['compression']): CompressOptions {
  if (compression === 'off') return uws.DISABLED;
  return compression === 'shared' ? uws.SHARED_COMPRESSOR : uws.DEDICATED_COMPRESSOR_32KB;
}

/** Every line of a header in their order, where `getHeader` gives the first. */
function linesOf(req: HttpRequest, header: string): readonly string[] {
  const lines: string[] = [];
  req.forEach((name, value) => {
    if (name === header) lines.push(value);
  });
  return lines;
}

async function loadUws(): Promise<Uws> {
  try {
    // The ESM wrapper of the package has its whole API as the default export.
    const module = (await import('uWebSockets.js')) as Uws & { readonly default?: Uws };
    return module.default ?? module;
  } catch (error) {
    throw new FleetwireError(
      'UWS_NOT_LOADED',
      `the binary of uWebSockets.js does not load on this machine (${messageOf(error)}): see "uWebSockets.js" in the README for the author's own release`,
    );
  }
}

type ListenSocket = Parameters<Uws['us_socket_local_port']>[0];

/** The call with host and options, which the library takes but its types leave out. */
interface ExclusiveListener {
  listen(
    host: string,
    port: number,
    options: number,
    done: (socket: ListenSocket | false) => void,
  ): void;
}

/** LIBUS_LISTEN_EXCLUSIVE_PORT: without it a second engine would silently share the port. */
const exclusivePort = 1;

function listen(app: TemplatedApp, host: string, port: number): Promise<ListenSocket> {
  return new Promise((resolve, reject) => {
    const listener = app as unknown as ExclusiveListener;
    listener.listen(host, port, exclusivePort, (socket) => {
      if (socket !== false) return resolve(socket);
      const sentence = `cannot listen on ${host}:${port}: change FLEETWIRE_HOST or FLEETWIRE_PORT`;
      reject(new FleetwireError('LISTEN_FAILED', sentence));
    });
  });
}
