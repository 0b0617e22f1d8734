/**
 * The process that the engine's sockets are held against: uWebSockets.js as the engine uses it, and nothing else. It knows
 * no tokens, decodes nothing and stores nothing.
 * Invariant: on `/publish` a message whose first four bytes are a number publishes the frame of that number to whoever
 * has joined it; on `/echo` a message goes back as it is; on `/idle` nothing happens.
 * Bound: the frames that it was given.
 */
import uWS, { type HttpRequest, type HttpResponse, type WebSocket } from 'uWebSockets.js';
import { limits } from '../src/limits.ts';
import { answerCalls } from './child.ts';

/** Which frames a connection to `/publish` gets: `topics` of them from `first` on, as its query says. */
interface UserData {
  readonly first: number;
  readonly topics: number;
}

export type BareServerCalls = {
  /** The port. */
  readonly listen: (frames: readonly Uint8Array[]) => Promise<number>;
};

type Context = Parameters<HttpResponse['upgrade']>[4];

const common = {
  maxPayloadLength: limits.frameBytesMax,
  idleTimeout: limits.idleTimeoutS,
  maxBackpressure: limits.subscriberBackpressureBytesMax,
  sendPingsAutomatically: true,
  upgrade(res: HttpResponse, req: HttpRequest, context: Context) {
    const count = (name: string): number => Number(req.getQuery(name) ?? 0);
    const data: UserData = { first: count('first'), topics: count('topics') };
    const key = req.getHeader('sec-websocket-key');
    res.upgrade(data, key, '', req.getHeader('sec-websocket-extensions'), context);
  },
};

function listen(frames: readonly Uint8Array[]): Promise<number> {
  const app = uWS.App();
  app.ws<UserData>('/publish', {
    ...common,
    open(ws: WebSocket<UserData>) {
      const { first, topics } = ws.getUserData();
      for (let topic = first; topic < first + topics; topic++) ws.subscribe(String(topic));
    },
    message(_ws, message) {
      const topic = new DataView(message).getUint32(0);
      app.publish(String(topic), frames[topic] as Uint8Array, true);
    },
    dropped() {
      throw new Error('the bare server has dropped a message');
    },
  });
  app.ws<UserData>('/echo', {
    ...common,
    message: (ws, message) => void ws.send(message, true),
  });
  app.ws<UserData>('/idle', common);
  return new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, (socket) => {
      if (socket === false) reject(new Error('the bare server cannot listen'));
      else resolve(uWS.us_socket_local_port(socket));
    });
  });
}

answerCalls({ listen } satisfies BareServerCalls);
