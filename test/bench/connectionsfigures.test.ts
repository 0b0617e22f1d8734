/** Figures of `connections`: what a server grows by beyond its first connections, and the median of the rounds. */
import { describe, expect, it } from 'vitest';
import { connectionsFigures, idleTargets, type Weights } from '../../bench/connectionsfigures.ts';

function round(bytesEach: number, failures: readonly string[] = []): Weights {
  const counts = [1_000, 11_000];
  const held = idleTargets.map((_, index) =>
    counts.map((count) => {
      const collected = 50_000_000 + count * bytesEach * (index + 1);
      return { collected, asItIs: collected * 2 };
    }),
  );
  return { counts, held, failures };
}

describe('figures of connections', () => {
  it('is what a connection adds, whatever the process weighs without', () => {
    const { figures, noise, failures } = connectionsFigures([round(2_000), round(1_000)]);
    const values = figures.map(({ name, value }) => [name, Math.round(value * 100) / 100]);
    expect(values).toEqual([
      ['an idle device, 11,000 of them', 1_500],
      ['a connection of bare uWebSockets.js, 11,000 of them', 3_000],
      ['one of ws, 11,000 of them', 4_500],
      ['one of Socket.IO, 11,000 of them', 6_000],
      ['an idle device, with garbage, 11,000 of them', 3_000],
      ['a device over Socket.IO, 11,000 of them', 0.25],
      ['a device over bare, 11,000 of them', 0.5],
    ]);
    expect(noise).toBeCloseTo(0.5);
    expect(failures).toEqual([]);
  });

  it('fails where a connection is gone', () => {
    expect(connectionsFigures([round(1), round(1, ['gone'])]).failures).toEqual(['gone']);
  });
});
