/**
 * Configuration: environment variables to typed options, validated once, listed by `--help`.
 * Invariant: a setting is stated once, in `settings`, with its default and its sentence; nothing else
 * reads the environment.
 * Bound: what an operator may change stays within limits whose relations are checked again.
 */
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { FleetwireError } from './errors.ts';
import { roles, type Role } from './identity.ts';
import { checkLimits, limits, type Limits } from './limits.ts';
import { retentionSchema, retentionSettings } from './retention.ts';
import { thresholdSchema, thresholdSettings } from './thresholds.ts';

interface Setting {
  readonly env: string;
  /** The default as an operator would write it; empty means unset. */
  readonly fallback: string;
  readonly help: string;
}

/** Every environment variable, in the order of `--help`. */
export const settings = {
  host: { env: 'FLEETWIRE_HOST', fallback: '127.0.0.1', help: 'address to listen on' },
  port: { env: 'FLEETWIRE_PORT', fallback: '7070', help: 'port to listen on; 0 picks a free one' },
  dataDir: {
    env: 'FLEETWIRE_DATA_DIR',
    fallback: './data',
    help: 'directory of the journal, the embedded database and the generated secret',
  },
  databaseUrl: {
    env: 'DATABASE_URL',
    fallback: '',
    help: 'postgres:// URL of a TimescaleDB; unset runs the embedded one',
  },
  ack: {
    env: 'FLEETWIRE_ACK',
    fallback: 'journaled',
    help: 'level at which devices are acknowledged first: journaled or stored',
  },
  jwtSecret: {
    env: 'FLEETWIRE_JWT_SECRET',
    fallback: '',
    help: 'HS256 secret, 32 bytes or more; unset makes one in the data directory',
  },
  jwksUrl: {
    env: 'FLEETWIRE_JWKS_URL',
    fallback: '',
    help: 'JWKS with the public keys (ES256, EdDSA, RS256) that sign tokens; replaces the secret',
  },
  jwtIssuer: { env: 'FLEETWIRE_JWT_ISSUER', fallback: 'fleetwire', help: 'iss that tokens have' },
  jwtAudience: {
    env: 'FLEETWIRE_JWT_AUDIENCE',
    fallback: 'fleetwire',
    help: 'aud that tokens have',
  },
  connectionsMax: {
    env: 'FLEETWIRE_CONNECTIONS_MAX',
    fallback: String(limits.connectionsMax),
    help: 'WebSocket connections of the whole engine',
  },
  userConnectionsMax: {
    env: 'FLEETWIRE_USER_CONNECTIONS_MAX',
    fallback: String(limits.userConnectionsMax),
    help: 'connections of one user to the subscriber plane',
  },
  addressConnectionsMax: {
    env: 'FLEETWIRE_ADDRESS_CONNECTIONS_MAX',
    fallback: '',
    help: 'connections of one address; unset: FLEETWIRE_CONNECTIONS_MAX, for carriers put a whole fleet behind one',
  },
  trustedProxies: {
    env: 'FLEETWIRE_TRUSTED_PROXIES',
    fallback: '',
    help: 'addresses of proxies whose X-Forwarded-For counts, separated by commas',
  },
  compression: {
    env: 'FLEETWIRE_COMPRESSION',
    fallback: 'off',
    help: 'permessage-deflate for subscribers: off, shared (no memory) or dedicated (32 KB a connection)',
  },
  tokenGraceS: {
    env: 'FLEETWIRE_TOKEN_GRACE_S',
    fallback: String(limits.tokenGraceS),
    help: 's that a live connection outlives its token, to bring a new one',
  },
  origins: {
    env: 'FLEETWIRE_ORIGINS',
    fallback: '',
    help: 'origins whose pages may connect, separated by commas, or *; unset allows those of its own host',
  },
  frameBytesMax: {
    env: 'FLEETWIRE_FRAME_BYTES_MAX',
    fallback: String(limits.frameBytesMax),
    help: 'bytes of one WebSocket message',
  },
  framesInFlightMax: {
    env: 'FLEETWIRE_FRAMES_IN_FLIGHT_MAX',
    fallback: String(limits.framesInFlightMax),
    help: 'unacknowledged frames of one device',
  },
  journalBytesMax: {
    env: 'FLEETWIRE_JOURNAL_BYTES_MAX',
    fallback: String(limits.journalBytesMax),
    help: 'bytes the journal may hold while the database is away',
  },
  segmentBytesMax: {
    env: 'FLEETWIRE_SEGMENT_BYTES_MAX',
    fallback: String(limits.segmentBytesMax),
    help: 'bytes of one journal file',
  },
  batchRowsMax: {
    env: 'FLEETWIRE_BATCH_ROWS_MAX',
    fallback: String(limits.batchRowsMax),
    help: 'rows of one COPY',
  },
  batchAgeMaxMs: {
    env: 'FLEETWIRE_BATCH_AGE_MAX_MS',
    fallback: String(limits.batchAgeMaxMs),
    help: 'ms that a row may wait for its batch to fill',
  },
  flushDeadlineMs: {
    env: 'FLEETWIRE_FLUSH_DEADLINE_MS',
    fallback: String(limits.flushDeadlineMs),
    help: 'ms after which a COPY that hangs is given up and tried again',
  },
  futureToleranceMs: {
    env: 'FLEETWIRE_FUTURE_TOLERANCE_MS',
    fallback: String(limits.futureToleranceMs),
    help: 'ms that a fix may be ahead of the clock and still be live',
  },
  liveAgeMaxMs: {
    env: 'FLEETWIRE_LIVE_AGE_MAX_MS',
    fallback: String(limits.liveAgeMaxMs),
    help: 'ms after which a live fix is marked late',
  },
  tickMs: {
    env: 'FLEETWIRE_TICK_MS',
    fallback: String(limits.tickMs),
    help: 'ms that positions of a topic are gathered into one frame, at most',
  },
  shutdownDeadlineMs: {
    env: 'FLEETWIRE_SHUTDOWN_DEADLINE_MS',
    fallback: String(limits.shutdownDeadlineMs),
    help: 'ms that a graceful stop may take',
  },
  chunkDays: {
    env: 'FLEETWIRE_CHUNK_DAYS',
    fallback: '1',
    help: 'days of one TimescaleDB chunk; used when the table is made',
  },
  ...retentionSettings,
  compressAfterDays: {
    env: 'FLEETWIRE_COMPRESS_AFTER_DAYS',
    fallback: '30',
    help: 'days after which chunks are compressed, where the edition can; 0 never. Longer than devices stay offline',
  },
  escalation: {
    env: 'FLEETWIRE_ESCALATION',
    fallback: 'dispatcher:0,admin:120',
    help: 'roles called about an emergency until a person has seen it, each :seconds after it was raised; or off',
  },
  emergencyRepeatMs: {
    env: 'FLEETWIRE_EMERGENCY_REPEAT_MS',
    fallback: String(limits.emergencyRepeatMs),
    help: 'ms after which the roles on call are told of an emergency again',
  },
  ...thresholdSettings,
  logLevel: {
    env: 'FLEETWIRE_LOG_LEVEL',
    fallback: 'info',
    help: 'fatal, error, warn, info, debug or silent',
  },
} as const satisfies Record<string, Setting>;

