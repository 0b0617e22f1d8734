/**
 * WebSocket messages as the bytes of the wire (RFC 6455): made once and sent many times, and found again in what comes
 * in chunks.
 * Invariant: a message is one frame, as both sides here send it; the mask of a client is zero, which the RFC allows
 * and which leaves the payload as it is, so that a few of its bytes may be changed from one send to the next.
 * Bound: what is left of a chunk is at most one message; there are no messages over 4 GiB.
 */

export const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
export type Opcode = (typeof opcodes)[keyof typeof opcodes];

const isFinal = 0x80;
const isMasked = 0x80;
const maskBytes = 4;

/** A client's message: header, mask and payload. */
export function clientMessage(payload: Uint8Array, opcode: Opcode = opcodes.binary): Buffer {
  const head = headOf(payload.length, opcode);
  head[1] = (head[1] as number) | isMasked;
  return Buffer.concat([head, Buffer.alloc(maskBytes), payload]);
}

/** A server's message. */
export function serverMessage(payload: Uint8Array, opcode: Opcode = opcodes.binary): Buffer {
  return Buffer.concat([headOf(payload.length, opcode), payload]);
}

function headOf(length: number, opcode: Opcode): Buffer {
  if (length < 126) return Buffer.from([isFinal | opcode, length]);
  if (length < 65_536) return Buffer.from([isFinal | opcode, 126, length >> 8, length & 0xff]);
  const head = Buffer.alloc(10);
  head[0] = isFinal | opcode;
  head[1] = 127;
  head.writeUInt32BE(length, 6);
  return head;
}

/** `payload` is lent: it is good during the call. */
export type OnMessage = (payload: Buffer, opcode: number) => void;

/** Takes chunks as they come, and calls `onMessage` for each message of a server that is whole. */
export function createMessageReader(onMessage: OnMessage): (chunk: Buffer) => void {
  let rest: Buffer | null = null;
  return (chunk) => {
    const bytes: Buffer = rest === null ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + 2 <= bytes.length) {
      const payloadAt = at + headBytes(bytes[at + 1] as number);
      if (payloadAt > bytes.length) break;
      const end = payloadAt + payloadLength(bytes, at);
      if (end > bytes.length) break;
      onMessage(bytes.subarray(payloadAt, end), (bytes[at] as number) & 0x0f);
      at = end;
    }
    // The chunk is lent as well.
    rest = at === bytes.length ? null : Buffer.from(bytes.subarray(at));
  };
}

function headBytes(length: number): number {
  if (length < 126) return 2;
  return length === 126 ? 4 : 10;
}

function payloadLength(bytes: Buffer, at: number): number {
  const length = bytes[at + 1] as number;
  if (length < 126) return length;
  return length === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6);
}
