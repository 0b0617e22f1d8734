/**
 * A WebSocket as the clients need it, over whichever implementation there is: the caller's, the
 * platform's, or the `ws` package (Node 20 has none of its own).
 * Invariant: `onClose` is called exactly once, and nothing is called after it.
 * Bound: what waits to be sent is bounded by the client above (frames in flight, requests).
 */

/** The part of the W3C WebSocket that is used. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  send(data: Uint8Array | string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** Starts a connection; throws where the URL or a subprotocol is malformed. */
export type OpenWebSocket = (url: string, protocols: string[]) => WebSocketLike;

export interface SocketEvents {
  onOpen(): void;
  onMessage(data: Uint8Array | string): void;
  onClose(code: number, reason: string): void;
}

export interface Socket {
  send(data: Uint8Array | string): void;
  /** Starts the closing handshake; `onClose` follows. */
  close(code: number): void;
  /** Drops the connection with no handshake, where the implementation can. */
  abandon(): void;
}

/** RFC 6455: the connection ended without a close frame. */
export const abnormalCloseCode = 1006;

export async function chooseWebSocket(
  given: WebSocketConstructor | undefined,
): Promise<OpenWebSocket> {
  const platform = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  const Implementation = given ?? platform;
  if (Implementation !== undefined) return (url, protocols) => new Implementation(url, protocols);
  const { WebSocket } = await import('ws');
  // Compression is off on both planes; offering it would only lengthen the handshake.
  return (url, protocols) =>
    new WebSocket(url, protocols, { perMessageDeflate: false }) as unknown as WebSocketLike;
}

export function openSocket(
  open: OpenWebSocket,
  url: string,
  protocols: string[],
  events: SocketEvents,
): Socket {
  const socket = open(url, protocols);
  // Only some implementations say why a connection failed; their close event never does.
  let failure = '';
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => events.onOpen();
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') events.onMessage(data);
    else if (data instanceof ArrayBuffer) events.onMessage(new Uint8Array(data));
  };
  socket.onerror = (event: { readonly message?: unknown }) => {
    if (typeof event.message === 'string') failure = event.message;
  };
  socket.onclose = ({ code, reason }) => {
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    events.onClose(code, reason === '' ? failure : reason);
  };
  return {
    send: (data) => socket.send(data),
    close: (code) => socket.close(code),
    abandon() {
      if ('terminate' in socket && typeof socket.terminate === 'function') socket.terminate();
      else socket.close();
    },
  };
}
