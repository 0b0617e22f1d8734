import { describe, expect, it } from 'vitest';
import { flameSvg, framesOf, type Profile } from '../../bench/flame.ts';

const node = (id: number, functionName: string, url: string, children: readonly number[] = []) => ({
  id,
  callFrame: { functionName, url },
  children,
});

/** 100 us of the engine, 60 of them in a package, 40 twice over the same callee; 900 us idle, 500 of the profiler. */
const profile: Profile = {
  nodes: [
    node(1, '(root)', '', [2, 5, 6]),
    node(2, 'receive', 'file:///dist/ingest/pipeline.js', [3, 4]),
    node(3, 'unpack', 'file:///node_modules/msgpackr/unpack.js'),
    node(4, 'unpack', 'file:///node_modules/msgpackr/unpack.js'),
    node(5, '(idle)', ''),
    node(6, 'post', 'file:///bench/profile.js'),
  ],
  samples: [2, 3, 4, 5, 6, 99],
  timeDeltas: [40, 20, 40, 900, 500, 1],
};

describe('a flame graph', () => {
  it('has each function once under its caller, with the time of its callees, and no time without work', () => {
    const root = framesOf(profile);
    expect(root.timeUs).toBe(100);
    const [receive, ...others] = root.callees.values();
    expect(others).toEqual([]);
    expect(receive).toMatchObject({
      name: 'receive ingest/pipeline.js',
      owner: 'engine',
      timeUs: 100,
    });
    const unpack = {
      name: 'unpack msgpackr/unpack.js',
      owner: 'library',
      timeUs: 60,
      callees: new Map(),
    };
    expect([...(receive?.callees.values() ?? [])]).toEqual([unpack]);
  });

  it('draws callees within their callers, and says of each what it took', () => {
    const svg = flameSvg(framesOf(profile), 'a <test>');
    expect(svg).toContain('a &lt;test&gt;');
    expect(svg).toContain('<title>receive ingest/pipeline.js: 100.0 %</title>');
    expect(svg).toContain('<title>unpack msgpackr/unpack.js: 60.0 %</title>');
    expect(svg).toContain('width="720.0"');
  });

  it('of a profile without work is empty', () => {
    const none = framesOf({ ...profile, samples: [5], timeDeltas: [10] });
    expect(flameSvg(none, 'none')).not.toContain('<rect');
  });
});
