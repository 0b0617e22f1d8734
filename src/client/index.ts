/**
 * `fleetwire/client`: the device client and the live client, for browsers and Node.
 * Invariant: nothing here imports a `node:` module or the engine.
 */
export type { AreaResult, SubscribeResult } from './answer.ts';
export type { AreaHandlers, AreaSubscribed } from './area.ts';
export { isWithin, type AreaBounds, type Place } from './bounds.ts';
export type { ConnectionState, TokenSource } from './connection.ts';
export { ConnectionClosedError } from './closed.ts';
export { createDeviceClient, type DeviceClient, type DeviceClientOptions } from './device.ts';
export {
  isFigures,
  isPresence,
  isSummary,
  type FiguresEvent,
  type Presence,
  type PresenceEvent,
  type StateEvent,
  type Summary,
  type SummaryEvent,
  type TopicEvent,
} from './event.ts';
export { createLiveClient, type LiveClient, type LiveClientOptions } from './live.ts';
export type {
  DeviceAck,
  DeviceCommand,
  DeviceDrop,
  DeviceRefusal,
  DeviceStats,
  FixKey,
} from './reports.ts';
export type {
  ReplayAsked,
  ReplayEnd,
  ReplayHandlers,
  Replaying,
  ReplaySilence,
  ReplayState,
} from './replay.ts';
export { LiveError, type LiveErrorKind } from './request.ts';
export type { WebSocketConstructor, WebSocketLike } from './socket.ts';
export type { Conflated } from './stream.ts';
export type { Gap, Subscribed, SubscriptionHandlers } from './subscription.ts';
export type { DeviceFix, Position } from './units.ts';
export { fixFlags, type Plain, type PlainMap } from '../wire/types.ts';
