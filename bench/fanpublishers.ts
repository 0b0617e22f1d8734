/**
 * The connections that messages come from, the same number of them for both servers and with messages of the same length:
 * events that are published, fixes that gateways send.
 * Invariant: a beat is one message on every topic.
 * Bound: one buffer for each publisher and beat in flight: the kernel may still read those of the beats before.
 */
import { parseMessagePack, toMessagePack } from '../src/wire/messagepack.ts';
import { frameTypes } from '../src/wire/types.ts';
import { testToken } from '../test/support/engine.ts';
import {
  eventData,
  eventName,
  fanVehicle,
  topicsEach,
  tripTopic,
  type Scene,
  type Target,
} from './fanscene.ts';
import { benchStartMs, roadSteps, stepMs } from './fixes.ts';
import { numberFrame, ofVehicle, positionsFrame } from './framering.ts';
import { clientMessage } from './framing.ts';
import { openRawSocket, type RawSocket } from './rawsocket.ts';
import { openMany } from './socket.ts';

export interface Publishers {
  /** Publishes the beat of this number, from 0 on. */
  publish(beat: number): void;
  /** Beats of which every frame is acked; to the bare server, which acks nothing, all of them. */
  readonly acked: number;
}

export interface PublishersOptions {
  readonly target: Target;
  readonly scene: Scene;
  readonly url: string;
  /** More beats are acked than before. */
  readonly onAcked: () => void;
  readonly onClosed: (reason: string) => void;
}

export async function openPublishers(options: PublishersOptions): Promise<Publishers> {
  const { scene, target } = options;
  const seqs = new Float64Array(scene.publishers);
  const each = topicsEach(scene);
  let acked = 0;

  function ack(publisher: number, payload: Buffer): void {
    if (payload[1] !== frameTypes.ack) return;
    // What is stored is told once more, behind what is journaled.
    seqs[publisher] = Math.max(seqs[publisher] as number, seqOf(payload));
    const beats = Math.floor(Math.min(...seqs) / each);
    if (beats === acked) return;
    acked = beats;
    options.onAcked();
  }

  const sockets = await openMany(scene.publishers, (index) =>
    openPublisher(options, index, (payload) => ack(index, payload)),
  );
  const publish =
    scene.name === 'one' ? publishEvents(options, sockets) : publishFixes(options, sockets);
  if (target === 'bare') return { publish, acked: Infinity };
  return {
    publish,
    get acked() {
      return acked;
    },
  };
}

/** `[17, seq, level]`: all frames up to `seq` are acked. */
function seqOf(payload: Buffer): number {
  const parsed = parseMessagePack(payload);
  const frame = 'value' in parsed ? parsed.value : null;
  const seq: unknown = Array.isArray(frame) ? frame[1] : null;
  if (typeof seq !== 'number') throw new Error('fan-out: an ack without a seq');
  return seq;
}

async function openPublisher(
  options: PublishersOptions,
  index: number,
  onMessage: (payload: Buffer) => void,
): Promise<RawSocket> {
  const { target, scene, url, onClosed } = options;
  if (target === 'bare') {
    const bare = { url: `${url}/publish`, subprotocols: [], onMessage: () => undefined, onClosed };
    return openRawSocket(bare);
  }
  const path = scene.name === 'one' ? 'live' : 'ingest';
  const token = await testToken({
    sub: `fan-publisher-${index}`,
    role: 'service',
    ...(scene.name === 'one' ? {} : { vehicles: ['fan-*'] }),
  });
  let greeted: () => void = () => undefined;
  const hello = new Promise<void>((resolve) => (greeted = resolve));
  const socket = await openRawSocket({
    url: `${url}/v1/${path}`,
    subprotocols: ['fleetwire.v1', `bearer.${token}`],
    onMessage(payload) {
      greeted();
      onMessage(payload);
    },
    onClosed,
  });
  await hello;
  return socket;
}

/** One after the other, so that none of them publishes more often than it may. */
function publishEvents(
  { target }: PublishersOptions,
  sockets: readonly RawSocket[],
): Publishers['publish'] {
  return (beat) => {
    const request = eventRequest(beat);
    // The bare server reads a topic where the engine reads a request; there is one topic.
    if (target === 'bare') request.fill(0, 0, 4);
    sockets[beat % sockets.length]?.write(clientMessage(request));
  };
}

function eventRequest(beat: number): Buffer {
  const id = `fan-${String(beat).padStart(9, '0')}`;
  const params = { topic: tripTopic, id, event: eventName, data: eventData, subject: 'fan' };
  return Buffer.from(toMessagePack([frameTypes.call, beat + 1, 'publish', params]));
}

/** The topics go round the publishers; each writes its messages of a beat at once. */
function publishFixes(
  { target, scene }: PublishersOptions,
  sockets: readonly RawSocket[],
): Publishers['publish'] {
  const each = topicsEach(scene);
  const frames = Array.from({ length: scene.topics }, (_, topic) => fixFrame(target, topic));
  const buffersEach = scene.beatsInFlight[target] + 1;
  const frameBytes = frames[0]?.length ?? 0;
  const messageBytes = clientMessage(frames[0] ?? Buffer.alloc(0)).length;
  const buffers = sockets.map((_, publisher) =>
    Array.from({ length: buffersEach }, () => {
      const own = frames.slice(publisher * each, (publisher + 1) * each);
      return Buffer.concat(own.map((frame) => clientMessage(frame)));
    }),
  );
  return (beat) => {
    for (const [publisher, socket] of sockets.entries()) {
      const bytes = buffers[publisher]?.[beat % buffersEach] as Buffer;
      for (let index = 0; index < each && target === 'engine'; index++) {
        const at = (index + 1) * messageBytes - frameBytes;
        numberFrame(bytes, at, beat * each + index + 1, benchStartMs + beat * stepMs);
      }
      socket.write(bytes);
    }
  };
}

/** For the bare server its first bytes are the topic. */
function fixFrame(target: Target, topic: number): Buffer {
  const frame = ofVehicle(positionsFrame(topic, 0, 0, 1, roadSteps), fanVehicle(topic));
  if (target === 'bare') frame.writeUInt32BE(topic);
  return frame;
}
