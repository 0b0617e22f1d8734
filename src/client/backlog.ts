/**
 * The fixes that a device has not got an acknowledgement for, in order: those sent, then those waiting.
 * Invariant: a fix leaves only by a final acknowledgement that covers its frame, or by a refusal; after
 * `restart` all that is left waits again, and frames count from 1.
 * Bound: `fixesMax` fixes; a push into a full backlog is refused, so that nothing goes missing unnoticed.
 */
import { frameTypes, type PositionsFrame } from '../wire/types.ts';
import { createRing } from './ring.ts';
import type { MutableWireFix } from './units.ts';

export interface BacklogFix {
  /** `null` where the token's own vehicle is meant. */
  readonly vehicle: string | null;
  readonly timeMs: number;
  readonly wire: MutableWireFix;
  /** The most bytes that it takes in a frame. */
  readonly bytes: number;
  /** True once it went out on any connection. */
  wasSent: boolean;
  isRefused: boolean;
}

/** What one frame may hold. */
export interface FrameRoom {
  readonly fixesMax: number;
  readonly bytesMax: number;
}

export interface Backlog {
  /** Fixes, sent or waiting. */
  readonly length: number;
  /** Fixes that are in no frame of this connection. */
  readonly waiting: number;
  /** Frames that no acknowledgement of any level has covered. */
  readonly framesInFlight: number;
  /** False when the backlog is full. */
  push(fix: BacklogFix): boolean;
  /** The next frame: waiting fixes of one vehicle, at least one. `null` when none waits. */
  take(room: FrameRoom): Taken | null;
  /** Marks fixes of a sent frame (all where `indexes` is `null`) and returns those newly marked. */
  refuse(seq: number, indexes: readonly number[] | null): readonly BacklogFix[];
  /**
   * Frames up to `seq` are acknowledged; where that is final their fixes (refused ones too) are taken out
   * and returned. `null` when no such frame was sent.
   */
  acknowledge(seq: number, isFinal: boolean): readonly BacklogFix[] | null;
  /** Puts all back to waiting, takes out what was refused, and returns (taken out) what is over `bytesMax`. */
  restart(bytesMax: number): readonly BacklogFix[];
}

export interface Taken {
  readonly frame: PositionsFrame;
  /** How many of its fixes went out on an earlier connection already. */
  readonly resent: number;
}

/** Type, seq, base time, array headers and a vehicle id of the longest kind. */
export const frameOverheadBytes = 96;

interface SentFrame {
  readonly seq: number;
  /** The place of its first fix, counted over all fixes that this connection's backlog has held. */
  readonly start: number;
  readonly size: number;
}

export function createBacklog(fixesMax: number): Backlog {
  const fixes = createRing<BacklogFix>(fixesMax);
  const frames = createRing<SentFrame>(fixesMax);
  let removed = 0;
  let sent = 0;
  let lastSeq = 0;
  let ackedSeq = 0;

  return {
    get length() {
      return fixes.length;
    },
    get waiting() {
      return fixes.length - sent;
    },
    get framesInFlight() {
      return lastSeq - ackedSeq;
    },
    push: (fix) => fixes.push(fix),
    take,
    refuse,
    acknowledge(seq, isFinal) {
      if (seq > lastSeq) return null;
      ackedSeq = Math.max(ackedSeq, seq);
      return isFinal ? release(seq) : [];
    },
    restart,
  };

  function take(room: FrameRoom): Taken | null {
    const first = fixes.at(sent);
    if (first === undefined) return null;
    const start = removed + sent;
    const wires: MutableWireFix[] = [];
    let bytes = frameOverheadBytes;
    let resent = 0;
    for (let fix: BacklogFix | undefined = first; fix !== undefined; fix = fixes.at(sent)) {
      bytes += fix.bytes;
      const isFull = wires.length >= room.fixesMax || bytes > room.bytesMax;
      if (wires.length > 0 && (isFull || fix.vehicle !== first.vehicle)) break;
      fix.wire[0] = fix.timeMs - first.timeMs;
      if (fix.wasSent) resent++;
      fix.wasSent = true;
      wires.push(fix.wire);
      sent++;
    }
    lastSeq++;
    frames.push({ seq: lastSeq, start, size: wires.length });
    const frame: PositionsFrame = {
      type: frameTypes.positions,
      seq: lastSeq,
      baseMs: first.timeMs,
      fixes: wires,
      vehicle: first.vehicle,
    };
    return { frame, resent };
  }

  function refuse(seq: number, indexes: readonly number[] | null): readonly BacklogFix[] {
    const frame = frames.at(seq - (frames.at(0)?.seq ?? 0));
    if (frame === undefined) return [];
    const marked: BacklogFix[] = [];
    for (const index of indexes ?? Array.from({ length: frame.size }, (_, at) => at)) {
      const fix = index < frame.size ? fixes.at(frame.start - removed + index) : undefined;
      if (fix === undefined || fix.isRefused) continue;
      fix.isRefused = true;
      marked.push(fix);
    }
    return marked;
  }

  function release(seq: number): readonly BacklogFix[] {
    const released: BacklogFix[] = [];
    for (let frame = frames.at(0); frame !== undefined && frame.seq <= seq; frame = frames.at(0)) {
      frames.shift();
      for (let index = 0; index < frame.size; index++) released.push(shiftFix());
    }
    sent -= released.length;
    return released;
  }

  function restart(bytesMax: number): readonly BacklogFix[] {
    const oversize: BacklogFix[] = [];
    for (let left = fixes.length; left > 0; left--) {
      const fix = shiftFix();
      if (fix.isRefused) continue;
      if (fix.bytes + frameOverheadBytes > bytesMax) oversize.push(fix);
      else fixes.push(fix);
    }
    frames.clear();
    removed = 0;
    sent = 0;
    lastSeq = 0;
    ackedSeq = 0;
    return oversize;
  }

  function shiftFix(): BacklogFix {
    const fix = fixes.shift();
    if (fix === undefined) throw new Error('backlog: a frame holds more fixes than the backlog');
    removed++;
    return fix;
  }
}
