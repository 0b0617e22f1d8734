/**
 * The process of those who publish and of those who listen: it publishes a beat when so many before it have reached
 * everybody and enough of them are acked, and counts what comes.
 * Invariant: a run ends when every listener has every message of it. A position is a message also where two of them
 * come in one frame; frames are counted beside them.
 * Bound: `beatsInFlight` beats, `beatsUnackedMax` of them unacked; `stalledDeadlineMs` without a message.
 */
import { answerCalls } from './child.ts';
import { openListeners } from './fanlisteners.ts';
import { openPublishers, type Publishers } from './fanpublishers.ts';
import { positionsIn, scenes, type Scene, type SceneName, type Target } from './fanscene.ts';

export interface FanOptions {
  readonly target: Target;
  readonly scene: SceneName;
  /** `ws://HOST:PORT` */
  readonly url: string;
}

export interface FanRun {
  readonly target: Target;
  readonly scene: SceneName;
  readonly beats: number;
}

export interface FanResult {
  readonly seconds: number;
  readonly messages: number;
  readonly frames: number;
  /** That were due. */
  readonly expected: number;
  readonly failures: readonly string[];
}

export type FanLoadCalls = {
  readonly open: (options: FanOptions) => Promise<void>;
  readonly run: (options: FanRun) => Promise<FanResult>;
};

interface Fan {
  run(beats: number): Promise<FanResult>;
}

const stalledDeadlineMs = 20_000;
const lookMs = 500;

async function openFan(options: FanOptions): Promise<Fan> {
  const scene = scenes[options.scene];
  const failures: string[] = [];
  const perBeat = scene.connections * scene.topicsPerConnection;
  const isPosition = scene.name === 'many';
  let publishers: Publishers | null = null;
  let messages = 0;
  let frames = 0;
  /** Beats that were published, and up to which it goes on, since the start. */
  let published = 0;
  let last = 0;
  /** Messages at which the next beat is due, or the run is over. */
  let nextAt = Infinity;
  let done: () => void = () => undefined;

  function goOn(): void {
    const delivered = Math.floor(messages / perBeat);
    while (publishers !== null && isDue(publishers, delivered)) {
      publishers.publish(published);
      published += 1;
    }
    nextAt = (delivered + 1) * perBeat;
    if (delivered >= last) done();
  }

  function isDue({ acked }: Publishers, delivered: number): boolean {
    return (
      published < last &&
      published - delivered < scene.beatsInFlight[options.target] &&
      published - acked < scene.beatsUnackedMax
    );
  }

  function receive(payload: Buffer): void {
    if (payload[1] !== scene.frameType) return;
    frames += 1;
    messages += isPosition ? positionsIn(payload) : 1;
    if (messages >= nextAt) goOn();
  }

  const onClosed = (reason: string): void => void failures.push(`closed: ${reason}`);
  await openListeners({ ...options, scene, onMessage: receive, onClosed });
  publishers = await openPublishers({ ...options, scene, onAcked: goOn, onClosed });

  return {
    async run(beats) {
      const before = { messages, frames, failures: failures.length };
      last += beats;
      const over = new Promise<void>((resolve) => (done = resolve));
      const startedMs = performance.now();
      goOn();
      const stop = watch(
        () => messages,
        () => failures.push('nothing comes any more'),
        done,
      );
      await over;
      stop();
      return {
        seconds: (performance.now() - startedMs) / 1_000,
        messages: messages - before.messages,
        frames: frames - before.frames,
        expected: beats * perBeat,
        failures: failures.slice(before.failures),
      };
    },
  };
}

/** Calls both where `count` stands still for too long. */
function watch(count: () => number, fail: () => void, end: () => void): () => void {
  let seen = -1;
  let seenAtMs = performance.now();
  const timer = setInterval(() => {
    if (count() !== seen) {
      seen = count();
      seenAtMs = performance.now();
    } else if (performance.now() - seenAtMs > stalledDeadlineMs) {
      fail();
      end();
    }
  }, lookMs);
  return () => clearInterval(timer);
}

const fans = new Map<string, Fan>();

function keyOf({ target, scene }: { readonly target: Target; readonly scene: Scene['name'] }) {
  return `${target} ${scene}`;
}

const calls: FanLoadCalls = {
  async open(options) {
    fans.set(keyOf(options), await openFan(options));
  },
  run(options) {
    const fan = fans.get(keyOf(options));
    if (fan === undefined) throw new Error('fan-out: run before open');
    return fan.run(options.beats);
  },
};

answerCalls(calls);
