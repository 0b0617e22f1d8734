import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDurableFs, flushTree } from '../../src/store/durable.ts';

let directory: string;
let database: PGlite;
let flushes = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetwire-test-'));
  database = await PGlite.create({
    fs: createDurableFs(join(directory, 'database'), () => (flushes += 1)),
  });
  await database.exec('create table counted (number integer)');
});

afterAll(async () => {
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

async function flushesOf(work: () => Promise<unknown>): Promise<number> {
  const before = flushes;
  await work();
  return flushes - before;
}

describe('a durable file system', () => {
  it('flushes with every commit', async () => {
    for (let number = 0; number < 5; number++) {
      expect(
        await flushesOf(() => database.query('insert into counted values ($1)', [number])),
      ).toBeGreaterThanOrEqual(1);
    }
  });

  it('flushes a transaction once, however many statements it has', async () => {
    const count = await flushesOf(() =>
      database.transaction(async (transaction) => {
        for (let number = 0; number < 20; number++) {
          await transaction.query('insert into counted values ($1)', [number]);
        }
      }),
    );
    expect(count).toBe(1);
  });

  it('does not flush for a query', async () => {
    expect(await flushesOf(() => database.query('select count(*) from counted'))).toBe(0);
  });

  it('flushes files and directories at a checkpoint', async () => {
    expect(await flushesOf(() => database.exec('checkpoint'))).toBeGreaterThan(3);
  });

  it('can flush a whole tree', async () => {
    await expect(flushTree(directory)).resolves.toBeUndefined();
    await expect(flushTree(join(directory, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
