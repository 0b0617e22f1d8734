import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAudiences } from '../../src/live/audience.ts';
import type { Feed } from '../../src/live/feed.ts';
import { innerTopic, parseTopic, topicText, type Topic } from '../../src/live/topics.ts';

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
    ['other/fleet', { refused: 'unknownTopic' }],
    ['weather', { refused: 'unknownTopic' }],
    ['', { refused: 'unknownTopic' }],
  ])('%s', (text, expected) => {
    expect(parseTopic(text)).toEqual(expected);
  });

  it('no text that a client sends reaches the inner topic of another tenant or codec', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('one', 'one-b', 'default'), (text, tenant) => {
        const topic = parseTopic(text);
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
    const topics: Topic[] = [{ kind: 'fleet' }, { kind: 'vehicle', vehicleId: 'a' }];
    const join = fc.record({
      tenant: fc.constantFrom('default', 'acme'),
      topic: fc.constantFrom(...topics),
    });
    fc.assert(
      fc.property(fc.array(join, { maxLength: 30 }), (joins) => {
        const audiences = createAudiences();
        const feeds = joins.map(({ tenant, topic }) =>
          audiences.join(tenant, topic, () => ({}) as Feed),
        );
        const count = (tenant: string, kind: Topic['kind']): number =>
          joins.filter((j) => j.tenant === tenant && j.topic.kind === kind).length;
        expect(audiences.ofFleet('acme')?.feeds.size ?? 0).toBe(count('acme', 'fleet'));
        expect(audiences.ofVehicle('acme/a')?.feeds.size ?? 0).toBe(count('acme', 'vehicle'));
        expect(audiences.ofVehicle('a')?.feeds.size ?? 0).toBe(count('default', 'vehicle'));
        for (const [index, { tenant, topic }] of joins.entries()) {
          audiences.leave(tenant, topic, feeds[index] as Feed);
        }
        expect(audiences.topics).toBe(0);
        expect(() => audiences.leave('acme', { kind: 'fleet' }, {} as Feed)).toThrow('not in that');
      }),
    );
  });
});
