/**
 * What an engine's slow-down means: hold for as long as it says, then one frame to ask whether it is over.
 * Invariant: after a slow-down no frame goes out before its time, and only one until that one is acked; a
 * new connection does not end it, because the engine may have closed the old one over it.
 * Bound: a hold lasts at most `delayMsMax` ms, whatever the engine says.
 */
import { delayMsMax, type Clock, type Timer } from '../clock.ts';

export interface Throttle {
  /** False while no frame may be sent. */
  readonly allows: boolean;
  slowDown(retryAfterMs: number): void;
  /** A frame with this seq was sent. */
  sent(seq: number): void;
  /** Frames up to this seq are acked. */
  acked(seq: number): void;
  /** A new connection: seqs start again. */
  restart(): void;
  close(): void;
}

/** `onResume` is called when frames may be sent again. */
export function createThrottle(clock: Clock, onResume: () => void): Throttle {
  let phase: 'free' | 'held' | 'probing' = 'free';
  /** The frame whose ack ends the probing; `null` while it is not sent. */
  let probeSeq: number | null = null;
  let timer: Timer | null = null;

  return {
    get allows() {
      return phase === 'free' || (phase === 'probing' && probeSeq === null);
    },
    slowDown(retryAfterMs) {
      timer?.cancel();
      phase = 'held';
      timer = clock.after(Math.min(retryAfterMs, delayMsMax), () => {
        phase = 'probing';
        probeSeq = null;
        onResume();
      });
    },
    sent(seq) {
      if (phase === 'probing') probeSeq = seq;
    },
    acked(seq) {
      if (phase !== 'probing' || probeSeq === null || seq < probeSeq) return;
      phase = 'free';
      onResume();
    },
    restart() {
      probeSeq = null;
    },
    close() {
      timer?.cancel();
      phase = 'held';
    },
  };
}
