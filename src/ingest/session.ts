/**
 * One device connection's sequence and acks, without any I/O.
 * Invariant: `seq` rises by one a frame; a frame is acked at a level only when everything that was in the
 * journal's order before it has reached that level, so acks are cumulative.
 * Bound: `framesInFlightMax` frames wait for the journal, as many marks for the database and as many deferred ones
 * (more are merged: their ack comes with a later one).
 */
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
  /** The frame `seq` is safe once the journal is durable, or stored, up to `position`. */
  mark(seq: number, position: number): void;
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
  readonly framesInFlightMax: number;
  /** The level that takes a frame out of flight. */
  readonly ackFirst: 'journaled' | 'stored';
}

export function createSession(options: SessionOptions): Session {
  const journalMarks: Mark[] = [];
  const storeMarks: Mark[] = [];
  let lastSeq = 0;
  let journaledSeq = 0;
  let storedSeq = 0;

  return {
    get nextSeq() {
      return lastSeq + 1;
    },
    get framesInFlight() {
      return lastSeq - (options.ackFirst === 'journaled' ? journaledSeq : storedSeq);
    },
    take(seq) {
      if (seq !== lastSeq + 1) return false;
      lastSeq = seq;
      return true;
    },
    mark(seq, position) {
      journalMarks.push({ seq, position });
      storeMarks.push({ seq, position });
      if (storeMarks.length > options.framesInFlightMax) mergeLast(storeMarks);
    },
    defer(seq) {
      const inJournal = { seq, position: Infinity };
      const inStore = { seq, position: Infinity };
      journalMarks.push(inJournal);
      storeMarks.push(inStore);
      return (position) => {
        inJournal.position = position;
        inStore.position = position;
        if (storeMarks.length > options.framesInFlightMax * 2) mergeAll(storeMarks);
      };
    },
    journaledUpTo(position) {
      const seq = takeReached(journalMarks, position);
      if (seq === null) return null;
      const frames = seq - journaledSeq;
      journaledSeq = seq;
      return { seq, frames };
    },
    storedUpTo(position) {
      const seq = takeReached(storeMarks, position);
      if (seq === null) return null;
      const frames = seq - storedSeq;
      storedSeq = seq;
      return { seq, frames };
    },
    get awaitsJournal() {
      return journalMarks.length > 0;
    },
    get awaitsStore() {
      return storeMarks.length > 0;
    },
  };
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
