import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadNode } from '../../src/server/node.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fleetwire-node-'));
});

afterEach(() => rm(dir, { recursive: true }));

it('is made once and stays', async () => {
  const node = await loadNode(dir);
  expect(node).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(await loadNode(dir)).toBe(node);
  expect(await readFile(join(dir, 'node'), 'utf8')).toBe(`${node}\n`);
});

it('is made although an earlier attempt was cut off', async () => {
  await writeFile(join(dir, 'node.new'), '');
  expect(await loadNode(dir)).toHaveLength(36);
});

it.each(['', 'me', '00000000-0000-0000-0000-00000000000'])('is not taken from %j', async (text) => {
  await writeFile(join(dir, 'node'), text);
  await expect(loadNode(dir)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(join(dir, 'node')) as string,
  });
});

it('says which directory it cannot write to', async () => {
  await expect(loadNode(join(dir, 'none'))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('FLEETWIRE_DATA_DIR') as string,
  });
});
