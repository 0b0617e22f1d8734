/**
 * `fleetwire token`: a token signed with this machine's secret, printed alone on its line.
 * Invariant: what it signs, the engine's verifier takes: the claims are checked here by the same rules.
 */
import { readConfig } from '../config.ts';
import { isVehicleId, isVehiclePattern, roles, type Role } from '../identity.ts';
import { loadSecret } from '../server/secret.ts';
import { signToken } from '../server/token.ts';
import { parseDurationS, UsageError, type Command, type Input } from './command.ts';
import { readTenant } from './target.ts';

export const tokenCommand: Command = {
  name: 'token',
  operands: [],
  summary: 'print a token signed with the secret of this machine',
  options: {
    role: { type: 'string', value: 'ROLE', help: roles.join(', ') },
    sub: { type: 'string', value: 'ID', help: 'whom it is for; of a device, its vehicle id' },
    tenant: { type: 'string', value: 'ID', help: 'the tenant (default: default)' },
    ttl: {
      type: 'string',
      value: 'DURATION',
      fallback: '1h',
      help: 'how long it is valid, such as 90s, 30m, 1h, 7d',
    },
    jti: {
      type: 'string',
      value: 'ID',
      help: 'what the token is called, so that it can be revoked',
    },
    vehicles: {
      type: 'string',
      value: 'LIST',
      help: 'vehicle ids and prefixes that it speaks for, such as bus-1,tram-*',
    },
  },
  run,
};

async function run(input: Input): Promise<number> {
  const role = readRole(input.text('role'));
  const sub = input.text('sub');
  if (sub === null || sub === '') throw new UsageError('--sub is missing: whom is the token for?');
  if (role === 'device' && !isVehicleId(sub)) {
    throw new UsageError(`--sub of a device is its vehicle id: A-Z a-z 0-9 . _ : -, not '${sub}'`);
  }
  const tenant = readTenant(input);
  const vehicles = readVehicles(input.text('vehicles'));
  const tokenId = readTokenId(input.text('jti'));
  const ttlS = parseDurationS('--ttl', input.text('ttl') ?? '');
  const config = readConfig(process.env);
  if (config.jwksUrl !== null) {
    throw new UsageError('with FLEETWIRE_JWKS_URL tokens are signed by the owner of those keys');
  }
  const token = await signToken(await loadSecret(config), {
    sub,
    role,
    ...(tenant === null ? {} : { tenant }),
    ...(vehicles === null ? {} : { vehicles }),
    ...(tokenId === null ? {} : { tokenId }),
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
    ttlS,
  });
  process.stdout.write(`${token}\n`);
  return 0;
}

function readRole(text: string | null): Role {
  const role = roles.find((name) => name === text);
  if (role !== undefined) return role;
  throw new UsageError(
    `--role must be one of ${roles.join(', ')}${text === null ? '' : `, not '${text}'`}`,
  );
}

function readTokenId(text: string | null): string | null {
  if (text === null || (text.length >= 1 && text.length <= 128)) return text;
  throw new UsageError('--jti must be 1 to 128 characters');
}

function readVehicles(text: string | null): readonly string[] | null {
  if (text === null) return null;
  const patterns = text.split(',').map((pattern) => pattern.trim());
  const wrong = patterns.find((pattern) => !isVehiclePattern(pattern));
  if (wrong === undefined) return patterns;
  throw new UsageError(
    `--vehicles: '${wrong}' is no vehicle id, and no prefix of one with a * behind`,
  );
}
