/**
 * A service that publishes events to the event topics of a real engine, whatever becomes of the engine.
 * Invariant: an event that is not answered is published again under the same id until it is; one that has
 * two answers with different offsets is a failure.
 * Bound: `inFlightMax` events at a time; a connection makes no more requests than the engine's burst allows.
 */
import {
  createLiveClient,
  LiveError,
  type LiveClient,
  type Plain,
} from '../../src/client/index.ts';
import { refusals } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { testToken } from './engine.ts';

export interface Publication {
  readonly topic: string;
  readonly id: string;
  readonly event: string;
  readonly data?: Plain;
  readonly subject?: string;
  readonly isOpen?: boolean;
}

export interface Publisher {
  /** Resolves when all are answered. */
  publish(events: readonly Publication[]): Promise<void>;
  /** The answered events of a topic, by their offsets. */
  of(topic: string): ReadonlyMap<number, Publication>;
  /** Events that are answered. */
  readonly answered: number;
  /** Answers that never came, and were asked for again. */
  readonly unanswered: number;
  /** Answers that told of an earlier publication of the same id. */
  readonly repeats: number;
  /** As the answers had it. */
  readonly epochs: ReadonlySet<string>;
  close(): Promise<void>;
}

/** Pauses and deadlines of a client whose engine goes and comes. */
export const patientBounds = {
  clientDelayMinMs: 1,
  clientDelayMaxMs: 20,
  clientRequestTimeoutMs: 60_000,
} as const;

interface Line {
  readonly client: LiveClient;
  requests: number;
  waiting: number;
}

/** What makes the same event worth another try. */
const passing = new Set<number>([refusals.draining.code, refusals.topicUnavailable.code]);

export const publicationsInFlight = 20;

export function createPublisher(url: string, inFlightMax = publicationsInFlight): Publisher {
  const byTopic = new Map<string, Map<number, Publication>>();
  const offsets = new Map<string, number>();
  const epochs = new Set<string>();
  const closing: Promise<void>[] = [];
  let line: Line | null = null;
  let unanswered = 0;
  let repeats = 0;

  function openLine(): Line {
    const client = createLiveClient({
      url,
      token: () => testToken({ sub: 'dispatch', role: 'service' }),
      bounds: patientBounds,
    });
    return { client, requests: 0, waiting: 0 };
  }

  /** A connection that may make one more request; the one before it ends with its last answer. */
  function take(): Line {
    if (line !== null && line.requests >= limits.requestsBurstMax) {
      const full = line;
      line = null;
      closeIfDone(full);
    }
    line ??= openLine();
    line.requests += 1;
    line.waiting += 1;
    return line;
  }

  function closeIfDone(done: Line): void {
    if (done !== line && done.waiting === 0) closing.push(done.client.close());
  }

  /** The answer, or null where there was none. */
  async function ask(event: Publication): Promise<Plain | null> {
    const used = take();
    try {
      return await used.client.call('publish', { ...event });
    } catch (error) {
      const isPassing =
        error instanceof LiveError && (error.kind === 'closed' || passing.has(error.code));
      if (!isPassing) throw error;
      unanswered += 1;
      return null;
    } finally {
      used.waiting -= 1;
      closeIfDone(used);
    }
  }

  async function publishOne(event: Publication): Promise<void> {
    let answer = await ask(event);
    while (answer === null) answer = await ask(event);
    const { epoch, offset, isRepeat } = answer as unknown as Answer;
    epochs.add(epoch);
    if (isRepeat) repeats += 1;
    keep(event, offset);
  }

  function keep(event: Publication, offset: number): void {
    const { topic, id } = event;
    let ofTopic = byTopic.get(topic);
    if (ofTopic === undefined) byTopic.set(topic, (ofTopic = new Map()));
    const other = ofTopic.get(offset)?.id ?? id;
    if (other !== id) throw new Error(`${topic}: ${offset} is ${other} and ${id}`);
    const earlier = offsets.get(id) ?? offset;
    if (earlier !== offset) throw new Error(`${topic}: ${id} is at ${earlier} and ${offset}`);
    ofTopic.set(offset, event);
    offsets.set(id, offset);
  }

  return {
    async publish(events) {
      const left = events.values();
      const workers = Array.from({ length: inFlightMax }, async () => {
        for (const event of left) await publishOne(event);
      });
      await Promise.all(workers);
    },
    of: (topic) => byTopic.get(topic) ?? new Map<number, Publication>(),
    get answered() {
      return offsets.size;
    },
    get unanswered() {
      return unanswered;
    },
    get repeats() {
      return repeats;
    },
    epochs,
    async close() {
      if (line !== null) closing.push(line.client.close());
      await Promise.all(closing);
    },
  };
}

interface Answer {
  readonly epoch: string;
  readonly offset: number;
  readonly isRepeat: boolean;
}
