import { existsSync, linkSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from '../../src/journal/lock.ts';
import { openFiles, temporaryDirectory } from './fixture.ts';
import { startChild } from './process.ts';

const locked = {
  name: 'FleetwireError',
  code: 'JOURNAL_LOCKED',
  message: expect.stringMatching(/FLEETWIRE_DATA_DIR/) as string,
};

describe('the lock of a directory', () => {
  it('is held by one at a time, and free again after its release', async () => {
    const dir = temporaryDirectory();
    const lock = await lockDirectory(dir);
    await expect(lockDirectory(dir)).rejects.toMatchObject(locked);
    await expect(lockDirectory(dir)).rejects.toMatchObject(locked);
    await lock.release();
    expect(readdirSync(dir)).toEqual([]);
    const next = await lockDirectory(dir);
    await lock.release();
    await expect(lockDirectory(dir)).rejects.toMatchObject(locked);
    await next.release();
  });

  it('leaves other directories alone', async () => {
    const locks = await Promise.all(
      [temporaryDirectory(), temporaryDirectory()].map(lockDirectory),
    );
    await Promise.all(locks.map((lock) => lock.release()));
    expect(locks).toHaveLength(2);
  });

  it('goes to one of many that come at once', async () => {
    const dir = temporaryDirectory();
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(dir)));
    const held = results.filter((result) => result.status === 'fulfilled');
    expect(held).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject(locked);
    }
    await held[0]?.value.release();
  });

  it('of another process holds while that lives, and not after it was killed', async () => {
    const dir = temporaryDirectory();
    const child = startChild(['lock', dir]);
    expect(await child.nextLine()).toBe('locked');
    await expect(lockDirectory(dir)).rejects.toMatchObject(locked);
    await child.kill();
    expect(existsSync(join(dir, 'lock'))).toBe(true);
    const lock = await lockDirectory(dir);
    await expect(lockDirectory(dir)).rejects.toMatchObject(locked);
    await lock.release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('that is dead goes to one of many processes that find it at once', async () => {
    const dir = temporaryDirectory();
    const children = Array.from({ length: 4 }, () => startChild(['contend', dir]));
    const answers = (): Promise<readonly (string | null)[]> =>
      Promise.all(children.map((child) => child.nextLine()));
    expect(await answers()).toEqual(['ready', 'ready', 'ready', 'ready']);
    for (let round = 0; round < 50; round++) {
      await leaveDeadLock(dir);
      for (const child of children) child.tell('lock');
      const answered = await answers();
      expect(answered.filter((answer) => answer === 'locked')).toHaveLength(1);
      expect(answered.filter((answer) => answer === 'refused')).toHaveLength(3);
      for (const child of children) child.tell('release');
      await answers();
      expect(readdirSync(dir)).toEqual([]);
    }
    await Promise.all(children.map((child) => child.kill()));
  });

  it('is taken over even where its guard is dead too', async () => {
    const dir = temporaryDirectory();
    await leaveDeadLock(dir);
    renameSync(join(dir, 'lock'), join(dir, 'lock.new'));
    await leaveDeadLock(dir);
    const lock = await lockDirectory(dir);
    expect(readdirSync(dir)).toEqual(['lock']);
    await lock.release();
  });

  it('keeps no process alive', async () => {
    const child = startChild(['pass', temporaryDirectory()]);
    expect(await child.nextLine()).toBe('locked');
    expect(await child.nextLine()).toBeNull();
  });

  it('refuses a path that no socket can have, and takes one that is short from here', async () => {
    const deep = join(temporaryDirectory(), 'd'.repeat(50), 'e'.repeat(50));
    mkdirSync(deep, { recursive: true });
    await expect(lockDirectory(deep)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/FLEETWIRE_DATA_DIR/) as string,
    });
    const before = process.cwd();
    process.chdir(deep);
    try {
      const lock = await lockDirectory(deep);
      await expect(lockDirectory(deep)).rejects.toMatchObject(locked);
      await lock.release();
    } finally {
      process.chdir(before);
    }
  });

  it('says what is wrong where there is no directory', async () => {
    await expect(lockDirectory(join(temporaryDirectory(), 'missing'))).rejects.toMatchObject({
      code: 'JOURNAL_IO',
      message: expect.stringMatching(/FLEETWIRE_DATA_DIR/) as string,
    });
  });

  it.skipIf(process.platform !== 'linux')('leaves no socket open', async () => {
    const dir = temporaryDirectory();
    const before = openFiles('socket:').size;
    const lock = await lockDirectory(dir);
    await expect(lockDirectory(dir)).rejects.toMatchObject(locked);
    expect(openFiles('socket:').size).toBe(before + 1);
    const socket = connect(join(dir, 'lock'));
    await once(socket, 'close');
    await lock.release();
    expect(openFiles('socket:').size).toBe(before);
  });
});

/** A socket that nobody listens on any more, as an engine leaves it that was killed. */
async function leaveDeadLock(dir: string): Promise<void> {
  const server = createServer().listen(join(dir, 'closed'));
  await once(server, 'listening');
  linkSync(join(dir, 'closed'), join(dir, 'lock'));
  server.close();
  await once(server, 'close');
}
