/**
 * The socket of a device as a list of what it was sent.
 * Invariant: frames are there in the order in which they were sent, but for those of the types that are left out.
 * Bound: those of one test.
 */
import type { Identity } from '../../src/identity.ts';
import type { Connection } from '../../src/ingest/device.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';

export interface Peer extends Connection {
  readonly sent: unknown[];
  closed: string | null;
}

export function createPeer(identity: Identity, leftOut: readonly number[] = []): Peer {
  const sent: unknown[] = [];
  return {
    identity,
    sent,
    closed: null,
    send(bytes) {
      const parsed = parseMessagePack(Uint8Array.from(bytes));
      const frame = 'value' in parsed ? parsed.value : parsed;
      if (!Array.isArray(frame) || !leftOut.includes(frame[0] as number)) sent.push(frame);
    },
    close(name) {
      this.closed = name;
    },
    refresh: () => undefined,
  };
}