const day = z.coerce.number().min(0).max(36_500);
const milliseconds = z.coerce.number().int().min(1).max(86_400_000);
const text = z.string().min(1);
const optionalText = z
  .string()
  .transform((value) => (value === '' ? null : value))
  .nullable();

const list = z
  .string()
  .transform((text) => text.split(',').map((item) => item.trim()))
  .transform((items) => items.filter((item) => item !== ''));
const originList = list.refine(
  (origins) => origins.every(isOrigin),
  'must be like https://fleet.example, or *',
);
const addressList = list.refine(
  (addresses) => addresses.every((address) => isIP(address) !== 0),
  'must be IP addresses',
);

/** True for what a browser sends as `Origin`, so that a trailing slash cannot shut every page out. */
function isOrigin(origin: string): boolean {
  return origin === '*' || (URL.canParse(origin) && new URL(origin).origin === origin);
}

/** `role:seconds` by commas, in any order, each role once; or `off`. */
function readChain(text: string, context: z.core.$RefinementCtx): Link[] {
  if (text === 'off') return [];
  const items = text.split(',').map((item) => /^\s*([a-z]+):(\d{1,6})\s*$/.exec(item));
  const chain = items.flatMap((item): Link[] => {
    const role = roles.find((name) => name === item?.[1] && name !== 'device');
    return role === undefined ? [] : [{ role, afterMs: Number(item?.[2]) * 1_000 }];
  });
  const count = new Set(chain.map(({ role }) => role)).size;
  if (count !== items.length) {
    context.addIssue('must be like dispatcher:0,admin:120, each role of people once, or off');
  }
  return chain.toSorted((one, other) => one.afterMs - other.afterMs);
}

