/**
 * HTTP replies on their way out, without knowing the library that sends them.
 * Invariant: nothing is written to a response whose client has gone; every request that stays is answered,
 * also where its page could not be made.
 * Bound: one reply a request, as large as its route made it.
 */
import type { HttpReply, Routes } from './routes.ts';

/** What a reply needs of uWebSockets.js's response. */
export interface Response {
  onAborted(handler: () => void): unknown;
  cork(write: () => void): unknown;
  writeStatus(status: string): unknown;
  writeHeader(name: string, value: string): unknown;
  end(body: string): unknown;
  endWithoutBody(bodyBytes: number, isClose: boolean): unknown;
}

const failed: HttpReply = {
  status: '500 Internal Server Error',
  contentType: 'text/plain; charset=utf-8',
  body: 'the page could not be made\n',
};

/** Answers a request that is no upgrade. */
export function answer(routes: Routes, res: Response, method: string, path: string): void {
  let isAborted = false;
  res.onAborted(() => {
    isAborted = true;
  });
  const finish = (reply: HttpReply): void => {
    if (!isAborted) res.cork(() => writeReply(res, reply, method === 'head'));
  };
  routes(method, path).then(finish, () => finish(failed));
}

export function writeReply(res: Response, reply: HttpReply, isHead: boolean): void {
  res.writeStatus(reply.status);
  res.writeHeader('content-type', reply.contentType);
  for (const [name, value] of Object.entries(reply.headers ?? {})) res.writeHeader(name, value);
  if (isHead) res.endWithoutBody(Buffer.byteLength(reply.body), false);
  else res.end(reply.body);
}
