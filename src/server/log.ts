/**
 * The log: JSON lines on stderr, by pino; stdout belongs to the `ready` line and to what commands print.
 * Invariant: no token, secret or password is ever logged; a line has a sentence and fields.
 * Bound: per-frame and per-fix happenings are counted, never logged.
 */
import { pino, type Logger } from 'pino';

export type Log = Logger;

export function createLog(level: string): Log {
  return pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));
}
