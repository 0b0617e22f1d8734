/**
 * The body of a request, as text.
 * Invariant: it is listened to in the turn of its request, for the library gives it to nobody later; one
 * that is refused is no longer kept, and what still comes of it is dropped.
 * Bound: `apiBodyBytesMax`, within `apiBodyDeadlineMs`.
 */
import type { Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Body } from './http.ts';

/** What a body is read from, of uWebSockets.js. */
export interface BodySource {
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): unknown;
}

export interface BodyOptions {
  readonly clock: Clock;
  readonly bounds: Pick<Limits, 'apiBodyBytesMax' | 'apiBodyDeadlineMs'>;
  /** The header `content-length`; empty where there is none. */
  readonly length: string;
}

export interface BodyReader {
  /** Never rejects; does not resolve once cancelled. */
  readonly body: Promise<Body>;
  cancel(): void;
}

export function readBody(source: BodySource, options: BodyOptions): BodyReader {
  const { clock, bounds, length } = options;
  let chunks: Buffer[] = [];
  let bytes = 0;
  let settle: (body: Body) => void = () => undefined;
  const body = new Promise<Body>((resolve) => {
    settle = resolve;
  });
  let isDone = false;
  const timer = clock.after(bounds.apiBodyDeadlineMs, () => finish({ refused: 'bodyTooSlow' }));

  function finish(read: Body): void {
    if (isDone) return;
    isDone = true;
    chunks = [];
    timer.cancel();
    settle(read);
  }

  source.onData((chunk, isLast) => {
    if (isDone) return;
    bytes += chunk.byteLength;
    if (bytes > bounds.apiBodyBytesMax) return finish({ refused: 'bodyTooLarge' });
    // The library takes the chunk back when this returns.
    chunks.push(Buffer.from(new Uint8Array(chunk)));
    if (isLast) finish(textOf(Buffer.concat(chunks)));
  });
  if (Number(length) > bounds.apiBodyBytesMax) finish({ refused: 'bodyTooLarge' });

  return {
    body,
    cancel() {
      isDone = true;
      chunks = [];
      timer.cancel();
    },
  };
}

function textOf(bytes: Buffer): Body {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { refused: 'badBody' };
  }
}
