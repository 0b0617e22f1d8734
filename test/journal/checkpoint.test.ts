import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from '../../src/journal/checkpoint.ts';
import { flip, temporaryDirectory } from './fixture.ts';

describe('the checkpoint', () => {
  it.each([true, false])('is absent, saved and replaced (durable: %s)', async (isDurable) => {
    const dir = temporaryDirectory();
    expect(await loadCheckpoint(dir)).toBeNull();
    for (const position of [0, 17, Number.MAX_SAFE_INTEGER]) {
      await saveCheckpoint(dir, position, isDurable);
      expect(await loadCheckpoint(dir)).toBe(position);
    }
    expect(readdirSync(dir)).toEqual(['checkpoint']);
  });

  it('counts as absent with any bit changed, or any byte missing', async () => {
    const dir = temporaryDirectory();
    await saveCheckpoint(dir, 4711, false);
    const path = join(dir, 'checkpoint');
    const bytes = readFileSync(path);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      writeFileSync(path, flip(bytes, bit));
      expect(await loadCheckpoint(dir)).toBeNull();
    }
    for (let cut = 0; cut < bytes.length; cut++) {
      writeFileSync(path, bytes.subarray(0, cut));
      expect(await loadCheckpoint(dir)).toBeNull();
    }
  });
});
