/**
 * How a connection ended: the code and the reason of its close, and a few words for people.
 * Invariant: whoever closed first decides; what comes of it afterwards changes nothing.
 * Source: the texts are those of uWebSockets.js 20, which closes with 1006 and has no code of its own.
 */
import { closeCodes, type CloseName } from '../errors.ts';

export interface Ending {
  /** 1005 where the client gave none, 1006 where there was no close frame. */
  readonly code: number;
  readonly reason: string;
  /** Such as `closed by the client (1000)`, `connection lost`, or the name of the engine's close. */
  readonly summary: string;
}

export function endingByEngine(name: CloseName, reason: string): Ending {
  return { code: closeCodes[name], reason, summary: name };
}

/** From what the close handler of uWebSockets.js is given. */
export function endingBySocket(code: number, reason: string): Ending {
  return { code, reason, summary: summaryOf(code, reason) };
}

const abnormal = 1006;

function summaryOf(code: number, reason: string): string {
  if (code !== abnormal) return `closed by the client (${code})`;
  if (reason.startsWith('WebSocket timed out')) return 'idle';
  if (reason.startsWith('Received too big message')) return 'message too large';
  return 'connection lost';
}
