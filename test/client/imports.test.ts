/**
 * What a bundler finds on the way from `fleetwire/client`: the client runs in browsers, where there is no
 * `node:` module and no engine.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const entry = new URL('../../src/client/index.ts', import.meta.url);
const imported = /(?:\bfrom|\bimport\()\s*'([^']+)'/g;

/** Every module that `entry` reaches by imports that are not of types alone. */
async function reach() {
  const files = new Set<string>([entry.href]);
  const packages = new Set<string>();
  for (const file of files) {
    const text = await readFile(new URL(file), 'utf8');
    const code = text.replaceAll(/^(?:import|export) type [^;]+;/gm, '');
    for (const [, name] of code.matchAll(imported)) {
      if (name!.startsWith('.')) files.add(new URL(name!, file).href);
      else packages.add(name!);
    }
  }
  return { files: [...files].map((file) => fileURLToPath(file)), packages };
}

it('imports its own files, wire and the leaves, and two packages that browsers can have', async () => {
  const { files, packages } = await reach();
  expect(files.length).toBeGreaterThan(25);
  const allowed =
    /\/src\/(?:client\/\w+|wire\/\w+|clock|errors|(?:api|client|desk|fleet|replay)?limits)\.ts$/;
  expect(files.filter((file) => !allowed.test(file))).toEqual([]);
  // `ws` is imported only where the platform has no WebSocket; a bundler takes its stub for browsers.
  expect(packages).toEqual(new Set(['msgpackr', 'ws']));
});
