/**
 * What the API is made of: resources, which have a path and an operation for each method they take.
 * Invariant: an operation is called only for a caller whose token is good, with a query that its schema has
 * read; what it refuses is a value.
 * Bound: a path has as many parts as its resource.
 */
import type { z } from 'zod';
import type { Identity } from '../../identity.ts';
import type { Body, HttpReply } from '../http.ts';
import type { Refused } from '../refusal.ts';

/** Who asks for what. */
export interface Asked {
  readonly identity: Identity;
  /** The parts of the path that have a name, decoded. */
  readonly path: Readonly<Record<string, string>>;
  body(): Promise<Body>;
}

export type Answer = HttpReply | Refused;

export interface Operation {
  /** The names of the parameters of its query. */
  readonly parameters: readonly string[];
  /** Reads the query and answers. */
  answer(asked: Asked, query: URLSearchParams): Answer | Promise<Answer>;
}

export type Method = 'get' | 'post' | 'put' | 'delete';

export interface Resource {
  /** `/v1/vehicles/{vehicle}` */
  readonly path: string;
  /** Asked without a token. */
  readonly isPublic?: boolean;
  readonly operations: Readonly<Partial<Record<Method, Operation>>>;
}

/** An operation whose query is read by `schema`; a parameter that it does not know is refused. */
export function operation<Query extends z.ZodObject>(
  schema: Query,
  answer: (asked: Asked, query: z.infer<Query>) => Answer | Promise<Answer>,
): Operation {
  const parameters = Object.keys(schema.shape);
  return {
    parameters,
    answer(asked, query) {
      const wrong = [...query.keys()].find(
        (name) => !parameters.includes(name) || query.getAll(name).length > 1,
      );
      if (wrong !== undefined) {
        const known = parameters.length === 0 ? 'none' : parameters.join(', ');
        return { refused: 'badQuery', detail: `each once, of these: ${known}` };
      }
      const parsed = schema.safeParse(Object.fromEntries(query));
      if (parsed.success) return answer(asked, parsed.data);
      const detail = parsed.error.issues.map(
        ({ path, message }) => `${path.join('.')}: ${message}`,
      );
      return { refused: 'badQuery', detail: detail.join('; ') };
    },
  };
}

/** Where a path leads: the resource, and the named parts of the path. */
export interface Match {
  readonly resource: Resource;
  readonly path: Readonly<Record<string, string>>;
}

export function matchResource(resources: readonly Resource[], path: string): Match | null {
  const parts = path.split('/');
  for (const resource of resources) {
    const named = matchParts(resource.path.split('/'), parts);
    if (named !== null) return { resource, path: named };
  }
  return null;
}

function matchParts(
  template: readonly string[],
  parts: readonly string[],
): Record<string, string> | null {
  if (template.length !== parts.length) return null;
  const named: Record<string, string> = {};
  for (const [index, wanted] of template.entries()) {
    const part = parts[index] ?? '';
    if (wanted.startsWith('{')) {
      const decoded = decodePart(part);
      if (decoded === null) return null;
      named[wanted.slice(1, -1)] = decoded;
    } else if (wanted !== part) {
      return null;
    }
  }
  return named;
}

function decodePart(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
