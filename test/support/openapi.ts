/**
 * docs/openapi.json as a judge of answers: the schema of a path, a method and a status, and whether JSON is of it.
 * Invariant: objects are closed here, though they are not in the document: an answer with a property that the
 * document does not tell of is wrong, and a new one has to be told of first.
 * Bound: each schema is compiled once.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';

interface Reference {
  readonly $ref: string;
}
export interface Parameter {
  readonly name: string;
  readonly in: string;
}
interface Response {
  readonly content?: Readonly<Record<string, { readonly schema: unknown }>>;
}
export interface OpenApiOperation {
  readonly parameters?: readonly (Parameter | Reference)[];
  readonly responses: Readonly<Record<string, Response | Reference>>;
  readonly security?: readonly unknown[];
}
export type PathItem = Readonly<Record<string, OpenApiOperation>> & {
  readonly parameters?: readonly (Parameter | Reference)[];
};
/** What the tests look at. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: {
    readonly parameters: Readonly<Record<string, Parameter>>;
    readonly schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
}

/** An answer, and what it answers. */
export interface Observed {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly contentType: string | null;
  readonly json: unknown;
}

export interface Judge {
  readonly document: OpenApi;
  /** Throws where the document does not tell of the answer. */
  check(observed: Observed): void;
  resolve<T>(item: T | Reference): T;
}

let judge: Judge | null = null;

export function openApiOf(): Judge {
  return (judge ??= createJudge());
}

function createJudge(): Judge {
  const text = readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8');
  const document = JSON.parse(text) as OpenApi;
  const ajv = new Ajv2020({ strictTypes: false, formats: { uuid: /^[0-9a-f-]{36}$/ } });
  ajv.addVocabulary(Object.keys(document));
  ajv.addSchema(closed(document) as object, 'openapi.json');
  const compiled = new Map<string, ValidateFunction>();

  function resolve<T>(item: T | Reference): T {
    if (typeof item !== 'object' || item === null || !('$ref' in item)) return item;
    return pointed(document, item.$ref) as T;
  }

  function schemaOf(pointer: string): ValidateFunction {
    let validate = compiled.get(pointer);
    if (validate === undefined) {
      compiled.set(pointer, (validate = ajv.compile({ $ref: `openapi.json#${pointer}` })));
    }
    return validate;
  }

  function hold(pointer: string, json: unknown, what: string): void {
    const validate = schemaOf(pointer);
    if (!validate(json)) throw new Error(`${what}: ${ajv.errorsText(validate.errors)}`);
  }

  return {
    document,
    resolve,
    check({ method, path, status, contentType, json }) {
      const what = `${method} ${path} ${status}`;
      if (status >= 400) hold('/components/schemas/error', json, what);
      const template = templateOf(document, path.split('?')[0] ?? '');
      const operation =
        template === null ? undefined : document.paths[template]?.[method.toLowerCase()];
      // What is at no path, or takes no such method, is in no document.
      if (template === null || operation === undefined) {
        if (status === 404 || status === 405 || status === 403) return;
        throw new Error(`${what}: docs/openapi.json does not know it`);
      }
      const told = operation.responses[String(status)];
      if (told === undefined) throw new Error(`${what}: docs/openapi.json has no such status`);
      const { content } = resolve(told);
      const type = (contentType ?? '').split(';')[0] ?? '';
      if (content === undefined) return;
      if (content[type] === undefined) throw new Error(`${what}: ${type} is not told of`);
      const isRef = '$ref' in told;
      const base = isRef
        ? told.$ref.slice(1)
        : `${pointerTo(template, method)}/responses/${status}`;
      if (json !== null) hold(`${base}/content/${escaped(type)}/schema`, json, what);
    },
  };
}

function templateOf({ paths }: OpenApi, path: string): string | null {
  const parts = path.split('/');
  const isMatch = (template: string): boolean => {
    const wanted = template.split('/');
    return (
      wanted.length === parts.length &&
      wanted.every((part, index) => part.startsWith('{') || part === parts[index])
    );
  };
  return Object.keys(paths).find(isMatch) ?? null;
}

function pointerTo(template: string, method: string): string {
  return `/paths/${escaped(template)}/${method.toLowerCase()}`;
}

function escaped(part: string): string {
  const pointer = part.replaceAll('~', '~0').replaceAll('/', '~1');
  return encodeURIComponent(pointer);
}

function pointed(document: unknown, ref: string): unknown {
  let value = document;
  for (const part of ref.slice(2).split('/')) {
    value = (value as Record<string, unknown>)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return value;
}

/** The same with every object closed that says what it has. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => [name, closed(item)]);
  const isObject = 'properties' in value && 'type' in value;
  const own = Object.fromEntries(entries) as Record<string, unknown>;
  return isObject ? { ...own, additionalProperties: false } : own;
}
