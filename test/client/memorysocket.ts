/**
 * WebSockets without a network between a client and a model of an engine: what is sent is there at once, so
 * that a property can try thousands of ways to lose it. Real sockets are in peer.ts.
 * Invariant: nothing passes a socket that is closed.
 */
import type { WebSocketConstructor, WebSocketLike } from '../../src/client/index.ts';
import type { Codec } from '../../src/wire/encode.ts';
import { parseJson, toJson } from '../../src/wire/json.ts';
import { parseMessagePack, toMessagePack } from '../../src/wire/messagepack.ts';
import type { Frame } from './peer.ts';

/** The engine's end of a socket. */
export interface MemorySocket {
  readonly isOpen: boolean;
  send(frame: Frame): void;
  close(code: number): void;
}

export interface MemorySockets {
  onOpen(socket: MemorySocket): void;
  onFrame(socket: MemorySocket, frame: Frame): void;
}

/** The constructor that a client opens its sockets with. */
export function memorySockets(codec: Codec, engine: MemorySockets): WebSocketConstructor {
  // A constructor may return another object than its own.
  return function openMemorySocket(): WebSocketLike {
    let isOpen = true;
    const end = (code: number): void => {
      if (!isOpen) return;
      isOpen = false;
      queueMicrotask(() => client.onclose?.({ code, reason: '' }));
    };
    const client: WebSocketLike = {
      binaryType: '',
      bufferedAmount: 0,
      onopen: null,
      onmessage: null,
      onerror: null,
      onclose: null,
      send(data) {
        if (isOpen) engine.onFrame(mine, parsed(data));
      },
      close: (code = 1000) => end(code),
    };
    const mine: MemorySocket = {
      get isOpen() {
        return isOpen;
      },
      send(frame) {
        if (!isOpen) return;
        const data =
          codec === 'json' ? toJson(frame) : Uint8Array.from(toMessagePack(frame)).buffer;
        client.onmessage?.({ data });
      },
      close: end,
    };
    queueMicrotask(() => {
      client.onopen?.(null as never);
      engine.onOpen(mine);
    });
    return client;
  } as unknown as WebSocketConstructor;
}

function parsed(data: Uint8Array | string): Frame {
  const result = typeof data === 'string' ? parseJson(data) : parseMessagePack(data);
  if (!('value' in result) || !Array.isArray(result.value)) throw new Error('not a frame');
  return result.value;
}
