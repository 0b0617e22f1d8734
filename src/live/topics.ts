/**
 * Topics: what a client may name, and what it is called inside the engine.
 * Invariant: the inner name starts with the tenant of the token, never with anything a client sent, so
 * that no topic of another tenant can be reached. `#` and `/` cannot occur in an id.
 * Bound: `topicBytesMax` characters, held by `decode`.
 */
import type { RefusalName } from '../errors.ts';
import { isVehicleId } from '../identity.ts';
import type { Codec } from '../wire/encode.ts';

export type Topic =
  { readonly kind: 'vehicle'; readonly vehicleId: string } | { readonly kind: 'fleet' };

/** The topic that `text` names, or why it names none. */
export function parseTopic(text: string): Topic | { readonly refused: RefusalName } {
  if (text === 'fleet') return { kind: 'fleet' };
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  if (kind !== 'vehicle') return { refused: kind === 'fleet' ? 'badTopic' : 'unknownTopic' };
  const vehicleId = text.slice(colon + 1);
  return colon > 0 && isVehicleId(vehicleId)
    ? { kind: 'vehicle', vehicleId }
    : { refused: 'badTopic' };
}

export function topicText(topic: Topic): string {
  return topic.kind === 'fleet' ? 'fleet' : vehicleTopicText(topic.vehicleId);
}

export function vehicleTopicText(vehicleId: string): string {
  return `vehicle:${vehicleId}`;
}

/** The name of the native topic: one for each codec, because a message is published as it is. */
export function innerTopic(tenant: string, text: string, codec: Codec): string {
  return codec === 'json' ? `${tenant}/${text}#json` : `${tenant}/${text}`;
}
