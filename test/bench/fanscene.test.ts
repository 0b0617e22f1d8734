/** The scenes of the fan-out: each topic has as many listeners as its title says, and a frame of its own. */
import { describe, expect, it } from 'vitest';
import { fanoutFigures, type FanRound } from '../../bench/fanoutfigures.ts';
import { firstTopicOf, framesOf, positionsIn, scenes, topicOf } from '../../bench/fanscene.ts';
import { limits } from '../../src/limits.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';

const listenersEach = { one: 1_000, many: 10 } as const;

describe.each(['one', 'many'] as const)('the scene of %s topics', (name) => {
  const scene = scenes[name];

  it('has every topic listened to by as many, within the bounds of a connection', () => {
    const listeners = Array.from({ length: scene.topics }, () => 0);
    for (let connection = 0; connection < scene.connections; connection++) {
      const first = firstTopicOf(scene, connection);
      for (let topic = first; topic < first + scene.topicsPerConnection; topic++) {
        listeners[topic] = (listeners[topic] ?? NaN) + 1;
      }
    }
    expect(new Set(listeners)).toEqual(new Set([listenersEach[name]]));
    expect(scene.topicsPerConnection).toBeLessThanOrEqual(limits.topicsPerConnectionMax);
    expect(scene.topics % scene.publishers === 0 || scene.topics === 1).toBe(true);
  });

  it('has a frame for each topic that is of the type that is counted', () => {
    const frames = framesOf(scene);
    expect(frames.length).toBe(scene.topics);
    for (const [topic, bytes] of frames.entries()) {
      const parsed = parseMessagePack(bytes);
      const frame = 'value' in parsed ? (parsed.value as readonly unknown[]) : [];
      expect(frame.slice(0, 2)).toEqual([scene.frameType, topicOf(scene, topic)]);
      expect(bytes[1]).toBe(scene.frameType);
      if (name === 'many') expect(positionsIn(Buffer.from(bytes))).toBe(1);
    }
  });
});

describe('figures of the fan-out', () => {
  const round: FanRound = {
    seconds: 1,
    messages: 1_000,
    frames: 1_000,
    expected: 1_000,
    failures: [],
    cpuMs: 1,
  };
  const drops = { dropped: 0, lagging: 0 };
  const rounds = [{ scene: scenes.one, engine: [{ ...round, frames: 900 }], bare: [round] }];

  it('counts frames, and fails for nothing where all were delivered', () => {
    const { figures, failures } = fanoutFigures(rounds, drops);
    expect(figures[0]).toMatchObject({ value: 0.9, goal: 0.9 });
    expect(failures).toEqual([]);
  });

  it('fails where a message is missing, was dropped, or had to wait', () => {
    const short = [{ scene: scenes.one, engine: [{ ...round, messages: 999 }], bare: [round] }];
    expect(fanoutFigures(short, { dropped: 1, lagging: 2 }).failures).toEqual([
      '1000 messages were due, but 999 were delivered',
      'the engine dropped 1 messages',
      '2 subscriptions lagged',
    ]);
  });
});
