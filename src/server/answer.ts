/**
 * HTTP requests on their way in and replies on their way out, without knowing the library that carries them.
 * Invariant: nothing is written to a response whose client has gone; every request that stays is answered,
 * also where its page could not be made; whoever waits for its end hears of it once.
 * Bound: one reply a request; see body.ts and stream.ts for what comes and goes in pieces.
 */
import type { Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { readBody, type BodySource } from './body.ts';
import { hasBody, readHeaders, type HttpReply, type LentRequest, type Routes } from './http.ts';
import { sendStream, type Stream, type StreamSink } from './stream.ts';

/** What a reply needs of uWebSockets.js's response. */
export interface Response extends BodySource, StreamSink {
  onAborted(handler: () => void): unknown;
  writeStatus(status: string): unknown;
  writeHeader(name: string, value: string): unknown;
  end(body?: string): unknown;
  endWithoutBody(bodyBytes?: number): unknown;
}

export interface ServeOptions {
  readonly routes: Routes;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Limits;
  /** A page that could not be made, or not to its end. */
  readonly onError: (error: unknown) => void;
}

/** Answers a request that is no upgrade. */
export type Serve = (response: Response, request: LentRequest) => void;

const failed: HttpReply = {
  status: '500 Internal Server Error',
  contentType: 'text/plain; charset=utf-8',
  body: 'the page could not be made\n',
};

export function createServe(options: ServeOptions): Serve {
  return (response, lent) => {
    const method = lent.getMethod();
    const headers = readHeaders(lent);
    const length = headers['content-length'];
    const reader = hasBody(method) ? readBody(response, { ...options, length }) : null;
    const closing: (() => void)[] = [];
    let stream: Stream | null = null;
    let isGone = false;

    function close(): void {
      isGone = true;
      reader?.cancel();
      for (const action of closing.splice(0)) action();
    }

    function finish(reply: HttpReply): void {
      if (isGone) return;
      const isHead = method === 'head';
      const { body } = reply;
      response.cork(() => writeReply(response, reply, isHead));
      if (body === null || typeof body === 'string' || isHead) return close();
      stream = sendStream(response, body, options, close);
    }

    response.onAborted(() => {
      stream?.aborted();
      close();
    });
    const request = {
      method,
      path: lent.getUrl(),
      query: lent.getQuery(),
      headers,
      body: () => reader?.body ?? Promise.resolve({ text: '' }),
      onClosed(action: () => void) {
        if (isGone) action();
        else closing.push(action);
      },
    };
    options.routes(request).then(finish, (error: unknown) => {
      options.onError(error);
      finish(failed);
    });
  };
}

/** Writes all of a reply, or of one that comes in pieces what stands before them. */
export function writeReply(
  response: Pick<Response, 'writeStatus' | 'writeHeader' | 'end' | 'endWithoutBody'>,
  { status, contentType, headers = {}, body }: HttpReply,
  isHead: boolean,
): void {
  response.writeStatus(status);
  if (contentType !== null) response.writeHeader('content-type', contentType);
  for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value);
  if (typeof body === 'string') {
    if (isHead) response.endWithoutBody(Buffer.byteLength(body));
    else response.end(body);
  } else if (body === null || isHead) {
    response.endWithoutBody();
  }
}
