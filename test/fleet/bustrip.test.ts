/** The real bus journey: one trip, with its length and its stops, held to the file itself by other code. */
import { describe, expect, it } from 'vitest';
import { emptyFix } from '../../src/live/vehicles.ts';
import { distinctTrack, readTrack } from '../support/gpx.ts';
import { fold, kindsOf, tripsOf } from './journeys.ts';

const track = distinctTrack();
const fixes = track.map((point) => ({ ...emptyFix(point.timeMs), ...point }));
const { outputs, flags } = fold(fixes, {}, 3_600_000);

const clockTime = (timeMs: number): string => new Date(timeMs).toISOString().slice(11, 19);

/** By vectors to the centre of the earth, where the product takes the haversine. */
function lengthM(points: readonly { readonly latE7: number; readonly lonE7: number }[]): number {
  const vectors = points.map(({ latE7, lonE7 }) => {
    const [lat, lon] = [(latE7 / 180e7) * Math.PI, (lonE7 / 180e7) * Math.PI];
    return [Math.cos(lat) * Math.cos(lon), Math.cos(lat) * Math.sin(lon), Math.sin(lat)] as const;
  });
  let sum = 0;
  for (let index = 1; index < vectors.length; index++) {
    const [one, other] = [vectors[index - 1]!, vectors[index]!];
    const chord = Math.hypot(one[0] - other[0], one[1] - other[1], one[2] - other[2]);
    sum += 2 * 6_371_008.8 * Math.asin(chord / 2);
  }
  return sum;
}

describe('the journey of bus 304', () => {
  it('is one trip, none of whose fixes is filtered', () => {
    expect(tripsOf(outputs)).toHaveLength(1);
    expect(kindsOf(outputs).filter((kind) => kind === 'tripStarted')).toHaveLength(1);
    expect(flags.every((flag) => flag === 0)).toBe(true);
  });

  it('has the length of the track, within 2 %', () => {
    const ownM = lengthM(readTrack());
    expect(Math.round(ownM)).toBe(14_190);
    const [trip] = tripsOf(outputs);
    expect(Math.abs(trip!.distanceM - ownM) / ownM).toBeLessThan(0.02);
  });

  it('starts when the bus left the terminus, where it had stood for four minutes', () => {
    const [trip] = tripsOf(outputs);
    expect(clockTime(trip!.startMs)).toBe('07:50:12');
    expect(lengthM([track[0]!, { latE7: trip!.startLatE7, lonE7: trip!.startLonE7 }])).toBeLessThan(
      20,
    );
  });

  it('ends with the last fix', () => {
    const [trip] = tripsOf(outputs);
    expect(trip!.endMs).toBe(track.at(-1)!.timeMs);
    expect(clockTime(trip!.endMs!)).toBe('09:00:26');
  });

  // The longest of the traffic lights on the way takes 92 s.
  it('has the four stops at which the bus stood for two minutes or more', () => {
    const [trip] = tripsOf(outputs);
    const times = trip!.stops.map(({ startMs, endMs }) => [clockTime(startMs), clockTime(endMs!)]);
    expect(times).toEqual([
      ['08:08:32', '08:10:55'],
      ['08:13:04', '08:15:37'],
      ['08:35:18', '08:39:12'],
      ['08:40:03', '08:43:04'],
    ]);
    expect(trip!.stopsCount).toBe(4);
  });

  it('stands at each of its stops: no fix between is further away than the circle of a stand', () => {
    for (const { startMs, endMs, latE7, lonE7 } of tripsOf(outputs)[0]!.stops) {
      const within = track.filter(({ timeMs }) => timeMs >= startMs && timeMs <= endMs!);
      const distances = within.map((point) => lengthM([point, { latE7, lonE7 }]));
      const near = distances.filter((distance) => distance <= 50);
      expect(near.length / distances.length).toBeGreaterThan(0.9);
    }
  });

  it('moves two thirds of its time, at the speeds of a town', () => {
    const [trip] = tripsOf(outputs);
    expect(trip!.movingMs / trip!.durationMs).toBeGreaterThan(0.55);
    expect(trip!.movingMs / trip!.durationMs).toBeLessThan(0.75);
    expect(trip!.topSpeedCms).toBeGreaterThan(1_300);
    expect(trip!.topSpeedCms).toBeLessThan(1_700);
    const { distanceM, durationMs, averageSpeedCms } = trip!;
    expect(averageSpeedCms).toBe(Math.round((distanceM / durationMs) * 100_000));
  });
});
