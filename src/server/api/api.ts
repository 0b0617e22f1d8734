/**
 * The API over HTTP: who asks, whether they may, and the answer with its headers.
 * Invariant: nothing is done for a page that is not allowed, for a token that is not good, or beyond the
 * turnstile; every request is answered with JSON that has a code, or with what it asked for; each refusal is
 * counted.
 * Bound: that of the turnstile for requests, of body.ts for their bodies, of the reader for their queries.
 */
import type { Clock } from '../../clock.ts';
import { FleetwireError, type RefusalName } from '../../errors.ts';
import type { Identity } from '../../identity.ts';
import type { Limits } from '../../limits.ts';
import { mayConnectLive } from '../../live/access.ts';
import type { Metrics } from '../../metrics.ts';
import type { Verify } from '../auth.ts';
import type { HttpReply, HttpRequest, Routes } from '../http.ts';
import { errorReply, type Refused } from '../refusal.ts';
import { allowedMethods, corsHeaders, isPreflight, preflightReply } from './cors.ts';
import { taggedReply } from './reply.ts';
import { matchResource, type Asked, type Match, type Method, type Operation } from './resource.ts';
import type { Resource } from './resource.ts';
import { createTurnstile } from './turnstile.ts';

export interface ApiOptions {
  readonly resources: readonly Resource[];
  /** Origins whose pages may ask, as in the configuration. */
  readonly origins: readonly string[];
  readonly verify: Verify;
  readonly isRevoked: (identity: Identity) => boolean;
  readonly isAccepting: () => boolean;
  /** The database did not answer. */
  readonly onError: (error: FleetwireError) => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Limits;
}

export function createApi(options: ApiOptions): Routes {
  const { resources, metrics } = options;
  const turnstile = createTurnstile(options);

  function refuse({ refused, detail }: Refused): HttpReply {
    metrics.refused[refused] += 1;
    return errorReply(refused, detail);
  }

  async function route(request: HttpRequest): Promise<HttpReply> {
    const match = matchResource(resources, request.path);
    if (match === null) return refuse({ refused: 'notFound' });
    if (isPreflight(request)) return preflightReply(match.resource);
    const method = request.method === 'head' ? 'get' : request.method;
    const operation = match.resource.operations[method as Method];
    if (operation === undefined) {
      const reply = refuse({ refused: 'methodNotAllowed' });
      return { ...reply, headers: { ...reply.headers, allow: allowedMethods(match.resource) } };
    }
    const entry = turnstile.enter();
    if ('refused' in entry) return refuse(entry);
    request.onClosed(entry.leave);
    return admit(request, match, operation);
  }

  async function admit(
    request: HttpRequest,
    match: Match,
    operation: Operation,
  ): Promise<HttpReply> {
    if (!options.isAccepting()) return refuse({ refused: 'draining' });
    const { resource, path } = match;
    if (resource.isPublic === true) return answer(request, operation, { ...nobody, path });
    const verdict = await options.verify(bearerOf(request.headers.authorization));
    if ('refused' in verdict) return refuse(verdict);
    const { identity } = verdict;
    const refused = refusalOf(identity);
    if (refused !== null) return refuse({ refused });
    const entry = turnstile.enterAs(identity);
    if ('refused' in entry) return refuse(entry);
    request.onClosed(entry.leave);
    return answer(request, operation, { identity, path });
  }

  function refusalOf(identity: Identity): RefusalName | null {
    if (options.isRevoked(identity)) return 'tokenRevoked';
    return mayConnectLive(identity.role) ? null : 'roleNotAllowed';
  }

  async function answer(
    request: HttpRequest,
    operation: Operation,
    caller: Pick<Asked, 'identity' | 'path'>,
  ): Promise<HttpReply> {
    const asked = { ...caller, body: () => request.body() };
    try {
      const reply = await operation.answer(asked, new URLSearchParams(request.query));
      if ('refused' in reply) return refuse(reply);
      const isRead = request.method === 'get' || request.method === 'head';
      return isRead ? taggedReply(reply, request.headers['if-none-match']) : reply;
    } catch (error) {
      if (!(error instanceof FleetwireError) || error.code !== 'DATABASE_READ') throw error;
      options.onError(error);
      return refuse({ refused: 'historyUnavailable' });
    }
  }

  return async (request) => {
    metrics.counters.apiRequests += 1;
    const cors = corsHeaders(request, options.origins);
    if (cors === null) return refuse({ refused: 'originNotAllowed' });
    const reply = await route(request);
    return { ...reply, headers: { ...reply.headers, ...cors } };
  };
}

/** The caller of what is public, who may nothing else. */
const nobody: Pick<Asked, 'identity'> = {
  identity: {
    subject: '',
    tenant: '',
    role: 'device',
    vehicles: [],
    issuer: '',
    tokenId: null,
    expiresAtMs: 0,
  },
};

function bearerOf(authorization: string): string | null {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? null;
}
