/** The command line as its users meet it: real processes, exit codes, one sentence for each mistake. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { journeyFile } from '../../src/cli/journey.ts';
import { readConfig, settings } from '../../src/config.ts';
import { closeCodes } from '../../src/errors.ts';
import { createVerifier } from '../../src/server/auth.ts';
import { loadSecret } from '../../src/server/secret.ts';
import { runCli } from './run.ts';

let dir: string;
let env: Record<string, string>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fleetwire-cli-'));
  env = { FLEETWIRE_DATA_DIR: dir };
});

afterAll(() => rm(dir, { recursive: true }));

describe('help', () => {
  it('names every command, and every environment variable with its default', async () => {
    const { code, out, err } = await runCli(['--help']);
    expect([code, err]).toEqual([0, '']);
    for (const name of ['serve', 'demo', 'simulate', 'replay FILE.gpx', 'token', 'migrate']) {
      expect(out).toContain(`\n  ${name} `);
    }
    const text = out.replaceAll(/\s+/g, ' ');
    for (const setting of Object.values(settings)) {
      const fallback = setting.fallback === '' ? 'not set' : setting.fallback;
      expect(text).toContain(`${setting.env} ${setting.help} (default: ${fallback})`);
    }
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it.concurrent.each([
    ['serve', []],
    ['demo', ['vehicles', 'dropouts', 'seconds', 'json']],
    [
      'simulate',
      [
        'url',
        'vehicles',
        'interval',
        'jitter',
        'dropouts',
        'seconds',
        'prefix',
        'tenant',
        'token',
        'json',
      ],
    ],
    ['replay', ['vehicle', 'speed', 'now', 'url', 'token', 'json']],
    ['token', ['role', 'sub', 'tenant', 'ttl', 'jti', 'vehicles']],
    ['migrate', []],
  ])('of %s lists its options and the environment', async (command, options) => {
    const { code, out } = await runCli([command, '--help']);
    expect(code).toBe(0);
    for (const option of options) expect(out).toContain(`\n  --${option}`);
    for (const { env: name } of Object.values(settings)) expect(out).toContain(`\n  ${name}`);
  });
});

describe('what cannot be meant', () => {
  it.concurrent.each([
    [[], 'a command is missing (see fleetwire --help)'],
    [['fly'], "there is no command 'fly' (see fleetwire --help)"],
    [['serve', '--port', '1'], "Unknown option '--port' (see fleetwire serve --help)"],
    [['serve', 'now'], "'now' is one argument too many (see fleetwire serve --help)"],
    [['replay'], 'FILE.gpx is missing (see fleetwire replay --help)'],
    [['replay', 'a.gpx'], '--vehicle is missing'],
    [['replay', 'a.gpx', '--vehicle', '../a'], '--vehicle must be 1 to 64'],
    [['replay', 'a.gpx', '--vehicle', 'a', '--speed=-1'], '--speed must be a number'],
    [['replay', 'a.gpx', '--vehicle', 'a', '--speed', '0', '--now'], '--now spaces the fixes'],
    [['replay', 'a.gpx', '--vehicle', 'a', '--url', 'ftp://x'], '--url must be like'],
    [['simulate', '--vehicles', '0'], '--vehicles must be a whole number'],
    [['simulate', '--dropouts', '1'], '--dropouts must be a number from 0 to 0.9'],
    [['simulate', '--tenant', 'A'], '--tenant must be 1 to 32'],
    [['token', '--sub', 'a'], '--role must be one of device, driver'],
    [['token', '--role', 'device'], '--sub is missing'],
    [['token', '--role', 'device', '--sub', 'a', '--ttl', 'soon'], '--ttl must be like'],
    [
      ['token', '--role', 'device', '--sub', 'a', '--vehicles', 'b,,c'],
      "--vehicles: '' is no vehicle",
    ],
    [['token', '--role', 'device', '--sub', 'a', '--jti', ''], '--jti must be 1 to 128'],
    [['demo', '--seconds', '0'], '--seconds must be a number'],
  ])('%j is one sentence and exit code 2', async (args, sentence) => {
    const { code, out, err } = await runCli(args, env);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(sentence);
    expect(err).toMatch(/^fleetwire: [^\n]+\n$/);
  });
});

describe('what cannot be done', () => {
  it('is one sentence, the code of the failure and exit code 1', async () => {
    const bad = join(dir, 'bad.gpx');
    await writeFile(bad, '<gpx>\n<trkpt lat="1" lon="2">\n</trkpt></gpx>');
    const { code, out, err } = await runCli(['replay', bad, '--vehicle', 'a'], env);
    expect([code, out]).toEqual([1, '']);
    expect(err).toBe(`fleetwire: ${bad}:2: a track point has no <time> [FILE_UNREADABLE]\n`);
  });

  it('names the variable that is wrong', async () => {
    const { code, err } = await runCli(['serve'], { ...env, FLEETWIRE_PORT: '99999' });
    expect(code).toBe(1);
    expect(err).toMatch(/^fleetwire: FLEETWIRE_PORT: [^\n]+ \[CONFIG_INVALID\]\n$/);
  });

  it.each([
    ['replay', ['replay', journeyFile, '--vehicle', 'a']],
    ['simulate', ['simulate', '--interval', '0.05']],
  ])('%s says that no engine is there', async (_, args) => {
    // A port that was free a moment ago: nobody listens on it.
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const url = `ws://127.0.0.1:${port}`;
    const { code, err } = await runCli([...args, '--url', url, '--wait', '5'], env);
    expect(code).toBe(1);
    expect(err).toMatch(
      new RegExp(`fleetwire: no engine at ${url}/v1/ingest within 5 s .*ECONNREFUSED.*\\n$`),
    );
  });

  // A scripted peer: the engine's own refusals of tokens are tested with the engine.
  it.each([
    ['replay', ['replay', journeyFile, '--vehicle', 'a', '--token', 't']],
    ['simulate', ['simulate', '--vehicles', '2', '--interval', '0.05']],
  ])('%s says that the engine refuses it', async (_, args) => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (socket) => socket.close(closeCodes.invalidToken, 'not trusted'));
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, err } = await runCli([...args, '--url', url], env);
    await new Promise((resolve) => server.close(resolve));
    expect(code).toBe(1);
    expect(err).toContain(
      `fleetwire: the engine at ${url}/v1/ingest refuses the connection: 3500 not trusted [ENGINE_REFUSED]\n`,
    );
  });
});

describe('token', () => {
  it('prints a token alone that the engine trusts, with what was asked for', async () => {
    const { code, out } = await runCli(
      [
        'token',
        '--role',
        'service',
        '--sub',
        'gw-1',
        '--tenant',
        'acme',
        '--ttl',
        '30m',
        '--vehicles',
        'bus-1, tram-*',
        '--jti',
        'lost-phone',
      ],
      env,
    );
    expect(code).toBe(0);
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const config = readConfig(env);
    const verdict = await createVerifier(config, await loadSecret(config))(out.trim());
    expect(verdict).toMatchObject({
      identity: {
        subject: 'gw-1',
        role: 'service',
        tenant: 'acme',
        vehicles: ['bus-1', 'tram-*'],
        tokenId: 'lost-phone',
      },
    });
    const left = 'identity' in verdict ? verdict.identity.expiresAtMs - Date.now() : 0;
    expect(Math.abs(left - 30 * 60_000)).toBeLessThan(60_000);
  });

  it('does not sign where the keys are elsewhere', async () => {
    const { code, err } = await runCli(['token', '--role', 'admin', '--sub', 'a'], {
      ...env,
      FLEETWIRE_JWKS_URL: 'https://issuer.example/jwks',
    });
    expect(code).toBe(2);
    expect(err).toContain('signed by the owner of those keys');
  });
});
