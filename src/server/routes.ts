/**
 * Plain HTTP: health, readiness, metrics. No sockets here: a request in, a reply out.
 * Invariant: every path and method has an answer with a code; errors are JSON with the refusal's number.
 * Bound: no request body is read and no reply is larger than the metrics page.
 */
import type { Registry } from 'prom-client';
import { isTemporary, refusals, type RefusalName } from '../errors.ts';
import type { Metrics } from '../metrics.ts';

export interface HttpReply {
  readonly status: string;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RouteOptions {
  /** `null` when ready, else why not. */
  readonly unready: () => string | null;
  readonly exposition: Registry;
  readonly metrics: Metrics;
}

export type Routes = (method: string, path: string) => Promise<HttpReply>;

/** Paths that speak WebSocket. */
export const planePaths = { ingest: '/v1/ingest', live: '/v1/live' } as const;

export function createRoutes(options: RouteOptions): Routes {
  const pages: Readonly<Record<string, () => HttpReply | Promise<HttpReply>>> = {
    '/healthz': () => textReply('200 OK', 'ok\n'),
    '/readyz': () => {
      const reason = options.unready();
      return reason === null
        ? textReply('200 OK', 'ready\n')
        : textReply('503 Service Unavailable', `${reason}\n`);
    },
    '/metrics': async () => ({
      status: '200 OK',
      contentType: options.exposition.contentType,
      body: await options.exposition.metrics(),
    }),
  };

  return async (method, path) => {
    const page = pages[path];
    const isPlane = path === planePaths.ingest || path === planePaths.live;
    const refused = refusalOf(page !== undefined, isPlane, method);
    if (refused === null && page !== undefined) return page();
    const name = refused ?? 'notFound';
    options.metrics.refused[name] += 1;
    return errorReply(name);
  };
}

function refusalOf(isPage: boolean, isPlane: boolean, method: string): RefusalName | null {
  if (!isPage && !isPlane) return 'notFound';
  if (method !== 'get' && method !== 'head') return 'methodNotAllowed';
  return isPlane ? 'upgradeRequired' : null;
}

const statusOf: Partial<Record<RefusalName, string>> = {
  notFound: '404 Not Found',
  methodNotAllowed: '405 Method Not Allowed',
  upgradeRequired: '426 Upgrade Required',
  subprotocolUnknown: '400 Bad Request',
  originNotAllowed: '403 Forbidden',
  draining: '503 Service Unavailable',
  tooManyConnections: '503 Service Unavailable',
  tooManyOfAddress: '429 Too Many Requests',
};

const headersOf: Partial<Record<RefusalName, Readonly<Record<string, string>>>> = {
  methodNotAllowed: { allow: 'GET, HEAD' },
  upgradeRequired: { upgrade: 'websocket' },
  draining: { 'retry-after': '5' },
  tooManyConnections: { 'retry-after': '5' },
  tooManyOfAddress: { 'retry-after': '5' },
};

/** A refusal as JSON: `{"error", "code", "message", "temporary"}`. */
export function errorReply(name: RefusalName): HttpReply {
  const { code, message } = refusals[name];
  return {
    status: statusOf[name] ?? '400 Bad Request',
    contentType: 'application/json',
    body: `${JSON.stringify({ error: name, code, message, temporary: isTemporary(name) })}\n`,
    headers: headersOf[name] ?? {},
  };
}

function textReply(status: string, body: string): HttpReply {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}
