/**
 * Plain HTTP: health, readiness, metrics, and the way to the API. No sockets here: a request in, a reply out.
 * Invariant: every path and method has an answer with a code; errors are JSON with the refusal's number.
 * Bound: no page is larger than that of the metrics; the API has bounds of its own.
 */
import type { Registry } from 'prom-client';
import type { RefusalName } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import type { HttpReply, Routes } from './http.ts';
import { errorReply } from './refusal.ts';

export interface RouteOptions {
  /** `null` when ready, else why not. */
  readonly unready: () => string | null;
  readonly exposition: Registry;
  readonly metrics: Metrics;
  /** Everything under `apiPath` that is no plane. */
  readonly api: Routes;
}

/** Paths that speak WebSocket. */
export const planePaths = { ingest: '/v1/ingest', live: '/v1/live' } as const;
export const apiPath = '/v1/';

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

  return async (request) => {
    const { method, path } = request;
    const isPlane = path === planePaths.ingest || path === planePaths.live;
    if (path.startsWith(apiPath) && !isPlane) return options.api(request);
    const page = pages[path];
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

function textReply(status: string, body: string): HttpReply {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}
