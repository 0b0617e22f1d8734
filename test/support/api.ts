/**
 * The HTTP API of a test engine, as somebody with a token.
 * Invariant: every answer that is JSON is held against docs/openapi.json, for its path, method and status, so that
 * no test can be content with an answer that the document does not tell of.
 * Bound: one request at a time unless the test makes more.
 */
import { expect } from 'vitest';
import { isTemporary, refusals, type RefusalName } from '../../src/errors.ts';
import { openApiOf } from './openapi.ts';
import { testToken, type TestEngine } from './engine.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Null where it is no JSON. */
  readonly json: Record<string, unknown> | null;
}

export interface ApiRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type ApiUser = Parameters<typeof testToken>[0];

export interface Api {
  /** Asks with the token of the user; null asks with none. */
  ask(user: ApiUser | null, path: string, request?: ApiRequest): Promise<ApiAnswer>;
  /** The JSON of a GET that must succeed. */
  get(user: ApiUser | null, path: string): Promise<Record<string, unknown>>;
  /** The items of all pages, which follow each other by `cursor`. */
  all<Item>(user: ApiUser, path: string, items: string): Promise<Item[]>;
  /** Expects the refusal of `act`, with its status, its JSON and its count. */
  refused(name: RefusalName, status: number, act: () => Promise<ApiAnswer>): Promise<ApiAnswer>;
}

export function createApi(engine: () => TestEngine): Api {
  const tokens = new Map<string, string>();

  async function headersOf(user: ApiUser | null): Promise<Record<string, string>> {
    if (user === null) return {};
    const key = JSON.stringify(user);
    const token = tokens.get(key) ?? (await testToken(user));
    tokens.set(key, token);
    return { authorization: `Bearer ${token}` };
  }

  async function ask(
    user: ApiUser | null,
    path: string,
    { method = 'GET', headers = {}, body }: ApiRequest = {},
  ): Promise<ApiAnswer> {
    const response = await fetch(`${engine().url}${path}`, {
      method,
      headers: { ...(await headersOf(user)), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
    const json = isJson ? (JSON.parse(text) as Record<string, unknown>) : null;
    const { status } = response;
    if (method !== 'HEAD' && method !== 'OPTIONS') {
      const contentType = response.headers.get('content-type');
      openApiOf().check({ method, path, status, contentType, json });
    }
    return { status, headers: response.headers, text, json };
  }

  async function get(user: ApiUser | null, path: string): Promise<Record<string, unknown>> {
    const answer = await ask(user, path);
    if (answer.status !== 200 || answer.json === null) {
      throw new Error(`${path}: ${answer.status} ${answer.text}`);
    }
    return answer.json;
  }

  async function all<Item>(user: ApiUser, path: string, items: string): Promise<Item[]> {
    const found: Item[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await get(user, cursor === '' ? path : `${path}&cursor=${cursor}`);
      found.push(...(page[items] as Item[]));
      cursor = page['next'] as string | null;
    }
    return found;
  }

  async function refused(
    name: RefusalName,
    status: number,
    act: () => Promise<ApiAnswer>,
  ): Promise<ApiAnswer> {
    const counter = `fleetwire_refused_total{reason="${name}"}`;
    const before = await engine().counter(counter);
    const answer = await act();
    const { code, message } = refusals[name];
    expect(answer.json).toMatchObject({ error: name, code, message, temporary: isTemporary(name) });
    expect(answer.status).toBe(status);
    expect(await engine().counter(counter)).toBe(before + 1);
    return answer;
  }

  return { ask, get, all, refused };
}
