import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAudiences } from '../../src/live/audience.ts';
import type { Feed } from '../../src/live/feed.ts';
import { innerTopic, parseTopic, topicText, type FeedTopic } from '../../src/live/topics.ts';
import { areaOf } from './stage.ts';

describe('topics', () => {
  it.each<[string, unknown]>([
    ['fleet', { kind: 'fleet' }],
    ['vehicle:bus-304', { kind: 'vehicle', vehicleId: 'bus-304' }],
    ['vehicle:a:b', { kind: 'vehicle', vehicleId: 'a:b' }],
    ['vehicle:', { refused: 'badTopic' }],
    ['vehicle', { refused: 'badTopic' }],
    ['vehicle:a/b', { refused: 'badTopic' }],
    ['vehicle:a#json', { refused: 'badTopic' }],
    ['vehicle:../x', { refused: 'badTopic' }],
    ['fleet:all', { refused: 'badTopic' }],
    ['trip:01890a5d-ac96', { kind: 'trip', tripId: '01890a5d-ac96' }],
    ['trip:', { refused: 'badTopic' }],
    ['notification:anna@fleet.example', { kind: 'notification', user: 'anna@fleet.example' }],
    ['notification:a#json', { refused: 'badTopic' }],
    ['notification:a/b', { refused: 'badTopic' }],
    ['emergency', { kind: 'emergency' }],
    ['emergency:1', { refused: 'badTopic' }],
    ['system', { kind: 'system' }],
    ['area', { refused: 'badArea' }],
    ['area:1,2,3', { refused: 'badArea' }],
    ['area:1,2,3,4,5', { refused: 'badArea' }],
    ['area:1,2,3,x', { refused: 'badArea' }],
    ['area:1e1,2,3,4', { refused: 'badArea' }],
    ['area:NaN,2,3,4', { refused: 'badArea' }],
    ['area:1,3,2,2', { refused: 'badArea' }],
    ['area:-181,0,0,1', { refused: 'badArea' }],
    ['area:0,0,1,90.0000001', { refused: 'badArea' }],
    ['area:1,2,3,4#json', { refused: 'badArea' }],
    ['other/fleet', { refused: 'unknownTopic' }],
    ['weather', { refused: 'unknownTopic' }],
    ['', { refused: 'unknownTopic' }],
  ])('%s', (text, expected) => {
    expect(parseTopic(text, 64)).toEqual(expected);
  });

  it('no text that a client sends reaches the inner topic of another tenant or codec', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('one', 'one-b', 'default'), (text, tenant) => {
        const topic = parseTopic(text, 64);
        if ('refused' in topic) return;
        const inner = innerTopic(tenant, topicText(topic), 'messagepack');
        expect(inner.split('/')).toHaveLength(2);
        expect(inner.startsWith(`${tenant}/`)).toBe(true);
        expect(inner.includes('#')).toBe(false);
      }),
    );
  });
});

describe('audiences', () => {
  it('hold feeds by tenant and topic, and forget what nobody listens to', () => {
    const topics: FeedTopic[] = [
      { kind: 'fleet' },
      { kind: 'vehicle', vehicleId: 'a' },
      { kind: 'tripPositions', tripId: 't', vehicleId: 'a', sinceMs: 0 },
      areaOf(-9, 52, -8, 53),
    ];
    const join = fc.record({
      tenant: fc.constantFrom('default', 'acme'),
      topic: fc.constantFrom(...topics),
    });
    fc.assert(
      fc.property(fc.array(join, { maxLength: 30 }), (joins) => {
        const audiences = createAudiences();
        const feeds = joins.map(({ tenant, topic }) => {
          const feed = {} as Feed;
          audiences.join(tenant, topic, feed);
          return feed;
        });
        const count = (tenant: string, kind: FeedTopic['kind']): number =>
          joins.filter((j) => j.tenant === tenant && j.topic.kind === kind).length;
        expect(audiences.ofFleet('acme')?.feeds.size ?? 0).toBe(count('acme', 'fleet'));
        const ofVehicle = (tenant: string): number =>
          count(tenant, 'vehicle') + count(tenant, 'tripPositions');
        expect(audiences.watchersOf('acme/a')).toBe(ofVehicle('acme'));
        expect(audiences.watchersOf('a')).toBe(ofVehicle('default'));
        expect(
          audiences
            .ofVehicle('a')
            ?.map(({ text }) => text)
            .toSorted() ?? [],
        ).toEqual(
          ['trip:t', 'vehicle:a'].filter((text) =>
            joins.some(({ tenant, topic }) => tenant === 'default' && topicText(topic) === text),
          ),
        );
        const levels = [...(audiences.ofAreas('acme')?.values() ?? [])];
        const cells = levels.flatMap((level) => Array.from(level.values()));
        expect(cells.every((cell) => cell.feeds.size === count('acme', 'area'))).toBe(true);
        expect(cells.length > 0).toBe(count('acme', 'area') > 0);
        for (const [index, { tenant, topic }] of joins.entries()) {
          audiences.leave(tenant, topic, feeds[index] as Feed);
        }
        expect(audiences.topics).toBe(0);
        expect(() => audiences.leave('acme', { kind: 'fleet' }, {} as Feed)).toThrow('not in it');
        expect(audiences.ofAreas('acme')).toBeUndefined();
      }),
    );
  });
});
