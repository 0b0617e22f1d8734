/**
 * One device connection's sequence and acks, without any I/O.
 * Invariant: `seq` rises by one a frame; a frame is acked at a level only when everything that was in the
 * journal's order before it has reached that level, so acks are cumulative.
 * Bound: `framesInFlightMax` frames wait for the journal, as many marks for the database and as many deferred ones
 * (more are merged: their ack comes with a later one).
 */
import type { Limits } from '../limits.ts';

/** A frame that waits until the journal position `position` has reached a level. */
interface Mark {
  seq: number;
  position: number;
}

export interface Session {
  /** The seq that the next frame must have. */
  readonly nextSeq: number;
  readonly framesInFlight: number;
  /** Takes the next frame's seq; false where it is not the next one. */
  take(seq: number): boolean;
  /**
   * The frame `seq` is safe once the journal is durable, or stored, up to `position`. Of what is behind `taken` all
   * becomes durable together: those frames have one ack, and one mark.
   */
  mark(seq: number, position: number, taken: number): void;
  /**
   * The same for a frame whose position is not known yet: what is called with it. Until then no frame behind it is
   * acked either.
   */
  defer(seq: number): (position: number) => void;
  /** The newest seq that is journaled now and was not before, and how many frames that is. */
  journaledUpTo(position: number): Reached | null;
  /** The same for stored. */
  storedUpTo(position: number): Reached | null;
  readonly awaitsJournal: boolean;
  readonly awaitsStore: boolean;
}

export interface Reached {
  readonly seq: number;
  readonly frames: number;
}

export interface SessionOptions {
  readonly bounds: Pick<Limits, 'framesInFlightMax'>;
  /** The level that takes a frame out of flight. */
  readonly ackFirst: 'journaled' | 'stored';
}

export function createSession(options: SessionOptions): Session {
  return new FrameSession(options);
}

// A class, for there is one for each device: methods and getters of its own cost an idle one more than all its state.
class FrameSession implements Session {
  private readonly options: SessionOptions;
  private readonly journalMarks: Mark[] = [];
  private readonly storeMarks: Mark[] = [];
  private lastSeq = 0;
  private journaledSeq = 0;
  private storedSeq = 0;

  constructor(options: SessionOptions) {
    this.options = options;
  }

  get nextSeq(): number {
    return this.lastSeq + 1;
  }

  get framesInFlight(): number {
    const isFirst = this.options.ackFirst === 'journaled';
    return this.lastSeq - (isFirst ? this.journaledSeq : this.storedSeq);
  }

  get awaitsJournal(): boolean {
    return this.journalMarks.length > 0;
  }

  get awaitsStore(): boolean {
    return this.storeMarks.length > 0;
  }

  take(seq: number): boolean {
    if (seq !== this.nextSeq) return false;
    this.lastSeq = seq;
    return true;
  }

  mark(seq: number, position: number, taken: number): void {
    const { storeMarks } = this;
    putMark(this.journalMarks, seq, position, taken);
    putMark(storeMarks, seq, position, taken);
    if (storeMarks.length > this.options.bounds.framesInFlightMax) mergeLast(storeMarks);
  }

  defer(seq: number): (position: number) => void {
    const { storeMarks, options } = this;
    const inJournal = { seq, position: Infinity };
    const inStore = { seq, position: Infinity };
    this.journalMarks.push(inJournal);
    storeMarks.push(inStore);
    return (position) => {
      inJournal.position = position;
      inStore.position = position;
      if (storeMarks.length > options.bounds.framesInFlightMax * 2) mergeAll(storeMarks);
    };
  }

  journaledUpTo(position: number): Reached | null {
    const seq = takeReached(this.journalMarks, position);
    if (seq === null) return null;
    const frames = seq - this.journaledSeq;
    this.journaledSeq = seq;
    return { seq, frames };
  }

  storedUpTo(position: number): Reached | null {
    const seq = takeReached(this.storeMarks, position);
    if (seq === null) return null;
    const frames = seq - this.storedSeq;
    this.storedSeq = seq;
    return { seq, frames };
  }
}

function putMark(marks: Mark[], seq: number, position: number, taken: number): void {
  const last = marks.at(-1);
  if (last !== undefined && last.position > taken && isKnown(last)) {
    last.seq = seq;
    last.position = position;
  } else {
    marks.push({ seq, position });
  }
}

function takeReached(marks: Mark[], position: number): number | null {
  let count = 0;
  let seq: number | null = null;
  for (const mark of marks) {
    if (mark.position > position) break;
    seq = mark.seq;
    count += 1;
  }
  if (count > 0) marks.splice(0, count);
  return seq;
}

/** Makes one mark of the last two, where both have their position. */
function mergeLast(marks: Mark[]): void {
  const last = marks.at(-1);
  const before = marks.at(-2);
  if (last === undefined || before === undefined || !isKnown(before) || !isKnown(last)) return;
  before.seq = last.seq;
  before.position = Math.max(before.position, last.position);
  marks.pop();
}

/** The same of all neighbours. */
function mergeAll(marks: Mark[]): void {
  for (const mark of marks.splice(0)) {
    marks.push(mark);
    mergeLast(marks);
  }
}

function isKnown({ position }: Mark): boolean {
  return position !== Infinity;
}
