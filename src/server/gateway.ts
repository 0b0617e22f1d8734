/**
 * The sockets: HTTP and WebSocket on one port, by uWebSockets.js, which only this file imports.
 * Invariant: what uWebSockets.js lends (requests, messages) is read before the callback returns; a socket
 * is never touched after its close.
 * Bound: `connectionsMax` connections; a message, its backlog in the socket and its idle time are limited.
 */
import type { HttpRequest, HttpResponse, TemplatedApp, WebSocket } from 'uWebSockets.js';
import { closeCodes, FleetwireError, messageOf, refusals, type RefusalName } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Codec } from '../wire/encode.ts';
import { isPositionFrame, type Encoded } from '../wire/positions.ts';
import type { Verdict, Verify } from './auth.ts';
import { readOffer, type Offer } from './offer.ts';
import { isOriginAllowed } from './origin.ts';
import {
  closeOfRefusal,
  createPeer,
  refusalOfVerdict,
  type Handler,
  type Peer,
  type Plane,
} from './peer.ts';
import { errorReply, planePaths, type HttpReply, type Routes } from './routes.ts';
import { createTally } from './tally.ts';

export interface GatewayOptions {
  readonly host: string;
  readonly port: number;
  /** Origins whose pages may connect, `*` for all; empty for those of the engine's own host. */
  readonly origins: readonly string[];
  readonly verify: Verify;
  readonly routes: Routes;
  /** Makes the stage behind a connection. */
  readonly attach: (peer: Peer) => Handler;
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
  readonly token: string | null;
  readonly codec: Codec;
  /** `null` while the token is being verified, and where it was refused. */
  peer: Peer | null;
  isGone: boolean;
}

type Uws = typeof import('uWebSockets.js');

/** Listens; throws `LISTEN_FAILED` or `UWS_NOT_LOADED`. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { metrics, bounds } = options;
  const uws = await loadUws();
  const app = uws.App();
  const peers = new Set<Peer>();
  /** Connections of each user to the subscriber plane. */
  const users = createTally();
  let isAccepting = true;
  let sockets = 0;

  function refusalOfUpgrade(offered: Offer): RefusalName | null {
    if (!isAccepting) return 'draining';
    if (sockets >= bounds.connectionsMax) return 'tooManyConnections';
    if (!isOriginAllowed(offered, options.origins)) return 'originNotAllowed';
    return offered.codec === null ? 'subprotocolUnknown' : null;
  }

  function plane(name: Plane): void {
    app.ws<UserData>(planePaths[name], {
      maxPayloadLength: bounds.frameBytesMax,
      idleTimeout: bounds.idleTimeoutS,
      maxBackpressure:
        name === 'ingest'
          ? bounds.deviceBackpressureBytesMax
          : bounds.subscriberBackpressureBytesMax,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => upgrade(name, res, req, context),
      open: (ws) => open(name, ws),
      message: (ws, message, isBinary) => {
        const { peer } = ws.getUserData();
        if (peer === null) refuse(ws, 'beforeHello');
        else peer.receive(new Uint8Array(message), isBinary);
      },
      drain: (ws) => ws.getUserData().peer?.drained(),
      dropped: (ws, message) => {
        metrics.counters.messagesDropped += 1;
        const isPositions = isPositionFrame(new Uint8Array(message));
        // Not from inside the send that was dropped: its caller still holds the socket.
        setImmediate(() => ws.getUserData().peer?.dropped(isPositions));
      },
      close: (ws) => {
        const data = ws.getUserData();
        data.isGone = true;
        sockets -= 1;
        if (data.peer === null) return;
        peers.delete(data.peer);
        if (name === 'live') users.remove(userOf(data.peer.identity));
        metrics.counters.connectionsClosed += 1;
        data.peer.gone();
      },
    });
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
    const refused = refusalOfUpgrade(offered);
    if (refused !== null || offered.codec === null) {
      const reason = refused ?? 'subprotocolUnknown';
      metrics.counters.connectionsRefused += 1;
      metrics.refused[reason] += 1;
      return writeReply(res, errorReply(reason), false);
    }
    const { codec, token, subprotocol } = offered;
    const data: UserData = { token, codec, peer: null, isGone: false };
    const key = req.getHeader('sec-websocket-key');
    res.upgrade(data, key, subprotocol, req.getHeader('sec-websocket-extensions'), context);
  }

  function open(name: Plane, ws: WebSocket<UserData>): void {
    sockets += 1;
    const data = ws.getUserData();
    const admit = (verdict: Verdict): void => {
      if (data.isGone) return;
      if (!isAccepting) return refuse(ws, 'draining');
      const refused = refusalOfVerdict(verdict, name) ?? refusalOfUser(name, verdict);
      if (refused !== null) refuse(ws, refused);
      else if ('identity' in verdict) ws.cork(() => greet(name, ws, verdict.identity));
    };
    options.verify(data.token).then(admit, () => admit({ refused: 'tokenKeysUnavailable' }));
  }

  function refusalOfUser(name: Plane, verdict: Verdict): RefusalName | null {
    if (name !== 'live' || 'refused' in verdict) return null;
    return users.get(userOf(verdict.identity)) < bounds.userConnectionsMax ? null : 'tooManyOfUser';
  }

  function greet(name: Plane, ws: WebSocket<UserData>, identity: Identity): void {
    const data = ws.getUserData();
    metrics.counters.connectionsOpened += 1;
    data.peer = createPeer({
      plane: name,
      codec: data.codec,
      identity,
      verify: options.verify,
      metrics,
      attach: options.attach,
      socket: {
        send: (message) => void ws.send(message, typeof message !== 'string'),
        join: (inner) => void ws.subscribe(inner),
        leave: (inner) => void ws.unsubscribe(inner),
        bufferedBytes: () => ws.getBufferedAmount(),
        end: (code, reason) => ws.end(code, reason),
      },
    });
    peers.add(data.peer);
    if (name === 'live') users.add(userOf(identity));
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
  app.any('/*', (res, req) => answer(options.routes, res, req));
  const listenSocket = await listen(app, options.host, options.port);

  return {
    port: uws.us_socket_local_port(listenSocket),
    peers,
    get isAccepting() {
      return isAccepting;
    },
    publish: (inner, frame) => void app.publish(inner, frame, typeof frame !== 'string'),
    stopAccepting() {
      if (!isAccepting) return;
      isAccepting = false;
      uws.us_listen_socket_close(listenSocket);
    },
    close: () => void app.close(),
  };
}

/** Neither part can hold a slash of its own in front of the first. */
function userOf({ tenant, subject }: Identity): string {
  return `${tenant}/${subject}`;
}

function answer(routes: Routes, res: HttpResponse, req: HttpRequest): void {
  const method = req.getMethod();
  let isAborted = false;
  res.onAborted(() => {
    isAborted = true;
  });
  const finish = (reply: HttpReply): void => {
    if (!isAborted) res.cork(() => writeReply(res, reply, method === 'head'));
  };
  const failed: HttpReply = {
    status: '500 Internal Server Error',
    contentType: 'text/plain; charset=utf-8',
    body: 'the page could not be made\n',
  };
  routes(method, req.getUrl()).then(finish, () => finish(failed));
}

function writeReply(res: HttpResponse, reply: HttpReply, isHead: boolean): void {
  res.writeStatus(reply.status).writeHeader('content-type', reply.contentType);
  for (const [name, value] of Object.entries(reply.headers ?? {})) res.writeHeader(name, value);
  if (isHead) res.endWithoutBody(Buffer.byteLength(reply.body), false);
  else res.end(reply.body);
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
