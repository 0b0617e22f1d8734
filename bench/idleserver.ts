/**
 * The process of a server that holds idle connections and does nothing else: bare uWebSockets.js, ws, or Socket.IO, each
 * as it is without settings. None of them knows whose a connection is.
 * Invariant: `count` is how many are open; `collect` leaves no garbage in what is resident.
 * Bound: as many connections as files are allowed.
 */
import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Server as SocketIo } from 'socket.io';
import uWS from 'uWebSockets.js';
import { WebSocketServer } from 'ws';
import { answerCalls } from './child.ts';

export type IdleServerKind = 'uws' | 'ws' | 'socketio';

export type IdleServerCalls = {
  /** The port. */
  readonly listen: (kind: IdleServerKind) => Promise<number>;
  readonly count: (argument: null) => Promise<number>;
  readonly collect: (argument: null) => Promise<void>;
};

let open = 0;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const host = '127.0.0.1';

function listenUws(): Promise<number> {
  const app = uWS.App();
  app.ws('/*', {
    idleTimeout: 120,
    open: () => void (open += 1),
    close: () => void (open -= 1),
  });
  return new Promise((resolve, reject) => {
    app.listen(host, 0, (socket) => {
      if (socket === false) reject(new Error('the idle server cannot listen'));
      else resolve(uWS.us_socket_local_port(socket));
    });
  });
}

async function portOf(server: HttpServer): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function listenWs(): Promise<number> {
  const http = createServer();
  new WebSocketServer({ server: http }).on('connection', (socket) => {
    open += 1;
    socket.on('close', () => void (open -= 1));
  });
  return portOf(http);
}

function listenSocketIo(): Promise<number> {
  const http = createServer();
  new SocketIo(http, { transports: ['websocket'] }).on('connection', (socket) => {
    open += 1;
    socket.on('disconnect', () => void (open -= 1));
  });
  return portOf(http);
}

const listeners = { uws: listenUws, ws: listenWs, socketio: listenSocketIo } as const;

const calls: IdleServerCalls = {
  listen: (kind) => listeners[kind](),
  count: async () => open,
  async collect() {
    // What the first collection finalizes only the second one frees.
    collectGarbage();
    collectGarbage();
  },
};

answerCalls(calls);