interface Link {
  readonly role: Role;
  readonly afterMs: number;
}

const connections = z.coerce.number().int().min(1).max(1_000_000);

const schema = z.object({
  host: text,
  port: z.coerce.number().int().min(0).max(65_535),
  dataDir: text.transform((path) => resolve(path)),
  databaseUrl: optionalText.refine(
    (url) => url === null || /^postgres(ql)?:\/\//.test(url),
    'must start with postgres://',
  ),
  ack: z.enum(['journaled', 'stored']),
  jwtSecret: optionalText.refine(
    (secret) => secret === null || Buffer.byteLength(secret) >= 32,
    'must be 32 bytes or more, as HS256 asks for',
  ),
  jwksUrl: optionalText.refine(
    (url) => url === null || (/^https?:\/\//.test(url) && URL.canParse(url)),
    'must be an https:// or http:// URL',
  ),
  jwtIssuer: text,
  jwtAudience: text,
  connectionsMax: connections,
  userConnectionsMax: connections,
  addressConnectionsMax: z.preprocess(
    (text) => (text === '' ? null : text),
    connections.nullable(),
  ),
  trustedProxies: addressList,
  compression: z.enum(['off', 'shared', 'dedicated']),
  tokenGraceS: z.coerce.number().int().min(0).max(86_400),
  origins: originList,
  frameBytesMax: z.coerce.number().int().min(1_024).max(1_048_576),
  framesInFlightMax: z.coerce.number().int().min(1).max(10_000),
  journalBytesMax: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  segmentBytesMax: z.coerce.number().int().min(1).max(2_147_483_647),
  batchRowsMax: z.coerce.number().int().min(1).max(1_000_000),
  batchAgeMaxMs: milliseconds,
  flushDeadlineMs: milliseconds,
  futureToleranceMs: milliseconds,
  liveAgeMaxMs: milliseconds,
  tickMs: z.coerce.number().int().min(1).max(10_000),
  shutdownDeadlineMs: milliseconds,
  chunkDays: day.refine((days) => days > 0, 'must be more than 0'),
  ...retentionSchema,
  compressAfterDays: day,
  escalation: z.string().transform(readChain),
  emergencyRepeatMs: milliseconds,
  ...thresholdSchema,
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']),
});

export type Config = Omit<z.infer<typeof schema>, 'addressConnectionsMax'> & {
  readonly addressConnectionsMax: number;
  /** The limits with what the environment changed. */
  readonly bounds: Limits;
  readonly journalDir: string;
  readonly databaseDir: string;
};

/**
 * Reads the settings from `environment`. Throws `FleetwireError('CONFIG_INVALID')` whose sentence names
 * every variable that is wrong.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const raw = Object.fromEntries(
    Object.entries(settings).map(([name, { env, fallback }]) => [
      name,
      environment[env] === undefined || environment[env] === '' ? fallback : environment[env],
    ]),
  );
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const sentences = parsed.error.issues.map((issue) => {
      const name = issue.path[0] as keyof typeof settings;
      return `${settings[name].env}: ${issue.message}`;
    });
    throw new FleetwireError('CONFIG_INVALID', sentences.join('; '));
  }
  return complete(parsed.data);
}

function complete(parsed: z.infer<typeof schema>): Config {
  const addressConnectionsMax = parsed.addressConnectionsMax ?? parsed.connectionsMax;
  const values = { ...parsed, addressConnectionsMax };
  const changed = Object.fromEntries(
    Object.entries(values).filter(([name]) => name in limits),
  ) as Partial<Limits>;
  const bounds: Limits = { ...limits, ...changed };
  try {
    checkLimits(bounds);
  } catch (error) {
    throw new FleetwireError('CONFIG_INVALID', (error as Error).message);
  }
  return {
    ...values,
    bounds,
    journalDir: join(values.dataDir, 'journal'),
    databaseDir: join(values.dataDir, 'database'),
  };
}
