/**
 * Who listens to what in the suite of the fan-out: one topic that many have, and many topics that a few have each.
 * Invariant: a beat is one message on every topic; every connection has as many topics as the others.
 * Bound: `topicsPerConnectionMax` topics a connection.
 */
import { emptyFix } from '../src/live/vehicles.ts';
import { encodeSubscriberReply } from '../src/wire/encode.ts';
import { encodePosition, livePosition, positionFrames } from '../src/wire/positions.ts';
import { frameTypes } from '../src/wire/types.ts';
import { roadSteps, vehicleId, writeFix } from './fixes.ts';

/** The engine, or uWebSockets.js that does nothing but publish. */
export type Target = 'engine' | 'bare';

export type SceneName = 'one' | 'many';

export interface Scene {
  readonly name: SceneName;
  readonly title: string;
  readonly topics: number;
  readonly connections: number;
  readonly topicsPerConnection: number;
  /** Connections that messages come from. */
  readonly publishers: number;
  /**
   * Beats on their way at a time: as many as each server delivers most with. The engine answers to a disk, and needs
   * more of them to have one at hand meanwhile; uWebSockets.js writes what is beyond 32 messages of a turn to a
   * subscriber one by one where they are published in the handler of a message, and is slower by far with more.
   */
  readonly beatsInFlight: Readonly<Record<Target, number>>;
  /** Beats that a publisher goes on for without an ack: a gateway keeps to what the engine allows. */
  readonly beatsUnackedMax: number;
  /** The type of the frames that are counted. */
  readonly frameType: number;
}

/** A connection may publish 50 events a second, hence so many publishers. */
export const scenes: Readonly<Record<SceneName, Scene>> = {
  one: {
    name: 'one',
    title: '1 topic x 1,000',
    topics: 1,
    connections: 1_000,
    topicsPerConnection: 1,
    publishers: 100,
    beatsInFlight: { engine: 256, bare: 32 },
    beatsUnackedMax: Infinity,
    frameType: frameTypes.event,
  },
  many: {
    name: 'many',
    title: '1,000 topics x 10',
    topics: 1_000,
    connections: 100,
    topicsPerConnection: 100,
    publishers: 20,
    beatsInFlight: { engine: 3, bare: 3 },
    beatsUnackedMax: 80,
    frameType: frameTypes.livePositions,
  },
};

const run = 'fan';
export const tripTopic = 'trip:fan';
export const eventName = 'note';
export const eventData = { text: 'on its way' } as const;

/** Topics that each publisher of fixes has. */
export function topicsEach({ topics, publishers }: Scene): number {
  return topics / publishers;
}

export function fanVehicle(topic: number): string {
  return vehicleId(run, topic);
}

/** The topic as the engine calls it. */
export function topicOf(scene: Scene, topic: number): string {
  return scene.name === 'one' ? tripTopic : `vehicle:${fanVehicle(topic)}`;
}

/** The first topic of a connection: neighbours have different ones. */
export function firstTopicOf(scene: Scene, connection: number): number {
  return (connection * scene.topicsPerConnection) % scene.topics;
}

/** What the engine's subscribers get, for a server that encodes nothing: one frame for each topic. */
export function framesOf(scene: Scene): Uint8Array[] {
  return Array.from({ length: scene.topics }, (_, topic) =>
    Buffer.from(scene.name === 'one' ? eventFrame() : positionFrame(scene, topic)),
  );
}

function eventFrame(): Uint8Array {
  const offset = 1_000;
  return encodeSubscriberReply(
    { type: frameTypes.event, topic: tripTopic, offset, event: eventName, data: eventData },
    'messagepack',
  ) as Uint8Array;
}

function positionFrame(scene: Scene, topic: number): Uint8Array {
  const fix = emptyFix(0);
  writeFix(fix, topic, 0, roadSteps);
  const position = encodePosition(livePosition(fanVehicle(topic), fix, 1), 'messagepack');
  const [frame] = positionFrames(topicOf(scene, topic), [position], 'messagepack', Infinity);
  return frame?.message as Uint8Array;
}

/** Positions in a frame of them: the count behind the topic, which is a short text. */
export function positionsIn(payload: Buffer): number {
  const textBytes = (payload[2] as number) & 0x1f;
  return payload.readUInt16BE(2 + 1 + textBytes + 1);
}
