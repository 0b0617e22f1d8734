import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAudiences } from '../../src/live/audience.ts';
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
  it('count joins and leaves like a multiset, and forget what nobody listens to', () => {
    const topics: Topic[] = [{ kind: 'fleet' }, { kind: 'vehicle', vehicleId: 'a' }];
    const join = fc.record({
      tenant: fc.constantFrom('default', 'acme'),
      topic: fc.constantFrom(...topics),
      codec: fc.constantFrom('messagepack' as const, 'json' as const),
    });
    fc.assert(
      fc.property(fc.array(join, { maxLength: 30 }), (joins) => {
        const audiences = createAudiences();
        for (const { tenant, topic, codec } of joins) audiences.join(tenant, topic, codec);
        const count = (tenant: string, kind: Topic['kind'], codec: string): number =>
          joins.filter((j) => j.tenant === tenant && j.topic.kind === kind && j.codec === codec)
            .length;
        expect(audiences.ofFleet('acme')?.json ?? 0).toBe(count('acme', 'fleet', 'json'));
        expect(audiences.ofVehicle('acme/a')?.json ?? 0).toBe(count('acme', 'vehicle', 'json'));
        expect(audiences.ofVehicle('a')?.messagepack ?? 0).toBe(
          count('default', 'vehicle', 'messagepack'),
        );
        for (const { tenant, topic, codec } of joins) audiences.leave(tenant, topic, codec);
        expect(audiences.topics).toBe(0);
        expect(() => audiences.leave('acme', { kind: 'fleet' }, 'json')).toThrow('nobody listens');
      }),
    );
  });
});
