/**
 * Topics: what a client may name, and what it is called inside the engine.
 * Invariant: the inner name starts with the tenant of the token, never with anything a client sent, so
 * that no topic of another tenant can be reached. `#` and `/` cannot occur in an id.
 * Bound: `topicBytesMax` characters, held by `decode`; an area's cells by `areaCellsMax`.
 */
import type { RefusalName } from '../errors.ts';
import { isUserName, isVehicleId } from '../identity.ts';
import type { Codec } from '../wire/encode.ts';
import { coverOf, type Bounds, type CellRange } from './grid.ts';

export interface AreaTopic {
  readonly kind: 'area';
  readonly range: CellRange;
}

/** What positions are published to. */
export type PositionTopic =
  { readonly kind: 'vehicle'; readonly vehicleId: string } | { readonly kind: 'fleet' } | AreaTopic;

/** What has offsets, and can be recovered. */
export type EventTopic =
  | { readonly kind: 'trip'; readonly tripId: string }
  | { readonly kind: 'notification'; readonly user: string }
  | { readonly kind: 'emergency' };

/** The positions of a trip's vehicle, on the trip's topic. */
export interface TripPositions {
  readonly kind: 'tripPositions';
  readonly tripId: string;
  readonly vehicleId: string;
  /** Older fixes are not of the trip. */
  readonly sinceMs: number;
}

/** What a feed carries. */
export type FeedTopic = PositionTopic | TripPositions;

export type Topic = PositionTopic | EventTopic | { readonly kind: 'system' };

/** What every frame of an area has as its topic, wherever the area is. */
export const areaTopic = 'area';

/** The topic that `text` names, or why it names none. */
export function parseTopic(
  text: string,
  cellsMax: number,
): Topic | { readonly refused: RefusalName } {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? null : text.slice(colon + 1);
  switch (kind) {
    case 'fleet':
    case 'emergency':
    case 'system':
      return rest === null ? { kind } : { refused: 'badTopic' };
    case 'vehicle':
      return isVehicleId(rest ?? '')
        ? { kind, vehicleId: rest as string }
        : { refused: 'badTopic' };
    case 'trip':
      return isVehicleId(rest ?? '') ? { kind, tripId: rest as string } : { refused: 'badTopic' };
    case 'notification':
      return isUserName(rest ?? '') ? { kind, user: rest as string } : { refused: 'badTopic' };
    case areaTopic: {
      const bounds = parseBounds(rest ?? '');
      return bounds === null ? { refused: 'badArea' } : { kind, range: coverOf(bounds, cellsMax) };
    }
    default:
      return { refused: 'unknownTopic' };
  }
}

export function isEventTopic(topic: Topic): topic is EventTopic {
  return topic.kind === 'trip' || topic.kind === 'notification' || topic.kind === 'emergency';
}

/** What the frames of the topic have as their topic: of an area, the same wherever it is. */
export function topicText(topic: Topic | TripPositions): string {
  switch (topic.kind) {
    case 'vehicle':
      return vehicleTopicText(topic.vehicleId);
    case 'trip':
    case 'tripPositions':
      return tripTopicText(topic.tripId);
    case 'notification':
      return `notification:${topic.user}`;
    default:
      return topic.kind;
  }
}

/** What a topic's frames say, by what a client called it: an area by any of its names. */
export function frameText(asked: string): string {
  return asked.startsWith(`${areaTopic}:`) ? areaTopic : asked;
}

export function vehicleTopicText(vehicleId: string): string {
  return `vehicle:${vehicleId}`;
}

export function tripTopicText(tripId: string): string {
  return `trip:${tripId}`;
}

/** The native topic of a trip's positions, which those leave who lag in them, and not in its events. */
export function tripPositionsText(tripId: string): string {
  return `${tripTopicText(tripId)}#positions`;
}

/** The name of the native topic: one for each codec, because a message is published as it is. */
export function innerTopic(tenant: string, text: string, codec: Codec): string {
  return codec === 'json' ? `${tenant}/${text}#json` : `${tenant}/${text}`;
}

/** The native topic of a grid cell. */
export function cellTopicText(level: number, cell: number): string {
  return `cell:${level}:${cell}`;
}

/** The native topic of what a topic's state is; also those stay in it that have left the topic for a time. */
export function stateTopic(tenant: string, text: string, codec: Codec): string {
  return `${innerTopic(tenant, text, codec)}#state`;
}

const degreesPattern = /^-?\d{1,3}(\.\d{1,7})?$/;

/** `<west>,<south>,<east>,<north>` in degrees; null where that is no area. */
export function parseBounds(text: string): Bounds | null {
  const parts = text.split(',');
  if (parts.length !== 4 || !parts.every((part) => degreesPattern.test(part))) return null;
  const scaled = parts.map((part) => Math.round(Number(part) * 1e7));
  const [westE7 = 0, southE7 = 0, eastE7 = 0, northE7 = 0] = scaled;
  const isOnEarth =
    [westE7, eastE7].every((lonE7) => Math.abs(lonE7) <= 1_800_000_000) &&
    [southE7, northE7].every((latE7) => Math.abs(latE7) <= 900_000_000);
  return isOnEarth && southE7 <= northE7 ? { westE7, southE7, eastE7, northE7 } : null;
}
