/**
 * The calls of the subscriber plane over HTTP: the body is what a call has as its parameters, the answer its
 * result.
 * Invariant: the same calls, the same access, the same refusals; a call that was begun is not taken back by a
 * client that leaves.
 * Bound: `apiBodyBytesMax`, and `apiQueryDeadlineMs` for the answer.
 */
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import type { Limits } from '../../limits.ts';
import type { Call } from '../../live/calls.ts';
import type { Plain } from '../../wire/types.ts';
import type { Body } from '../http.ts';
import type { Refused } from '../refusal.ts';
import { jsonReply } from './reply.ts';
import { operation, type Answer, type Operation } from './resource.ts';

export interface CallOptions {
  readonly call: Call;
  readonly clock: Clock;
  readonly bounds: Pick<Limits, 'apiQueryDeadlineMs'>;
}

/** POST /v1/calls/{method} */
export function postCall({ call, clock, bounds }: CallOptions): Operation {
  return operation(z.object({}), async ({ identity, path, body }) => {
    const params = jsonOf(await body());
    if ('refused' in params) return params;
    return new Promise<Answer>((resolve) => {
      const timer = clock.after(bounds.apiQueryDeadlineMs, () =>
        resolve({ refused: 'callTimedOut' }),
      );
      const settle = (answer: Answer): void => {
        timer.cancel();
        resolve(answer);
      };
      call(identity, path['method'] ?? '', params.value, {
        succeed: (result) => settle(jsonReply(result)),
        refuse: (refused) => settle({ refused }),
      });
    });
  });
}

/** The value of a body of JSON; null where it is empty. */
export function jsonOf(body: Body): { readonly value: Plain } | Refused {
  if ('refused' in body) return body;
  if (body.text === '') return { value: null };
  try {
    return { value: JSON.parse(body.text) as Plain };
  } catch {
    return { refused: 'badBody' };
  }
}
