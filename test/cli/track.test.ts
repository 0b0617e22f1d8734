import { describe, expect, it } from 'vitest';
import { scheduleTrack } from '../../src/cli/track.ts';

const point = (timeMs: number) => ({ timeMs, latitude: 1, longitude: 2, altitude: null });
const points = [point(1_000), point(3_000), point(3_000), point(6_000)];

const summary = (track: ReturnType<typeof scheduleTrack>) =>
  track.map(({ fix, dueMs }) => [fix.timeMs, dueMs]);

describe('scheduleTrack', () => {
  it('keeps the times and paces by speed, each time once', () => {
    expect(summary(scheduleTrack(points, { speed: 2, startMs: null }))).toEqual([
      [1_000, 0],
      [3_000, 1_000],
      [6_000, 2_500],
    ]);
  });

  it('makes all due at once at speed 0', () => {
    expect(summary(scheduleTrack(points, { speed: 0, startMs: null }))).toEqual([
      [1_000, 0],
      [3_000, 0],
      [6_000, 0],
    ]);
  });

  it('shifts the times to the start and spaces them by the speed', () => {
    expect(summary(scheduleTrack(points, { speed: 10, startMs: 50_000 }))).toEqual([
      [50_000, 0],
      [50_200, 200],
      [50_500, 500],
    ]);
  });

  it('leaves out what falls on a time that is taken', () => {
    const track = scheduleTrack(points, { speed: 5_000, startMs: 50_000 });
    expect(track.map(({ fix }) => fix.timeMs)).toEqual([50_000, 50_001]);
  });
});
