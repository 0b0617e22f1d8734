/**
 * docs/openapi.json, as it is served: the same for everybody, without a token.
 * Invariant: the tests hold the document against the table of resources, both ways, and the answers of the
 * engine against its schemas.
 * Bound: read once, when the engine starts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { jsonReply } from './reply.ts';
import { operation, type Operation } from './resource.ts';

const file = join('docs', 'openapi.json');

/** GET /v1/openapi.json */
export function getDocument(): Operation {
  const document: unknown = JSON.parse(readFileSync(findDocument(), 'utf8'));
  // It changes with the engine: asked for each time, and sent where it is another.
  const reply = jsonReply(document, { 'cache-control': 'no-cache' });
  return operation(z.object({}), () => reply);
}

/** Beside the sources, and beside what is built of them. */
function findDocument(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, file))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`${file} is not in the package`);
    directory = parent;
  }
  return join(directory, file);
}
