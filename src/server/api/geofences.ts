/**
 * Geofences: list, read, create, replace, remove.
 * Invariant: what is in memory counts for fixes, and is what the database has: a change that the database does not
 * take is taken back. Changes come one after the other. An edit of what fixes are measured by begins a version of
 * its own, with the time of the edit.
 * Bound: that of the index for geofences, of readFence for each, `apiBodyBytesMax` for a body.
 */
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { fenceOf, isFenceId, isSameRule, readFence, type FenceDraft } from '../../fleet/fence.ts';
import type { FenceIndex } from '../../fleet/fenceindex.ts';
import type { Identity } from '../../identity.ts';
import type { Limits } from '../../limits.ts';
import { mayKeepGeofences, mayReadGeofences } from '../../live/access.ts';
import { createGate } from '../../store/gate.ts';
import {
  findGeofence,
  listGeofences,
  removeGeofence,
  saveGeofence,
  type StoredGeofence,
} from '../../store/geofences.ts';
import type { Reader } from '../../store/reader.ts';
import type { PlainMap } from '../../wire/types.ts';
import type { Body } from '../http.ts';
import type { Refused } from '../refusal.ts';
import { jsonOf } from './calls.ts';
import { cursorText, geofenceCursor, makeCursor, readCursor } from './cursor.ts';
import { countOf } from './query.ts';
import { jsonReply, personal } from './reply.ts';
import { operation, type Answer, type Asked, type Operation, type Resource } from './resource.ts';

export interface GeofencesOptions {
  readonly reader: Pick<Reader, 'ask'>;
  readonly fences: Pick<FenceIndex, 'put' | 'remove' | 'newest'>;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly bounds: Limits;
}

export function geofenceResources(options: GeofencesOptions): readonly Resource[] {
  const { reader, fences, clock, bounds } = options;
  // The database and the index are to change in the same order.
  const gate = createGate();

  async function keep(identity: Identity, id: string, body: Body): Promise<Answer> {
    const read = jsonOf(body);
    if ('refused' in read) return read;
    const draft = readFence(read.value, bounds);
    if ('refused' in draft) return draft;
    return gate.run(() => save(identity, id, draft));
  }

  async function save(identity: Identity, id: string, draft: FenceDraft): Promise<Answer> {
    const { tenant } = identity;
    const before = await reader.ask((sql) => findGeofence(sql, tenant, id));
    const stored = storedOf(identity, id, draft, before);
    const fence = fenceOf(stored, bounds);
    if ('refused' in fence) return fence;
    const old = fences.newest(tenant, id);
    const refused = fences.put(fence);
    if (refused !== null) return { refused };
    try {
      await reader.ask((sql) => saveGeofence(sql, stored));
    } catch (error) {
      if (old === null) fences.remove(tenant, id);
      else fences.put(old);
      throw error;
    }
    return jsonReply(featureOf(stored));
  }

  function storedOf(
    { tenant, subject }: Identity,
    id: string,
    { shape, ...draft }: FenceDraft,
    before: StoredGeofence | null,
  ): StoredGeofence {
    const nowMs = clock.nowMs();
    return {
      tenant,
      id,
      ...draft,
      validFromMs: versionOf(before, { shape, ...draft }, nowMs),
      validToMs: null,
      createdAtMs: before?.createdAtMs ?? nowMs,
      createdBy: before?.createdBy ?? subject,
      updatedAtMs: nowMs,
      updatedBy: subject,
    };
  }

  /** From when on the draft counts: as long as the version before where fixes are measured by the same. */
  function versionOf(before: StoredGeofence | null, draft: FenceDraft, nowMs: number): number {
    if (before === null) return nowMs;
    const old = fenceOf(before, bounds);
    if (!('refused' in old) && isSameRule(old, draft)) return before.validFromMs;
    return Math.max(nowMs, before.validFromMs + 1);
  }

  async function remove(identity: Identity, id: string): Promise<Answer> {
    const { tenant, subject } = identity;
    const isThere = await reader.ask((sql) =>
      removeGeofence(sql, tenant, id, clock.nowMs(), subject),
    );
    // Also where the database has it no more: an answer that was lost may have removed it.
    fences.remove(tenant, id);
    if (!isThere) return { refused: 'unknownGeofence' };
    return { status: '204 No Content', contentType: null, body: null, headers: personal };
  }

  const listQuery = z.object({
    limit: countOf(bounds.geofencesPageRowsMax - 1).default(rowsDefault),
    cursor: cursorText.optional(),
  });
  const list = operation(listQuery, async ({ identity }, { limit, cursor }) => {
    if (!mayReadGeofences(identity)) return { refused: 'notAllowed' };
    const after = readCursor(geofenceCursor, cursor);
    if (after === undefined) return { refused: 'badCursor' };
    const page = await reader.ask((sql) =>
      listGeofences(sql, identity.tenant, after ?? '', limit + 1),
    );
    const shown = page.slice(0, limit);
    const last = shown.at(-1);
    const isMore = page.length > limit && last !== undefined;
    const next = isMore ? makeCursor(geofenceCursor, last.id) : null;
    return jsonReply({ type: 'FeatureCollection', features: shown.map(featureOf), next });
  });
  const create = writing(async ({ identity, body }) =>
    keep(identity, options.newId(), await body()),
  );
  const get = one(mayReadGeofences, async ({ identity }, id) => {
    const stored = await reader.ask((sql) => findGeofence(sql, identity.tenant, id));
    return stored === null ? { refused: 'unknownGeofence' } : jsonReply(featureOf(stored));
  });
  const put = one(mayKeepGeofences, async ({ identity, body }, id) =>
    keep(identity, id, await body()),
  );
  const drop = one(mayKeepGeofences, ({ identity }, id) => gate.run(() => remove(identity, id)));
  return [
    { path: '/v1/geofences', operations: { get: list, post: create } },
    { path: '/v1/geofences/{geofence}', operations: { get, put, delete: drop } },
  ];
}

/** Geofences of a page, where the query does not say. */
const rowsDefault = 100;
const noQuery = z.object({});
const notAllowed: Refused = { refused: 'notAllowed' };

function writing(answer: (asked: Asked) => Promise<Answer>): Operation {
  return operation(noQuery, (asked) =>
    mayKeepGeofences(asked.identity) ? answer(asked) : notAllowed,
  );
}

/** An operation on one geofence, whose id the path has. */
function one(
  isAllowed: (identity: Identity) => boolean,
  answer: (asked: Asked, id: string) => Promise<Answer>,
): Operation {
  return operation(noQuery, (asked) => {
    const id = asked.path['geofence'] ?? '';
    if (!isAllowed(asked.identity)) return notAllowed;
    return isFenceId(id) ? answer(asked, id) : { refused: 'unknownGeofence' };
  });
}

/** As it is put: a Feature, with who changed it and when among its properties. */
function featureOf(stored: StoredGeofence): PlainMap {
  const { id, name, speedMaxCms, dwellMs, notify, attributes, validFromMs } = stored;
  const { createdAtMs, createdBy, updatedAtMs, updatedBy } = stored;
  const feature = JSON.parse(stored.geojson) as PlainMap & { readonly properties: PlainMap | null };
  const rule = { speedMaxCms, dwellMs, notify };
  const history = { validFromMs, createdAtMs, createdBy, updatedAtMs, updatedBy };
  const free = attributes === null ? null : (JSON.parse(attributes) as PlainMap);
  return {
    ...feature,
    id,
    properties: { ...feature.properties, name, ...rule, attributes: free, ...history },
  };
}
