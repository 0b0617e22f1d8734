import { describe, expect, it } from 'vitest';
import { recordHeaderBytes, writeHeader } from '../../src/journal/record.ts';
import { createWindow, type Window } from '../../src/journal/window.ts';

const payload = Buffer.alloc(84, 7);
const bytes = recordHeaderBytes + payload.length;

/** Puts `count` records of 100 bytes in, from `position` on. */
function fill(window: Window, position: number, count: number): void {
  for (let index = 0; index < count; index++) {
    const start = position + index * bytes;
    const chunk = window.room(start, bytes);
    chunk.buffer.set(payload, chunk.bytes + recordHeaderBytes);
    writeHeader(chunk.buffer, chunk.bytes, start, 1, index, payload.length);
    chunk.bytes += bytes;
  }
}

describe('the window', () => {
  it('hands out the bytes of a stretch in order, whatever chunks they are in', () => {
    const window = createWindow(4_000);
    fill(window, 0, 30);
    const all = Buffer.concat([...window.slices(0, 3_000)]);
    expect(all).toHaveLength(3_000);
    expect(Buffer.concat([...window.slices(700, 1_900)])).toEqual(all.subarray(700, 1_900));
    expect(window.slices(3_000, 3_000)).toEqual([]);
  });

  it('reads records up to a limit of bytes, one at least, and none that is not durable', () => {
    const window = createWindow(4_000);
    fill(window, 0, 30);
    const startsOf = (from: number, to: number, bytesMax: number) =>
      window.read(from, to, bytesMax)?.map((record) => record.start);
    expect(startsOf(500, 3_000, 250)).toEqual([500, 600]);
    expect(startsOf(500, 3_000, 1)).toEqual([500]);
    expect(startsOf(2_800, 2_900, 9_999)).toEqual([2_800]);
    expect(window.read(0, 3_000, 9_999)).toHaveLength(30);
    expect(() => window.read(550, 3_000, 250)).toThrow('no record starts at position 550');
  });

  it('lets go of the oldest chunks above its bound', () => {
    const window = createWindow(4_000);
    fill(window, 0, 100);
    window.trim(10_000, 0);
    const held = Array.from({ length: 100 }, (_, index) => index * bytes).filter(
      (position) => window.read(position, 10_000, 1) !== null,
    );
    expect(held.at(-1)).toBe(9_900);
    expect(held[0]).toBeGreaterThan(10_000 - 4_000 - 500);
    expect(held[0]).toBeLessThan(10_000 - 3_000);
  });

  it('lets go of what is committed, and never of what is pending', () => {
    const window = createWindow(4_000);
    fill(window, 0, 100);
    window.trim(0, 0);
    expect(window.read(0, 10_000, 1)).toHaveLength(1);
    window.trim(3_000, 3_000);
    expect(window.read(2_000, 10_000, 1)).toBeNull();
    expect(window.read(3_000, 10_000, 1)).toHaveLength(1);
    expect(Buffer.concat([...window.slices(3_000, 10_000)])).toHaveLength(7_000);
  });

  it('takes records larger than a chunk', () => {
    const window = createWindow(100);
    fill(window, 5_000, 3);
    expect(window.read(5_000, 5_300, 999)?.map((record) => record.start)).toEqual([
      5_000, 5_100, 5_200,
    ]);
  });

  it('leaves what it handed out as it was', () => {
    const window = createWindow(200);
    fill(window, 0, 1);
    const records = window.read(0, 100, 999);
    window.trim(100, 100);
    fill(window, 100, 50);
    expect(records?.[0]?.payload).toEqual(payload);
  });
});
