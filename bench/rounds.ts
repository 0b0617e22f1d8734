/**
 * Arms of a comparison, measured in rounds: every arm once a round, in the order turned round each time, so that what
 * drifts (the machine, the size of a table) falls on all alike.
 * Invariant: two rounds at least, hence every arm is measured twice; how far its own measurements are apart is the noise.
 * Bound: `rounds` times the arms, one after the other.
 */

/** Measures each arm `rounds` times; the results are in the order of `arms`, one for each round. */
export async function inRounds<Arm, Measured>(
  arms: readonly Arm[],
  rounds: number,
  measure: (arm: Arm, round: number) => Promise<Measured>,
): Promise<Measured[][]> {
  const results: Measured[][] = arms.map(() => []);
  const order = [...arms.keys()];
  for (let round = 0; round < rounds; round++) {
    for (const index of order) results[index]?.push(await measure(arms[index] as Arm, round));
    order.reverse();
  }
  return results;
}

/** The middle of them, of an even number the mean of the two in the middle; NaN of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The median of what `ours` is of `theirs`, round by round. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): number {
  return medianOf(ours.map((value, round) => value / (theirs[round] ?? NaN)));
}

/** How far the even rounds of one arm are from its odd ones, as a share of the larger; the largest of all arms. */
export function noiseOf(...arms: readonly (readonly number[])[]): number {
  return Math.max(
    ...arms.map((values) => {
      const even = medianOf(values.filter((_, round) => round % 2 === 0));
      const odd = medianOf(values.filter((_, round) => round % 2 === 1));
      return Math.abs(even - odd) / Math.max(even, odd);
    }),
  );
}
