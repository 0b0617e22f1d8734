/** A live client and a scripted peer for each test, with a record of all that handlers are told. */
import {
  createLiveClient,
  type AreaBounds,
  type LiveClient,
  type LiveClientOptions,
  type Plain,
  type PlainMap,
  type Position,
} from '../../src/client/index.ts';
import type { LivePosition } from '../../src/wire/types.ts';
import { fastBounds, subscriberHello, type PeerConnection } from './peer.ts';
import { usePeer, type PeerFixture } from './peerfixture.ts';

export interface LiveFixture extends Pick<PeerFixture, 'peer'> {
  connect(options?: Partial<LiveClientOptions>): LiveClient;
  /** The next connection, after its hello. */
  acceptOpen(): Promise<PeerConnection>;
}

/** Registers hooks that start and end it for each test. */
export function useLive(): LiveFixture {
  const fixture = usePeer();
  return {
    get peer() {
      return fixture.peer;
    },
    connect(options = {}) {
      const { url } = fixture.peer;
      const client = createLiveClient({ url, token: 'jwt', bounds: fastBounds, ...options });
      return fixture.track(client);
    },
    acceptOpen: () => fixture.acceptWith(subscriberHello),
  };
}

export const bus: LivePosition = [
  'bus-1',
  1_550_475_950_000,
  526_291_510,
  -86_617_460,
  1_234,
  27_150,
  195,
  null,
  11,
  { ignition: true },
  2,
  3,
];

export const busAsFriend: Position = {
  vehicle: 'bus-1',
  timeMs: 1_550_475_950_000,
  latitude: 52.629151,
  longitude: -8.661746,
  speed: 12.34,
  course: 271.5,
  altitude: 19.5,
  accuracy: null,
  satellites: 11,
  attributes: { ignition: true },
  flags: 2,
  count: 3,
};

export const resultOf = (snapshot: readonly LivePosition[] = [], offset = 0) => ({
  epoch: 'e1',
  offset,
  wasRecovering: false,
  recovered: false,
  snapshot,
});

/** An event as an answer has it. */
export const eventOf = (offset: number, event = `n${offset}`, data: Plain = null) => [
  offset,
  event,
  data,
  1_550_475_950_000 + offset,
];

interface EventsOptions {
  readonly recovered?: boolean;
  readonly wasRecovering?: boolean;
  readonly epoch?: string;
  readonly openTotal?: number;
}

/** The answer to a subscribe of an event topic that says what was missed, or what is open. */
export function eventsOf(
  offset: number,
  events: readonly (readonly unknown[])[],
  options: EventsOptions = {},
) {
  const { recovered = false, epoch = 'e1', openTotal = 0 } = options;
  const wasRecovering = options.wasRecovering ?? recovered;
  return { epoch, offset, wasRecovering, recovered, snapshot: [], events, openTotal };
}

/** The answer to an area: what it covers, and the vehicles of its snapshot. */
export function areaOf(bounds: AreaBounds, vehicles: readonly string[] = [], moved = false) {
  const { west, south, east, north } = bounds;
  const snapshot = vehicles.map((vehicle) => [vehicle, ...bus.slice(1)] as unknown as LivePosition);
  return { ...resultOf(snapshot), area: [west, south, east, north], moved };
}

/** What handlers are told, in order. */
export interface Told {
  readonly told: readonly unknown[];
  /** Resolves when there are so many entries. */
  count(entries: number): Promise<void>;
}

function createTold() {
  const told: unknown[] = [];
  const waiting: (() => void)[] = [];
  return {
    told,
    tell(...entry: unknown[]): void {
      told.push(entry);
      for (const resolve of waiting.splice(0)) resolve();
    },
    async count(entries: number): Promise<void> {
      while (told.length < entries) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

/** Subscribes and writes down, in order, all that the handlers are told. */
export function listen(client: LiveClient, topic: string, options?: PlainMap) {
  const { told, tell, count } = createTold();
  const handle = client.subscribe(
    topic,
    {
      onSnapshot: (positions, result) =>
        result.offset === 0 && result.events.length === 0
          ? tell('snapshot', positions)
          : tell('state', result.offset, offsetsOf(result.events), result.recovered),
      onPositions: (positions) => tell('positions', positions),
      onEvent: (event) => tell('event', event.offset, event.event, event.data),
      onState: (event) => tell('now', event.event, event.data),
      onGap: ({ since, result }) => tell('gap', since, result.offset),
      onConflated: (conflated) => tell('conflated', conflated),
      onError: (error) => tell('error', error.kind, error.code),
      onUnsubscribed: (reason) => tell('unsubscribed', reason),
    },
    options,
  );
  return { ...handle, told, count } satisfies Told;
}

const offsetsOf = (events: readonly { readonly offset: number }[]): number[] =>
  events.map(({ offset }) => offset);

/** Opens an area and writes down, in order, all that the handlers are told. */
export function listenArea(client: LiveClient, bounds: AreaBounds, options?: PlainMap) {
  const { told, tell, count } = createTold();
  const vehicles = (positions: readonly Position[]): string[] =>
    positions.map(({ vehicle }) => vehicle);
  const handle = client.area(
    bounds,
    {
      onSnapshot: (positions, { moved, area }) =>
        tell(moved ? 'moved' : 'snapshot', area.west, vehicles(positions)),
      onPositions: (positions) => tell('positions', vehicles(positions)),
      onLeft: (left) => tell('left', left),
      onConflated: (conflated) => tell('conflated', conflated),
      onError: (error) => tell('error', error.kind, error.code),
      onUnsubscribed: (reason) => tell('unsubscribed', reason),
    },
    options,
  );
  return { ...handle, told, count } satisfies Told;
}
