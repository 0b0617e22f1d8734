/** Bad requests of subscribers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCodes, refusals, type RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { testToken } from '../support/engine.ts';
import { openWitness, type Witness } from '../support/witness.ts';

let witness: Witness;

beforeAll(async () => {
  witness = await openWitness();
});

afterAll(() => witness.cleanup());

describe('requests of subscribers', () => {
  it.each<[string, unknown[], RefusalName]>([
    ['an unknown topic', [32, 1, 'weather'], 'unknownTopic'],
    ['a malformed topic', [32, 1, 'vehicle:'], 'badTopic'],
    ['a topic of another tenant', [32, 1, 'acme/fleet'], 'unknownTopic'],
    ['not subscribed', [33, 1, 'fleet'], 'notSubscribed'],
    ['an unknown method', [34, 1, 'explode', null], 'unknownMethod'],
    ['an unknown type', [77, 1], 'unknownType'],
    ['a topic that is a number', [32, 1, 5], 'malformedFrame'],
  ])('%s', async (_name, frame, refused) => {
    await witness.counted(refused, async () => {
      const socket = await witness.live();
      socket.send(frame);
      const { code, message } = refusals[refused];
      expect(await socket.next()).toEqual([50, 1, code, message, false]);
      await socket.close();
    });
  });

  it('the same topic twice', async () => {
    await witness.counted('alreadySubscribed', async () => {
      const socket = await witness.live();
      socket.send([32, 1, 'fleet']);
      await socket.nextOf(49);
      socket.send([32, 2, 'fleet']);
      expect((await socket.nextOf(50)).slice(0, 3)).toEqual([
        50,
        2,
        refusals.alreadySubscribed.code,
      ]);
      await socket.close();
    });
  });

  it('too many topics', async () => {
    await witness.counted('tooManyTopics', async () => {
      const socket = await witness.live();
      for (let i = 1; i <= limits.topicsPerConnectionMax + 1; i++) {
        socket.send([32, i, `vehicle:v${i}`]);
      }
      expect((await socket.nextOf(50))[1]).toBe(limits.topicsPerConnectionMax + 1);
      await socket.close();
    });
  });

  it('a flood', async () => {
    await witness.counted('tooManyRequests', async () => {
      const socket = await witness.live();
      for (let i = 1; i <= limits.requestsBurstMax + 100; i++) socket.send([33, i, 'fleet']);
      expect((await socket.closed).code).toBe(closeCodes.tooManyRequests);
    });
  });

  it.each([-1, 1.5, 'soon', limits.subscriptionIntervalMaxMs + 1])(
    'a minIntervalMs of %s',
    async (minIntervalMs) => {
      await witness.counted('malformedFrame', async () => {
        const socket = await witness.live();
        socket.send([32, 1, 'fleet', { minIntervalMs }]);
        expect((await socket.nextOf(50))[2]).toBe(refusals.malformedFrame.code);
        await socket.close();
      });
    },
  );

  it('a refreshed token that allows less ends what it does not allow', async () => {
    const socket = await witness.live();
    socket.send([32, 1, 'vehicle:van-1']);
    socket.send([32, 2, 'vehicle:bus-1']);
    await socket.nextOf(49);
    await socket.nextOf(49);
    socket.send([9, await testToken({ sub: 'anna', role: 'viewer', vehicles: ['bus-1'] })]);
    const reason = refusals.topicNotAllowed.message;
    expect(await socket.nextOf(54)).toEqual([54, 'vehicle:van-1', reason]);
    socket.send([33, 3, 'vehicle:bus-1']);
    expect(await socket.nextOf(49)).toEqual([49, 3, null]);
    await socket.close();
  });

  it.each<[string, string, Uint8Array | string, RefusalName]>([
    ['no MessagePack', 'fleetwire.v1', Uint8Array.from([0xc1]), 'notAFrame'],
    ['no JSON', 'fleetwire.v1.json', '{', 'notJson'],
    ['no request number', 'fleetwire.v1.json', '[32]', 'badRequestId'],
  ])('%s closes', async (_name, protocol, message, refused) => {
    await witness.counted(refused, async () => {
      const socket = await witness.live(protocol);
      socket.sendRaw(message);
      expect((await socket.closed).code).toBe(closeCodes.badRequest);
    });
  });

  it('a token that names vehicles reaches those, and nothing that is about all', async () => {
    const socket = await witness.live('fleetwire.v1', { vehicles: ['bus-*'] });
    socket.send([32, 1, 'vehicle:van-1']);
    socket.send([32, 2, 'emergency']);
    socket.send([32, 3, 'vehicle:bus-1']);
    socket.send([32, 4, 'fleet']);
    const { code, message } = refusals.topicNotAllowed;
    expect(await socket.next()).toEqual([50, 1, code, message, false]);
    expect(await socket.next()).toEqual([50, 2, code, message, false]);
    expect((await socket.next()) as unknown[]).toEqual(expect.arrayContaining([49, 3]));
    expect((await socket.next()) as unknown[]).toEqual(expect.arrayContaining([49, 4]));
    await socket.close();
  });
});
