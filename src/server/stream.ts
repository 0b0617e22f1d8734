/**
 * A reply that is sent in pieces, as fast as its client reads and no faster.
 * Invariant: the next page is not made before the last is out; a client that leaves ends the pages too. One
 * whose pages cannot be made any further is cut off, so that nobody takes a part for the whole.
 * Bound: one page, and in the socket a piece for each time it had room: uWebSockets.js takes what does not
 * fit, but frees more room than a piece before it says that it is writable. `streamStallDeadlineMs` for a
 * client that does not read.
 */
import type { Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';

/** What a stream needs of uWebSockets.js's response. */
export interface StreamSink {
  cork(write: () => void): unknown;
  /** False where not all fitted; it is taken nevertheless. */
  write(piece: Uint8Array): boolean;
  onWritable(handler: (offset: number) => boolean): unknown;
  end(): unknown;
  close(): unknown;
}

export interface StreamOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'streamPieceBytes' | 'streamStallDeadlineMs'>;
  readonly onError: (error: unknown) => void;
}

export interface Stream {
  /** The client has gone: nothing of the sink is touched from here on. */
  aborted(): void;
}

/** Begins at once, behind the header. `onEnd` is called when all is out, and not where it was aborted. */
export function sendStream(
  sink: StreamSink,
  pages: AsyncIterable<string>,
  options: StreamOptions,
  onEnd: () => void,
): Stream {
  const { clock, bounds } = options;
  const { counters } = options.metrics;
  let isGone = false;
  /** Goes on after a piece that did not fit. */
  let wake: () => void = () => undefined;
  counters.streamsOpened += 1;
  sink.onWritable(() => {
    wake();
    return true;
  });
  run().catch((error: unknown) => {
    options.onError(error);
    if (isGone) return;
    counters.streamsBroken += 1;
    cut();
  });

  async function run(): Promise<void> {
    for await (const page of pages) {
      if (isGone) return;
      const bytes = Buffer.from(page);
      for (let start = 0; start < bytes.length; start += bounds.streamPieceBytes) {
        await send(bytes.subarray(start, start + bounds.streamPieceBytes));
        // A client may have left while it was waited for.
        if (isGone) return;
      }
    }
    if (isGone) return;
    isGone = true;
    sink.cork(() => sink.end());
    onEnd();
  }

  async function send(piece: Uint8Array): Promise<void> {
    let hasRoom = false;
    sink.cork(() => {
      hasRoom = sink.write(piece);
    });
    if (hasRoom) return;
    await new Promise<void>((resolve) => {
      const timer = clock.after(bounds.streamStallDeadlineMs, () => {
        counters.streamsStalled += 1;
        cut();
        resolve();
      });
      wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  // The library calls back that the client has gone, which is not counted as its own doing.
  function cut(): void {
    isGone = true;
    sink.close();
  }

  return {
    aborted() {
      if (isGone) return;
      isGone = true;
      counters.streamsAborted += 1;
      wake();
    },
  };
}
