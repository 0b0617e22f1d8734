/**
 * What the live plane gives to a connection's subscriptions, and what one of these is. No code.
 * Invariant: `end` is called once, and nothing afterwards.
 */
import type { Clock } from '../clock.ts';
import type { RefusalName } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Codec } from '../wire/encode.ts';
import type { Plain } from '../wire/types.ts';
import type { Announcer } from './announcer.ts';
import type { Audiences } from './audience.ts';
import type { FeedSocket } from './feed.ts';
import type { Presence } from './presence.ts';
import type { Publisher } from './publisher.ts';
import type { Recovery } from './recovery.ts';
import type { ReplayPlaces } from './replayplaces.ts';
import type { States } from './states.ts';
import type { Tracks } from './tracks.ts';
import type { TripStories } from './tripstories.ts';
import type { Vehicles } from './vehicles.ts';

/** The stages of the live plane, the same for all connections. */
export interface Plane {
  readonly publisher: Publisher;
  readonly audiences: Audiences;
  readonly vehicles: Vehicles;
  readonly presence: Presence;
  readonly states: States;
  readonly recovery: Recovery;
  readonly announcer: Announcer;
  readonly tracks: Tracks;
  readonly replayPlaces: ReplayPlaces;
  readonly stories: TripStories;
  /** Names this run of the engine: positions have no history that would outlive it. */
  readonly epoch: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Limits;
}

/** What a subscription needs of its connection. */
export interface Listener {
  readonly socket: FeedSocket;
  readonly codec: Codec;
  /** The identity now; a refreshed token replaces it. */
  identity(): Identity;
  /** Answers a request. */
  succeed(request: number, result: Plain): void;
  refuse(request: number, reason: RefusalName): void;
}

/** One topic of one connection. */
export interface Subscription {
  /** The socket has room again, and what was gathered is published. */
  drained(nowMs: number): void;
  /** A frame of positions was not delivered. */
  lost(nowMs: number): void;
  /** A new token is in force; false where it does not allow the topic any more. */
  refreshed(): boolean;
  end(): void;
}
