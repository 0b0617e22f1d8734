/**
 * Which web pages may use the API: those that may open sockets (origin.ts), told in the words of CORS.
 * Invariant: a page that may not is refused before anything is done, and gets no header that would let it read
 * why. No cookies are used, so none are allowed.
 * Bound: a preflight is answered from the table of resources alone.
 */
import type { HttpReply, HttpRequest } from '../http.ts';
import { isOriginAllowed } from '../origin.ts';
import type { Resource } from './resource.ts';

const preflightSeconds = 600;

/** The headers that let a page read the reply; null where its origin is not allowed. */
export function corsHeaders(
  { headers }: Pick<HttpRequest, 'headers'>,
  origins: readonly string[],
): Readonly<Record<string, string>> | null {
  const { origin, host } = headers;
  if (!isOriginAllowed({ origin, host }, origins)) return null;
  if (origin === '') return { vary: 'origin' };
  return {
    vary: 'origin',
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'etag, retry-after, content-disposition',
  };
}

export function isPreflight({ method, headers }: Pick<HttpRequest, 'method' | 'headers'>): boolean {
  return method === 'options' && headers['access-control-request-method'] !== '';
}

export function preflightReply(resource: Resource): HttpReply {
  return {
    status: '204 No Content',
    contentType: null,
    body: null,
    headers: {
      'access-control-allow-methods': allowedMethods(resource),
      'access-control-allow-headers': 'authorization, content-type, if-none-match',
      'access-control-max-age': String(preflightSeconds),
    },
  };
}

/** `GET, HEAD, POST` */
export function allowedMethods({ operations }: Resource): string {
  const methods = Object.keys(operations).map((method) => method.toUpperCase());
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
}
