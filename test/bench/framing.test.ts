/** Messages on the wire: what a real WebSocket peer makes of ours, and what we make of its bytes in any chunks. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { clientMessage, createMessageReader, opcodes, serverMessage } from '../../bench/framing.ts';
import { openRawSocket } from '../../bench/rawsocket.ts';

const servers: WebSocketServer[] = [];
const lengths = [0, 1, 125, 126, 65_535, 65_536, 200_000];

async function listen(): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  servers.push(server);
  await once(server, 'listening');
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/a?b=c` };
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    for (const client of server.clients) client.terminate();
    server.close();
  }
});

describe('framing', () => {
  it.each([
    { sizes: [0, 1, 124, 125, 126, 200], chunkBytesMax: 9 },
    { sizes: lengths, chunkBytesMax: 300_000 },
  ])('finds the messages in chunks of up to $chunkBytesMax', ({ sizes, chunkBytesMax }) => {
    const messages = fc.array(fc.constantFrom(...sizes), { maxLength: 5 });
    const chunkSizes = fc.integer({ min: Math.ceil(chunkBytesMax / 10), max: chunkBytesMax });
    fc.assert(
      fc.property(messages, chunkSizes, (payloadSizes, chunkBytes) => {
        const payloads = payloadSizes.map((size, index) => Buffer.alloc(size, index));
        const bytes = Buffer.concat(payloads.map((payload) => serverMessage(payload)));
        const got: Buffer[] = [];
        const read = createMessageReader((payload) => void got.push(Buffer.from(payload)));
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          read(bytes.subarray(at, at + chunkBytes));
        }
        expect(got.map((payload) => payload.toString('base64'))).toEqual(
          payloads.map((payload) => payload.toString('base64')),
        );
      }),
    );
  });

  it('is understood by a WebSocket server, and understands it', async () => {
    const { server, url } = await listen();
    const connected = once(server, 'connection') as Promise<[WebSocket]>;
    const got: Buffer[] = [];
    let echoed: () => void = () => undefined;
    const all = new Promise<void>((resolve) => (echoed = resolve));
    const socket = await openRawSocket({
      url,
      subprotocols: [],
      onMessage(payload, opcode) {
        expect(opcode).toBe(opcodes.binary);
        got.push(Buffer.from(payload));
        if (got.length === lengths.length) echoed();
      },
      onClosed: () => undefined,
    });
    const [peer] = await connected;
    peer.on('message', (bytes: Buffer) => peer.send(bytes));
    const payloads = lengths.map((length) => Buffer.alloc(length, 7));
    for (const payload of payloads) socket.write(clientMessage(payload));
    await all;
    expect(got).toEqual(payloads);
    expect(socket.bytesRead).toBe(Buffer.concat(payloads.map((one) => serverMessage(one))).length);
    const ponged = once(peer, 'pong') as Promise<[Buffer]>;
    peer.ping('are you there');
    expect((await ponged)[0].toString()).toBe('are you there');
    expect(got.length).toBe(lengths.length);
    const closed = once(peer, 'close');
    socket.end();
    await closed;
  });

  it('says that there was no upgrade', async () => {
    const { server, url } = await listen();
    server.options.verifyClient = () => false;
    const opening = openRawSocket({
      url,
      subprotocols: [],
      onMessage: () => undefined,
      onClosed: () => undefined,
    });
    await expect(opening).rejects.toThrow('not upgraded: HTTP/1.1 401 Unauthorized');
  });
});
