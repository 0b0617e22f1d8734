import { describe, expect, it } from 'vitest';
import { createGate } from '../../src/store/gate.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a gate', () => {
  it('lets one in at a time, in the order in which they came', async () => {
    const gate = createGate();
    const inside: string[] = [];
    const leave = await gate.enter();
    const second = gate.enter().then((leaveSecond) => {
      inside.push('second');
      return leaveSecond;
    });
    const third = gate.run(async () => {
      inside.push('third');
      return 3;
    });
    await settle();
    expect(inside).toEqual([]);
    leave();
    const leaveSecond = await second;
    await settle();
    expect(inside).toEqual(['second']);
    // Leaving twice lets nobody in that should wait.
    leave();
    await settle();
    expect(inside).toEqual(['second']);
    leaveSecond();
    expect(await third).toBe(3);
    expect(inside).toEqual(['second', 'third']);
  });

  it('opens again when the work fails', async () => {
    const gate = createGate();
    await expect(gate.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await gate.run(async () => 'next')).toBe('next');
  });
});
