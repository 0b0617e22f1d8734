/**
 * What detected trips come to, on its way to their topics.
 * Invariant: the events of a trip go one after the other; one that is refused for now is tried again, and what
 * is not tried again has its vehicle folded again. An event of a fix has an id of its own, so that told again it is a
 * repeat.
 * Bound: `tripNewsPendingMax` events that are not durable.
 */
import type { Clock, Timer } from '../clock.ts';
import { isTemporary } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Announcer } from '../live/announcer.ts';
import type { Vehicle } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import type { PlainMap } from '../wire/types.ts';
import { topicOf } from './dockets.ts';
import type { TripOutputKind } from './output.ts';
import type { ToldTrip } from './tripchanges.ts';

export interface TripEvent {
  /** Of the trip. */
  readonly trip: string;
  readonly id: string;
  readonly event: string;
  readonly timeMs: number;
  readonly data: PlainMap;
  /** From when on the vehicle has to be folded again where this is lost. */
  readonly sinceMs: number;
  /** A silence tells it, which may have told the same before a crash: the id is not always the same. */
  readonly isLapse?: boolean;
}

export interface TripNewsOptions {
  readonly announcer: Pick<Announcer, 'announce'>;
  /** The ids of the last events of the last run, by `<tenant>/<topic text>`; forgotten once more is told. */
  readonly lastIds: Map<string, string>;
  readonly onDropped: (key: string, sinceMs: number) => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'tripNewsPendingMax' | 'deskRetryMs'>;
}

export interface TripNews {
  /** Calls `done` once it is durable, or with false where it is given up. */
  tell(vehicle: Vehicle, news: TripEvent, done?: (isDurable: boolean) => void): void;
  /** Something of the vehicle is not durable yet. */
  isPending(key: string): boolean;
  /** All that is not durable yet: the vehicle, and from when on it would have to be folded again. */
  pending(): Iterable<{ readonly key: string; readonly sinceMs: number }>;
  stop(): void;
}

const eventNames: Readonly<Record<TripOutputKind, string>> = {
  tripStarted: 'started',
  tripStopped: 'stopped',
  tripResumed: 'resumed',
  tripEnded: 'ended',
};

/** What the fold has told, as an event of the trip; `suffix` where a silence has, and it may be no repeat. */
export function tripEventOf(kind: TripOutputKind, trip: ToldTrip, suffix: string): TripEvent {
  const event = eventNames[kind];
  const { id: tripId, updatedMs: timeMs, startMs: sinceMs } = trip;
  const id = `${event}:${timeMs}${suffix}`;
  return { trip: tripId, id, event, timeMs, data: trip, sinceMs, isLapse: suffix !== '' };
}

interface Job {
  readonly news: TripEvent;
  readonly done: (isDurable: boolean) => void;
}

/** The events of one trip that wait, the one that is on its way first. */
interface Line {
  readonly vehicle: Vehicle;
  readonly jobs: Job[];
  isBusy: boolean;
}

export function createTripNews(options: TripNewsOptions): TripNews {
  const { announcer, clock, bounds } = options;
  const { counters } = options.metrics;
  const lines = new Map<string, Line>();
  const pendingOf = new Map<string, number>();
  const timers = new Set<Timer>();
  let size = 0;
  let isStopped = false;

  function count(key: string, change: number): void {
    size += change;
    const after = (pendingOf.get(key) ?? 0) + change;
    if (after === 0) pendingOf.delete(key);
    else pendingOf.set(key, after);
  }

  // What is announced may be answered at once: a loop, for a long line would be as deep a stack.
  function turn(name: string, line: Line): void {
    while (!line.isBusy) {
      const [job] = line.jobs;
      if (job === undefined) break;
      announce(name, line, job);
    }
    if (line.jobs.length === 0) lines.delete(name);
  }

  function announce(name: string, line: Line, { news }: Job): void {
    const { id, event, timeMs, data } = news;
    const { tenant, id: subject } = line.vehicle;
    line.isBusy = true;
    let isSync = true;
    // Who comes to a trip late wants its last event, also when it has ended.
    const announced = { id, event, timeMs, data, subject, isOpen: true };
    announcer.announce(tenant, topicOf.trip(news.trip), announced, (outcome) => {
      if ('refused' in outcome && isTemporary(outcome.refused)) return retry(name, line);
      settle(line, !('refused' in outcome));
      if (!isSync) turn(name, line);
    });
    isSync = false;
  }

  function settle(line: Line, isDurable: boolean): void {
    line.isBusy = false;
    const job = line.jobs.shift();
    if (job === undefined) throw new Error('tripnews: an answer to nothing');
    count(line.vehicle.key, -1);
    if (!isDurable) drop(line.vehicle, job.news);
    job.done(isDurable);
  }

  /** As the last run has told it, where that was its last word. */
  function known(tenant: string, news: TripEvent): TripEvent {
    const topic = `${tenant}/${topicOf.trip(news.trip)}`;
    const id = options.lastIds.get(topic);
    options.lastIds.delete(topic);
    const isSame = id?.startsWith(`${news.event}:${news.timeMs}:`) === true;
    return news.isLapse === true && isSame ? { ...news, id } : news;
  }

  function drop({ key }: Vehicle, { sinceMs }: TripEvent): void {
    counters.tripNewsDropped += 1;
    options.onDropped(key, sinceMs);
  }

  function retry(name: string, line: Line): void {
    if (isStopped) return;
    counters.tripNewsRetried += 1;
    const timer = clock.after(bounds.deskRetryMs, () => {
      timers.delete(timer);
      line.isBusy = false;
      turn(name, line);
    });
    timers.add(timer);
  }

  return {
    tell(vehicle, news, done = () => undefined) {
      if (size >= bounds.tripNewsPendingMax) {
        drop(vehicle, news);
        return done(false);
      }
      const name = `${vehicle.tenant}/${news.trip}`;
      const line = lines.get(name) ?? { vehicle, jobs: [], isBusy: false };
      lines.set(name, line);
      line.jobs.push({ news: known(vehicle.tenant, news), done });
      count(vehicle.key, 1);
      turn(name, line);
    },
    isPending: (key) => pendingOf.has(key),
    *pending() {
      for (const { vehicle, jobs } of lines.values()) {
        for (const { news } of jobs) yield { key: vehicle.key, sinceMs: news.sinceMs };
      }
    },
    stop() {
      isStopped = true;
      for (const timer of timers) timer.cancel();
    },
  };
}
