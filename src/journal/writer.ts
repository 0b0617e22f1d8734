/**
 * Group commit: records appended while one group is on its way to the disk make up the next group.
 * Invariant: `durable` passes a record only after an fdatasync of the file that holds it, and of the
 * directory that names the file; groups are written in order, one at a time. A record that a group has taken never
 * grows again.
 * Bound: one write and one fdatasync a group (one more pair for each new segment in it), off the loop.
 */
import type { FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { writeAll } from './disk.ts';
import type { Failure } from './failure.ts';
import { segmentHeaderBytes } from './header.ts';
import { checkFields, recordHeaderBytes, writeHeader } from './record.ts';
import { createSegment, offsetOf, type Segments } from './segment.ts';
import type { Chunk, Window } from './window.ts';

export interface WriterOptions {
  readonly dir: string;
  readonly rowFormat: number;
  readonly bounds: Pick<Limits, 'segmentBytesMax' | 'recordBytesMax' | 'recordGatherBytesMax'>;
  readonly segments: Segments;
  /** The open file of the last segment; the writer closes it. */
  readonly handle: FileHandle;
  /** Position behind the last record there is; durable already. */
  readonly end: number;
  readonly window: Window;
  readonly failure: Failure;
  readonly metrics: Metrics;
  /** A group is durable up to `position`. */
  readonly onDurable: (position: number) => void;
}

export interface Writer {
  readonly end: number;
  readonly taken: number;
  readonly durable: number;
  /** Bytes appended that are not durable yet. */
  readonly pendingBytes: number;
  append(kind: number, rows: number, payload: Uint8Array): number;
  gather(kind: number, rows: number, payload: Uint8Array): number;
  flush(): Promise<void>;
  /** Writes what is pending, unless the journal has failed, and closes the file. */
  close(): Promise<void>;
}

/** A record whose header is not written yet, for its payload may still grow. */
interface OpenRecord {
  readonly chunk: Chunk;
  /** Where in the chunk its header belongs. */
  readonly at: number;
  readonly start: number;
  readonly kind: number;
  rows: number;
}

interface Waiter {
  readonly position: number;
  resolve(): void;
  reject(error: Error): void;
}

interface State {
  handle: FileHandle;
  end: number;
  /** Of the group that is being written, or was last. */
  taken: number;
  durable: number;
  /** The last record, until it is full, another follows, or a group takes it. */
  open: OpenRecord | null;
  /** First position of the segment that the record at `end` goes into. */
  segmentFirst: number;
  /** Where segments start that are still to be created. */
  readonly cuts: number[];
  waiters: Waiter[];
  isBusy: boolean;
  isClosed: boolean;
  running: Promise<void>;
}

export function createWriter(options: WriterOptions): Writer {
  const state: State = {
    handle: options.handle,
    end: options.end,
    taken: options.end,
    durable: options.end,
    open: null,
    segmentFirst: options.segments.last.first,
    cuts: [],
    waiters: [],
    isBusy: false,
    isClosed: false,
    running: Promise.resolve(),
  };
  return {
    get end() {
      return state.end;
    },
    get taken() {
      return state.taken;
    },
    get durable() {
      return state.durable;
    },
    get pendingBytes() {
      return Math.max(0, state.end - Math.max(state.durable, options.segments.last.first));
    },
    append: (kind, rows, payload) => append(options, state, kind, rows, payload),
    gather: (kind, rows, payload) => gather(options, state, kind, rows, payload),
    flush: () => flush(options, state),
    close: () => close(options, state),
  };
}

function append(
  options: WriterOptions,
  state: State,
  kind: number,
  rows: number,
  payload: Uint8Array,
): number {
  seal(state);
  const end = gather(options, state, kind, rows, payload);
  seal(state);
  return end;
}

function gather(
  options: WriterOptions,
  state: State,
  kind: number,
  rows: number,
  payload: Uint8Array,
): number {
  check(options, state, kind, rows, payload);
  const { open } = state;
  const record =
    open !== null && open.kind === kind && mayGrow(options, state, open, payload.length)
      ? open
      : begin(options, state, kind, payload.length);
  put(options, state, record, rows, payload);
  return state.end;
}

function check(
  { bounds, failure }: WriterOptions,
  { isClosed }: State,
  kind: number,
  rows: number,
  payload: Uint8Array,
): void {
  if (failure.error !== null) throw failure.error;
  if (isClosed) throw new Error('journal: append after close');
  if (payload.length > bounds.recordBytesMax) throw new Error('journal: a record too large');
  checkFields(kind, rows);
}

/** A record at the end, without payload, and with room for one of so many bytes. */
function begin(
  { bounds, window, metrics }: WriterOptions,
  state: State,
  kind: number,
  payloadBytes: number,
): OpenRecord {
  seal(state);
  const bytes = recordHeaderBytes + payloadBytes;
  const start = startOfRecord(state, bytes, bounds.segmentBytesMax);
  const chunk = window.room(start, bytes);
  const record = { chunk, at: chunk.bytes, start, kind, rows: 0 };
  chunk.bytes += recordHeaderBytes;
  metrics.counters.journalRecords += 1;
  metrics.counters.journalBytes += recordHeaderBytes;
  state.open = record;
  return record;
}

function put(
  options: WriterOptions,
  state: State,
  record: OpenRecord,
  rows: number,
  payload: Uint8Array,
): void {
  const { chunk } = record;
  chunk.buffer.set(payload, chunk.bytes);
  chunk.bytes += payload.length;
  record.rows += rows;
  state.end = record.start + chunk.bytes - record.at;
  options.metrics.counters.journalBytes += payload.length;
  if (state.isBusy) return;
  state.isBusy = true;
  state.running = writeGroups(options, state);
}

/** Whether so many bytes more leave the record within what it, its chunk and its segment may hold. */
function mayGrow(
  { bounds }: WriterOptions,
  { end, segmentFirst }: State,
  { chunk, at }: OpenRecord,
  bytes: number,
): boolean {
  return (
    chunk.bytes - at - recordHeaderBytes + bytes <= bounds.recordGatherBytesMax &&
    chunk.bytes + bytes <= chunk.buffer.length &&
    segmentHeaderBytes + end - segmentFirst + bytes <= bounds.segmentBytesMax
  );
}

/** The open record grows no more: a hash over all of it is made once. */
function seal(state: State): void {
  const { open } = state;
  if (open === null) return;
  const { chunk, at, start, kind, rows } = open;
  writeHeader(chunk.buffer, at, start, kind, rows, chunk.bytes - at - recordHeaderBytes);
  state.open = null;
}

// Behind a gap the next record starts where the new segment does; a full segment ends at a record.
function startOfRecord(state: State, bytes: number, segmentBytesMax: number): number {
  const start = Math.max(state.end, state.segmentFirst);
  const segmentBytes = segmentHeaderBytes + start - state.segmentFirst;
  if (start > state.segmentFirst && segmentBytes + bytes > segmentBytesMax) {
    state.cuts.push(start);
    state.segmentFirst = start;
  }
  return start;
}

async function writeGroups(options: WriterOptions, state: State): Promise<void> {
  const { failure, metrics, onDurable } = options;
  await setImmediate();
  while (state.durable < state.end && failure.error === null) {
    try {
      seal(state);
      state.taken = state.end;
      await writeGroup(options, state, state.taken);
    } catch (error) {
      failure.raise(error);
      break;
    }
    metrics.counters.journalGroups += 1;
    settle(state);
    onDurable(state.durable);
  }
  state.isBusy = false;
  if (failure.error !== null) rejectWaiters(state, failure.error);
}

async function writeGroup(options: WriterOptions, state: State, groupEnd: number): Promise<void> {
  const { segments, window } = options;
  let from = Math.max(state.durable, segments.last.first);
  while (from < groupEnd) {
    if (state.cuts[0] === from) await startSegment(options, state, from);
    const to = Math.min(groupEnd, state.cuts[0] ?? groupEnd);
    await writeDurably(state.handle, window.slices(from, to), offsetOf(segments.last, from));
    segments.last.end = to;
    state.durable = to;
    from = to;
  }
}

async function startSegment(options: WriterOptions, state: State, first: number): Promise<void> {
  const { dir, rowFormat, segments } = options;
  const previous = state.handle;
  const created = await createSegment(dir, rowFormat, first, first);
  state.handle = created.handle;
  state.cuts.shift();
  segments.push(created.segment);
  await previous.close();
}

async function writeDurably(
  handle: FileHandle,
  buffers: readonly Buffer[],
  offset: number,
): Promise<void> {
  try {
    await writeAll(handle, buffers, offset);
  } catch (error) {
    await cutBack(handle, offset, error);
    throw error;
  }
  await handle.datasync();
}

// What was not synced is nobody's: cut off, it takes no room on a full disk and does not look torn later.
// The first error is the one that counts; recovery copes with what a second one leaves.
async function cutBack(handle: FileHandle, offset: number, first: unknown): Promise<void> {
  try {
    await handle.truncate(offset);
  } catch (error) {
    if (!(first instanceof Error)) throw error;
    first.message += `; cutting the file back failed too: ${messageOf(error)}`;
  }
}

function flush(options: WriterOptions, state: State): Promise<void> {
  return new Promise((resolve, reject) => {
    if (options.failure.error !== null) reject(options.failure.error);
    else if (state.durable === state.end) resolve();
    else state.waiters.push({ position: state.end, resolve, reject });
  });
}

function settle(state: State): void {
  const settled = state.waiters.filter((waiter) => waiter.position <= state.durable);
  state.waiters = state.waiters.slice(settled.length);
  for (const waiter of settled) waiter.resolve();
}

function rejectWaiters(state: State, error: Error): void {
  const { waiters } = state;
  state.waiters = [];
  for (const waiter of waiters) waiter.reject(error);
}

async function close(options: WriterOptions, state: State): Promise<void> {
  state.isClosed = true;
  await state.running;
  try {
    await state.handle.close();
  } catch (error) {
    options.failure.raise(error);
  }
}
