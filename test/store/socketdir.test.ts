import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeSocketDir, socketIn } from '../../src/store/socketdir.ts';

it('a socket directory is for this user, and removes those that nobody uses any more', async () => {
  const deadPid = spawnSync(process.execPath, ['--version']).pid;
  const dead = await mkdtemp(join(tmpdir(), `fleetwire-${deadPid}-`));
  const listening = await mkdtemp(join(tmpdir(), `fleetwire-${deadPid}-`));
  const server = createServer().listen(socketIn(listening));
  await once(server, 'listening');
  const first = await makeSocketDir();
  const second = await makeSocketDir();
  try {
    expect((await stat(first)).mode & 0o777).toBe(0o700);
    expect(existsSync(dead)).toBe(false);
    expect([first, second, listening].map((each) => existsSync(each))).toEqual([true, true, true]);
  } finally {
    server.close();
    for (const each of [first, second, listening]) await rm(each, { recursive: true, force: true });
  }
});
