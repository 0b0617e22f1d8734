/**
 * HTTP as the routes know it: a request in, a reply out, without the library that carries them. No code but
 * the reading of a request.
 * Invariant: what the library lends is copied before its callback returns; a body is asked for once or more,
 * and read once.
 * Bound: the headers that are named here, a body of `apiBodyBytesMax`.
 */
import type { RefusalName } from '../errors.ts';

const headerNames = [
  'authorization',
  'origin',
  'host',
  'if-none-match',
  'content-length',
  'access-control-request-method',
] as const;

export type HeaderName = (typeof headerNames)[number];

/** Text, or why there is none. */
export type Body = { readonly text: string } | { readonly refused: RefusalName };

export interface HttpRequest {
  /** Lower case. */
  readonly method: string;
  /** As it was sent, without the query. */
  readonly path: string;
  /** Behind the question mark. */
  readonly query: string;
  /** Empty where the request has none. */
  readonly headers: Readonly<Record<HeaderName, string>>;
  /** Empty of a method that has none. Never rejects. */
  body(): Promise<Body>;
  /** Calls `action` once the reply is out, or its client gone. */
  onClosed(action: () => void): void;
}

export interface HttpReply {
  readonly status: string;
  /** Null where the body is. */
  readonly contentType: string | null;
  /** What is not text is sent as it comes, and not faster than its client reads. */
  readonly body: string | null | AsyncIterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Routes = (request: HttpRequest) => Promise<HttpReply>;

/** What a request is read from, of uWebSockets.js. */
export interface LentRequest {
  getMethod(): string;
  getUrl(): string;
  getQuery(): string;
  getHeader(name: string): string;
}

export function readHeaders(lent: LentRequest): Record<HeaderName, string> {
  const headers = {} as Record<HeaderName, string>;
  for (const name of headerNames) headers[name] = lent.getHeader(name);
  return headers;
}

export function hasBody(method: string): boolean {
  return method === 'post' || method === 'put' || method === 'patch' || method === 'delete';
}
