/**
 * The whole live plane with subscribers on sockets of the tests' own. The journal is one that is durable at once:
 * what the real one does is shown where events and their recovery are tested.
 */
import type { Identity } from '../../src/identity.ts';
import { limits, type Limits } from '../../src/limits.ts';
import { fleetMethods } from '../../src/live/access.ts';
import { createAnnouncer } from '../../src/live/announcer.ts';
import { createAudiences } from '../../src/live/audience.ts';
import { createCalls, type CallHandler, type FleetCalls } from '../../src/live/calls.ts';
import { createChannels } from '../../src/live/channels.ts';
import { createTripStories } from '../../src/live/tripstories.ts';
import { createPresence } from '../../src/live/presence.ts';
import { createPublisher } from '../../src/live/publisher.ts';
import { createRecovery } from '../../src/live/recovery.ts';
import { createReplayPlaces } from '../../src/live/replayplaces.ts';
import { createStates } from '../../src/live/states.ts';
import { createSubscriber, type Subscriber } from '../../src/live/subscriber.ts';
import type { Plane } from '../../src/live/subscription.ts';
import type { Tracks } from '../../src/live/tracks.ts';
import { createVehicles, emptyFix, type Vehicle } from '../../src/live/vehicles.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { Codec } from '../../src/wire/encode.ts';
import { parseJson } from '../../src/wire/json.ts';
import { parseMessagePack, toMessagePack } from '../../src/wire/messagepack.ts';
import type { Encoded } from '../../src/wire/positions.ts';
import type { Fix, PlainMap } from '../../src/wire/types.ts';
import { createManualClock, type ManualClock } from '../support/clock.ts';

export interface TestSubscriber {
  readonly subscriber: Subscriber;
  readonly received: unknown[][];
  readonly closed: string | null;
  /** Of what is received: the answer to this request. */
  answer(request: number): unknown[] | undefined;
  send(frame: readonly unknown[]): void;
  /** The token is refreshed. */
  become(changes: Partial<Identity>): void;
}

export interface TestPlane {
  readonly plane: Plane;
  readonly clock: ManualClock;
  readonly revoked: string[];
  /** Of trips that run, by their ids. */
  readonly totals: Map<string, PlainMap>;
  /** Native topics that somebody has joined. */
  readonly nativeTopics: number;
  connect(identity: Identity, codec?: Codec): TestSubscriber;
  move(tenant: string, id: string, fix: Partial<Fix>): Vehicle;
  stop(): void;
}

const parse = (message: Encoded): unknown[] => {
  const parsed = typeof message === 'string' ? parseJson(message) : parseMessagePack(message);
  return ('value' in parsed ? parsed.value : []) as unknown[];
};

const noTracks: Tracks = {
  isKnown: () => Promise.resolve(false),
  read: () => Promise.resolve([]),
};

export function createTestPlane(bounds: Limits = limits, tracks = noTracks): TestPlane {
  const clock = createManualClock();
  const metrics = createMetrics();
  const audiences = createAudiences();
  const vehicles = createVehicles(bounds.vehiclesMax);
  const joined = new Map<string, Set<(message: Encoded) => void>>();
  const revoked: string[] = [];
  const totals = new Map<string, PlainMap>();
  let journalEnd = 0;
  const publish = (inner: string, message: Encoded): void => {
    for (const send of joined.get(inner) ?? []) send(message);
  };
  const channels = createChannels({
    read: () => Promise.resolve([]),
    readOpen: () => Promise.resolve({ offset: 0, total: 0, events: [] }),
    onError: (error) => {
      throw error;
    },
    metrics,
    bounds,
  });
  channels.allRestored();
  const stories = createTripStories();
  const announcer = createAnnouncer({
    channels,
    onShow: stories.tell,
    journal: {
      append() {
        journalEnd += 1;
        return journalEnd;
      },
      isFull: false,
      hasRoomFor: () => true,
    },
    publish,
    metrics,
    bounds,
  });
  const recovery = createRecovery({
    channels,
    epoch: 'events',
    readAfter: () => Promise.resolve(null),
    onError: (error) => {
      throw error;
    },
    metrics,
    bounds,
  });
  const publisher = createPublisher({ publish, audiences, clock, metrics, bounds });
  const states = createStates({
    publish,
    audiences,
    vehicles,
    emergencies: (tenant, tell) =>
      recovery.recover(`${tenant}/emergency`, null, (state) => tell(state?.openTotal ?? null)),
    figures: () => ({ connections: 1 }),
    tripTotals: (_tenant, tripId) => totals.get(tripId) ?? null,
    clock,
    bounds,
  });
  const presence = createPresence({
    watchersOf: ({ key }) => audiences.watchersOf(key),
    onChange: states.tellPresence,
    clock,
    bounds,
  });
  const plane: Plane = {
    publisher,
    audiences,
    vehicles,
    presence,
    states,
    recovery,
    announcer,
    tracks,
    replayPlaces: createReplayPlaces(bounds),
    stories,
    epoch: 'positions',
    clock,
    metrics,
    bounds,
  };
  const call = createCalls({
    plane,
    eventEpoch: 'events',
    revoke(identity, { tokenId }) {
      revoked.push(`${identity.tenant}/${tokenId}`);
      return Promise.resolve(null);
    },
    fleet: Object.fromEntries(
      fleetMethods.map((method): [string, CallHandler] => [
        method,
        (_identity, _params, outcome) => outcome.succeed(method),
      ]),
    ) as FleetCalls,
  });

  function connect(first: Identity, codec: Codec = 'messagepack'): TestSubscriber {
    let identity = first;
    let closed: string | null = null;
    const received: unknown[][] = [];
    const send = (message: Encoded): void => {
      received.push(parse(message));
    };
    const subscriber = createSubscriber({
      socket: {
        send,
        join: (inner) => joined.set(inner, (joined.get(inner) ?? new Set()).add(send)),
        leave(inner) {
          joined.get(inner)?.delete(send);
          if (joined.get(inner)?.size === 0) joined.delete(inner);
        },
        bufferedBytes: () => 0,
        close: (name) => (closed = name),
        refresh: () => undefined,
      },
      codec,
      identity: () => identity,
      plane,
      call,
    });
    return {
      subscriber,
      received,
      get closed() {
        return closed;
      },
      answer: (request) =>
        received.find(([type, id]) => (type === 49 || type === 50) && id === request),
      send(frame) {
        if (codec === 'json') {
          subscriber.receive(new TextEncoder().encode(JSON.stringify(frame)), false);
        } else {
          subscriber.receive(toMessagePack(frame), true);
        }
        announcer.onDurable(journalEnd);
      },
      become(changes) {
        identity = { ...identity, ...changes };
        subscriber.refreshed();
      },
    };
  }

  return {
    plane,
    clock,
    revoked,
    totals,
    get nativeTopics() {
      return joined.size;
    },
    connect,
    move(tenant, id, fix) {
      const vehicle = vehicles.open(tenant, id);
      vehicles.track(vehicle);
      vehicles.move(vehicle, { ...emptyFix(clock.nowMs()), ...fix }, clock.nowMs());
      publisher.add(vehicle);
      return vehicle;
    },
    stop() {
      publisher.stop();
      presence.stop();
      states.stop();
      announcer.stop();
    },
  };
}
