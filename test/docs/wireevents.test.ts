/** Every event that docs/asyncapi.yaml names is seen on a real socket by some test. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { outingAt } from '../support/outing.ts';

/** By which file of test/integration; those of an outing are seen by vehicleevents.test.ts. */
const seenElsewhere: Readonly<Record<string, string>> = {
  presence: 'presence.test.ts',
  summary: 'presence.test.ts',
  figures: 'presence.test.ts',
  left: 'areas.test.ts',
  skipped: 'replaysilence.test.ts',
  ended: 'replays.test.ts',
  totals: 'tripruns.test.ts',
};

interface Rule {
  readonly if: { readonly prefixItems: readonly { readonly const?: string }[] };
}
interface AsyncApi {
  readonly components: {
    readonly messages: {
      readonly event: {
        readonly payload: { readonly schema: { readonly allOf: readonly Rule[] } };
      };
    };
    readonly schemas: {
      readonly vehicleEventKind: { readonly schema: { readonly enum: readonly string[] } };
    };
  };
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

it('no event of docs/asyncapi.yaml is seen by no test', () => {
  const { messages, schemas } = (parse(read('../../docs/asyncapi.yaml')) as AsyncApi).components;
  const states = messages.event.payload.schema.allOf.flatMap(({ if: { prefixItems } }) => {
    const name = prefixItems[3]?.const;
    return name === undefined ? [] : [name];
  });
  const seen = new Set([
    ...Object.keys(seenElsewhere),
    ...outingAt(0).tales.map(({ kind }) => kind),
  ]);
  expect([...states, ...schemas.vehicleEventKind.schema.enum].toSorted()).toEqual(
    [...seen].toSorted(),
  );
  for (const [name, file] of Object.entries(seenElsewhere)) {
    expect(read(`../integration/${file}`)).toMatch(new RegExp(`\\b${name}\\b`));
  }
});
