/**
 * Replies of the API: JSON, with what caches may do, and not sent again to whoever has it already.
 * Invariant: what is about people or vehicles is stored by no cache; the tag of a reply is that of its bytes.
 * Bound: a hash of each reply that is sent whole.
 */
import { createHash } from 'node:crypto';
import type { HttpReply } from '../http.ts';

/** Caches must not keep it: where somebody was is personal. */
export const personal = { 'cache-control': 'no-store' } as const;

export function jsonReply(value: unknown, headers: Readonly<Record<string, string>> = personal) {
  return {
    status: '200 OK',
    contentType: 'application/json',
    body: `${JSON.stringify(value)}\n`,
    headers,
  } satisfies HttpReply;
}

/** With its tag; where `ifNoneMatch` has that tag, the reply that says so and no more. */
export function taggedReply(reply: HttpReply, ifNoneMatch: string): HttpReply {
  if (typeof reply.body !== 'string' || !reply.status.startsWith('200')) return reply;
  const hash = createHash('sha256').update(reply.body).digest('base64url').slice(0, 22);
  const etag = `"${hash}"`;
  const headers = { ...reply.headers, etag };
  const tags = new Set(ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, '')));
  if (!tags.has(etag) && !tags.has('*')) return { ...reply, headers };
  return { status: '304 Not Modified', contentType: null, body: null, headers };
}
