/**
 * The HS256 secret: the configured one, or one made in the data directory when there is none.
 * Invariant: a secret is 256 bits or more; the file is readable by its owner only and never overwritten.
 * Bound: an engine with a secret that it made itself listens on loopback only (`requireLoopback`), because
 * nobody chose that secret.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { FleetwireError, messageOf } from '../errors.ts';

const secretBytes = 32;

type SecretConfig = Pick<Config, 'jwtSecret' | 'dataDir'>;

/** Where the generated secret lies. */
export function secretFile(config: SecretConfig): string {
  return join(config.dataDir, 'jwt-secret');
}

/** The secret that tokens are signed with, made when it is missing. */
export async function loadSecret(config: SecretConfig): Promise<Uint8Array> {
  if (config.jwtSecret !== null) return new TextEncoder().encode(config.jwtSecret);
  const file = secretFile(config);
  try {
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
    await writeFile(file, `${randomBytes(secretBytes).toString('base64url')}\n`, {
      flag: 'wx',
      mode: 0o600,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unreadable(file, error);
  }
  try {
    return new TextEncoder().encode((await readFile(file, 'utf8')).trim());
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): FleetwireError {
  return new FleetwireError(
    'CONFIG_INVALID',
    `cannot read or make ${file} (${messageOf(error)}): check FLEETWIRE_DATA_DIR or set FLEETWIRE_JWT_SECRET`,
  );
}

/** Refuses to listen beyond this machine with a secret that nobody chose. */
export function requireLoopback(config: Config): void {
  const isChosen = config.jwtSecret !== null || config.jwksUrl !== null;
  if (isChosen || isLoopback(config.host)) return;
  throw new FleetwireError(
    'CONFIG_INVALID',
    `FLEETWIRE_HOST is ${config.host}, but without FLEETWIRE_JWT_SECRET or FLEETWIRE_JWKS_URL the engine listens on loopback only`,
  );
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
