/**
 * Which engine a command speaks to, and with what tokens.
 * Invariant: the URL is that of one plane; a token is the given one, or signed with this machine's secret
 * for each connection anew.
 * Bound: a signed token lives for `tokenTtlS`; a command that runs longer gets a new one when it reconnects.
 */
import type { TokenSource } from '../client/connection.ts';
import type { Config } from '../config.ts';
import { isTenant, isVehicleId, type Role } from '../identity.ts';
import { loadSecret } from '../server/secret.ts';
import { signToken } from '../server/token.ts';
import { type Input, type Option, UsageError } from './command.ts';

/** The options of every command that connects to an engine. */
export const targetOptions = {
  url: {
    type: 'string',
    value: 'URL',
    help: 'the engine, such as ws://127.0.0.1:7070 (default: FLEETWIRE_HOST and FLEETWIRE_PORT)',
  },
  token: {
    type: 'string',
    value: 'JWT',
    help: 'the token to connect with (default: signed with the secret of this machine)',
  },
  tenant: { type: 'string', value: 'ID', help: 'the tenant of signed tokens (default: default)' },
  wait: {
    type: 'string',
    value: 'SECONDS',
    fallback: '10',
    help: 'how long to wait for an engine to answer',
  },
} as const satisfies Record<string, Option>;

/** The paths of routes.ts; the command line must not load the engine to know them. */
const planePaths = { ingest: '/v1/ingest', live: '/v1/live' } as const;
export type Plane = keyof typeof planePaths;

/** Addresses to listen on that are none to connect to. */
const anyAddress: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

const tokenTtlS = 3_600;

/** The WebSocket URL of a plane; a path that the given URL has comes before the plane's. */
export function planeUrl(text: string | null, plane: Plane, config: Config): string {
  if (text === null && config.port === 0) {
    throw new UsageError('--url is missing: FLEETWIRE_PORT is 0, which names no port');
  }
  const url = parseUrl(text ?? `ws://${hostText(config.host)}:${config.port}`);
  url.protocol = url.protocol.replace('http', 'ws');
  if (!url.pathname.endsWith(planePaths[plane])) {
    url.pathname = url.pathname.replace(/\/$/, '') + planePaths[plane];
  }
  return url.href;
}

function hostText(host: string): string {
  return anyAddress[host] ?? (host.includes(':') ? `[${host}]` : host);
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^(ws|http)s?:$/.test(url.protocol)) return url;
  throw new UsageError(`--url must be like ws://127.0.0.1:7070, not '${text}'`);
}

/** The tenant of `--tenant`, checked. */
export function readTenant(input: Input): string | null {
  const tenant = input.text('tenant');
  if (tenant === null || isTenant(tenant)) return tenant;
  throw new UsageError(`--tenant must be 1 to 32 of a-z 0-9 -, not '${tenant}'`);
}

export function checkVehicleId(name: string, id: string): string {
  if (isVehicleId(id)) return id;
  throw new UsageError(`${name} must be 1 to 64 of A-Z a-z 0-9 . _ : -, not '${id}'`);
}

/** Who a signed token is for. */
export interface Subject {
  readonly sub: string;
  readonly role: Role;
  readonly tenant?: string | null;
}

/** Signs a token for each connection; throws where tokens come from elsewhere. */
export async function createSigner(config: Config): Promise<(subject: Subject) => TokenSource> {
  if (config.jwksUrl !== null) {
    throw new UsageError('--token is missing: with FLEETWIRE_JWKS_URL tokens are signed elsewhere');
  }
  const secret = await loadSecret(config);
  return ({ sub, role, tenant }) =>
    () =>
      signToken(secret, {
        sub,
        role,
        ...(tenant === null || tenant === undefined ? {} : { tenant }),
        issuer: config.jwtIssuer,
        audience: config.jwtAudience,
        ttlS: tokenTtlS,
      });
}
