import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/metrics.ts';
import { sendStream } from '../../src/server/stream.ts';
import { createManualClock } from '../support/clock.ts';

/** A socket that has room for so many pieces until it is drained. */
function createSink(room: number) {
  const pieces: string[] = [];
  let left = room;
  let onWritable: (offset: number) => boolean = () => true;
  const sink = {
    pieces,
    ends: 0,
    closes: 0,
    cork: (write: () => void) => write(),
    write(piece: Uint8Array) {
      pieces.push(Buffer.from(piece).toString());
      left -= 1;
      return left > 0;
    },
    onWritable(handler: (offset: number) => boolean) {
      onWritable = handler;
    },
    end: () => void (sink.ends += 1),
    close: () => void (sink.closes += 1),
    drain(more: number) {
      left = more;
      return onWritable(0);
    },
  };
  return sink;
}

const bounds = { streamPieceBytes: 4, streamStallDeadlineMs: 30_000 };
const turns = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function open(room: number, pages: AsyncIterable<string>) {
  const clock = createManualClock();
  const metrics = createMetrics();
  const sink = createSink(room);
  const errors: unknown[] = [];
  let ended = 0;
  const onError = (error: unknown): void => void errors.push(error);
  const stream = sendStream(sink, pages, { clock, metrics, bounds, onError }, () => (ended += 1));
  const { counters } = metrics;
  return { clock, counters, sink, errors, stream, ended: () => ended };
}

/** Tells how many pages were made, and whether it was ended. */
function createPages(total: number) {
  const made = { pages: 0, isEnded: false };
  async function* pages(): AsyncGenerator<string> {
    try {
      for (; made.pages < total;) {
        made.pages += 1;
        yield `page${made.pages}`;
      }
    } finally {
      made.isEnded = true;
    }
  }
  return { made, pages: pages() };
}

describe('a stream', () => {
  it('is sent whole, in pieces, and ended once', async () => {
    const { sink, counters, ended, clock } = open(100, createPages(3).pages);
    await turns();
    expect(sink.pieces).toEqual(['page', '1', 'page', '2', 'page', '3']);
    expect([sink.ends, sink.closes, ended()]).toEqual([1, 0, 1]);
    expect(counters).toMatchObject({ streamsOpened: 1, streamsAborted: 0, streamsBroken: 0 });
    expect(clock.timers).toBe(0);
  });

  it('does not split what one letter takes', async () => {
    async function* pages(): AsyncGenerator<string> {
      yield 'aé€😀';
    }
    const bytes: Uint8Array[] = [];
    const sink = createSink(100);
    const write = sink.write.bind(sink);
    sink.write = (piece) => (bytes.push(piece), write(piece));
    const metrics = createMetrics();
    const onError = (): void => undefined;
    sendStream(
      sink,
      pages(),
      { clock: createManualClock(), metrics, bounds, onError },
      () => undefined,
    );
    await turns();
    expect(Buffer.concat(bytes).toString()).toBe('aé€😀');
  });

  it('waits for a client that does not read, without making the next page', async () => {
    const { made, pages } = createPages(50);
    const { sink, clock, ended } = open(3, pages);
    await turns();
    expect(sink.pieces).toHaveLength(3);
    expect(made.pages).toBe(2);
    clock.advance(29_999);
    expect(sink.drain(2)).toBe(true);
    await turns();
    expect(sink.pieces).toHaveLength(5);
    while (ended() === 0) {
      sink.drain(4);
      await turns();
    }
    expect(sink.pieces).toHaveLength(100);
    expect(clock.timers).toBe(0);
  });

  it('is cut off when its client does not read at all', async () => {
    const { made, pages } = createPages(50);
    const { sink, clock, counters, ended } = open(1, pages);
    await turns();
    clock.advance(30_000);
    await turns();
    expect([sink.ends, sink.closes, ended()]).toEqual([0, 1, 0]);
    expect(counters).toMatchObject({ streamsStalled: 1, streamsAborted: 0, streamsBroken: 0 });
    expect(made.isEnded).toBe(true);
  });

  it('ends its pages when the client leaves, and touches it no more', async () => {
    const { made, pages } = createPages(50);
    const { sink, stream, counters, clock } = open(3, pages);
    await turns();
    stream.aborted();
    await turns();
    expect(made.isEnded).toBe(true);
    expect([sink.pieces.length, sink.ends, sink.closes]).toEqual([3, 0, 0]);
    expect(counters).toMatchObject({ streamsAborted: 1, streamsStalled: 0, streamsBroken: 0 });
    expect(clock.timers).toBe(0);
  });

  it('is cut off when a page cannot be made, so that a part is not taken for the whole', async () => {
    async function* pages(): AsyncGenerator<string> {
      yield 'good';
      throw new Error('the database is away');
    }
    const { sink, counters, errors, ended } = open(100, pages());
    await turns();
    expect([sink.ends, sink.closes, ended()]).toEqual([0, 1, 0]);
    expect(errors).toHaveLength(1);
    expect(counters).toMatchObject({ streamsBroken: 1 });
  });

  it('that breaks after its client has left is told of, and not counted as broken', async () => {
    let fail: (error: Error) => void = () => undefined;
    async function* pages(): AsyncGenerator<string> {
      yield 'good';
      await new Promise((_resolve, reject) => {
        fail = reject;
      });
    }
    const { sink, stream, counters, errors } = open(100, pages());
    await turns();
    stream.aborted();
    fail(new Error('late'));
    await turns();
    expect(errors).toHaveLength(1);
    expect(sink.closes).toBe(0);
    expect(counters).toMatchObject({ streamsAborted: 1, streamsBroken: 0 });
  });
});
