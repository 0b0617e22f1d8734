/**
 * A geofence: a shape on the map and what is to be told about it, for one span of time.
 * Invariant: a fence never changes. An edit of its rule ends one version and begins another, with the same id;
 * a version counts for fixes from `validFromMs` on and before `validToMs`, and for no others.
 * Bound: what a person may set has its bound in limits.ts and its refusal; foreign members are not kept.
 */
import type { RefusalName } from '../errors.ts';
import { isUserName, isVehicleId, roles } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { StoredGeofence } from '../store/geofences.ts';
import { checkAttributes, isCleanText, type AttributeBounds } from '../wire/attributes.ts';
import { isSameShape, type Shape } from './fenceshape.ts';
import { readShape, type ShapeBounds } from './geojson.ts';

export interface Fence {
  readonly tenant: string;
  readonly id: string;
  readonly name: string;
  readonly shape: Shape;
  readonly speedMaxCms: number | null;
  readonly dwellMs: number | null;
  /** `role:<role>` or `user:<name>`. */
  readonly notify: readonly string[];
  readonly validFromMs: number;
  /** `null` for the version that counts now. */
  readonly validToMs: number | null;
}

/** What a person sends, checked. */
export interface FenceDraft {
  readonly name: string;
  readonly shape: Shape;
  /** The text of a Feature, see geojson.ts. */
  readonly geojson: string;
  readonly speedMaxCms: number | null;
  readonly dwellMs: number | null;
  readonly notify: readonly string[];
  /** JSON text. */
  readonly attributes: string | null;
}

export type FenceBounds = ShapeBounds &
  AttributeBounds &
  Pick<Limits, 'fenceNameCharsMax' | 'fenceDwellMaxMs' | 'fenceNotifyMax'>;

type Refused = { readonly refused: RefusalName };

/** The longest speed limit: no fix is faster. */
const speedMaxCms = 100_000;

/** True for what names a fence: the alphabet of a vehicle's id, which needs no escaping either. */
export const isFenceId = isVehicleId;

/**
 * Reads an untrusted Feature. Its properties: `name`, `radiusM` or `widthM`, and maybe `speedMaxCms`, `dwellMs`,
 * `notify` and `attributes`.
 */
export function readFence(value: unknown, bounds: FenceBounds): FenceDraft | Refused {
  const read = readShape(value, bounds);
  if ('refused' in read) return read;
  const { properties } = value as { readonly properties?: Record<string, unknown> | null };
  const { name, speedMaxCms: speed, dwellMs: dwell, notify, attributes } = properties ?? {};
  if (!isName(name, bounds)) return { refused: 'fenceProperties' };
  if (!isCount(speed, speedMaxCms)) return { refused: 'fenceProperties' };
  if (!isCount(dwell, bounds.fenceDwellMaxMs)) return { refused: 'fenceProperties' };
  if (!isNotify(notify, bounds)) return { refused: 'fenceProperties' };
  const free = checkAttributes(attributes ?? {}, bounds);
  if ('refused' in free) return free;
  return {
    ...read,
    name,
    speedMaxCms: speed ?? null,
    dwellMs: dwell ?? null,
    notify: notify ?? [],
    attributes: attributes === undefined || attributes === null ? null : free.text,
  };
}

/** What is stored was checked once; where the bounds are narrower now it may be refused. */
export function fenceOf(stored: StoredGeofence, bounds: ShapeBounds): Fence | Refused {
  const read = readShape(JSON.parse(stored.geojson), bounds);
  if ('refused' in read) return read;
  return {
    tenant: stored.tenant,
    id: stored.id,
    name: stored.name,
    shape: read.shape,
    speedMaxCms: stored.speedMaxCms,
    dwellMs: stored.dwellMs,
    notify: stored.notify,
    validFromMs: stored.validFromMs,
    validToMs: stored.validToMs,
  };
}

/** True where an edit changes nothing that fixes are measured by: it needs no version of its own. */
export function isSameRule(fence: Fence, draft: FenceDraft): boolean {
  return (
    fence.speedMaxCms === draft.speedMaxCms &&
    fence.dwellMs === draft.dwellMs &&
    isSameShape(fence.shape, draft.shape)
  );
}

export function isValidAt({ validFromMs, validToMs }: Fence, timeMs: number): boolean {
  return timeMs >= validFromMs && (validToMs === null || timeMs < validToMs);
}

function isName(value: unknown, { fenceNameCharsMax }: FenceBounds): value is string {
  if (typeof value !== 'string' || value.length > fenceNameCharsMax) return false;
  return value.trim().length > 0 && isCleanText(value);
}

function isCount(value: unknown, max: number): value is number | null | undefined {
  if (value === undefined || value === null) return true;
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= max;
}

function isNotify(value: unknown, bounds: FenceBounds): value is string[] | null | undefined {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) && value.length <= bounds.fenceNotifyMax && value.every(isAddressee);
}

function isAddressee(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  if (value.startsWith('user:')) return isUserName(value.slice('user:'.length));
  return roles.some((role) => value === `role:${role}`);
}
