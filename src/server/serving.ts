/**
 * HTTP, made and joined: the pages of the engine and the API.
 * Invariant: the API answers while the gateway takes connections, and refuses before and after.
 * Bound: made once, at the start.
 */
import { randomUUID } from 'node:crypto';
import { messageOf } from '../errors.ts';
import type { FenceIndex } from '../fleet/fenceindex.ts';
import type { Call } from '../live/calls.ts';
import { createServe, type Serve } from './answer.ts';
import { createApi } from './api/api.ts';
import { createResources } from './api/resources.ts';
import type { Verify } from './auth.ts';
import { createExposition } from './exposition.ts';
import { gaugesOf } from './gauges.ts';
import type { Revocations } from './revocations.ts';
import { createRoutes } from './routes.ts';
import type { Stages } from './stages.ts';
import type { Context, Storage } from './storage.ts';

export interface ServingOptions {
  readonly context: Context;
  readonly storage: Storage;
  readonly stages: Stages;
  readonly fences: FenceIndex;
  readonly call: Call;
  readonly verify: Verify;
  readonly isRevoked: Revocations['isRevoked'];
}

export function createServing(options: ServingOptions): Serve {
  const { context, storage, stages, fences, call, verify, isRevoked } = options;
  const { config, clock, metrics, log } = context;
  const { bounds } = config;
  const { journal, reader, vehicles, epoch } = storage;
  const isAccepting = (): boolean => stages.gateway?.isAccepting === true;
  const unready = (): string | null => {
    if (!isAccepting()) return 'the engine is starting or stopping';
    return journal.isNearlyFull ? 'the journal is nearly full' : null;
  };
  const api = createApi({
    resources: createResources({
      vehicles,
      reader,
      tripTotals: stages.tripTotals,
      call,
      fences,
      newId: randomUUID,
      epoch,
      clock,
      metrics,
      bounds,
    }),
    origins: config.origins,
    verify,
    isRevoked,
    isAccepting,
    onError: (error) => log.warn({ cause: messageOf(error) }, 'a query of the API failed'),
    clock,
    metrics,
    bounds,
  });
  const exposition = createExposition(metrics, gaugesOf(storage, stages));
  const routes = createRoutes({ unready, exposition, metrics, api });
  const onError = (error: unknown): void =>
    log.error({ cause: messageOf(error) }, 'a page could not be made');
  return createServe({ routes, clock, metrics, bounds, onError });
}
