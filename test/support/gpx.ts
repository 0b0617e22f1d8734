/** The real bus journey as fixes, one for each distinct time, with coordinates as the file has them. */
import { readFileSync } from 'node:fs';

export interface TrackPoint {
  readonly timeMs: number;
  readonly latE7: number;
  readonly lonE7: number;
}

export const gpxFile = new URL('../../routes/limerick-bus-304.gpx', import.meta.url).pathname;

// Deliberately not the product's parser: the tests compare the database with the file itself.
const pointPattern = /<trkpt lat="([^"]+)" lon="([^"]+)">[\s\S]*?<time>([^<]+)<\/time>/g;

/** Every point of the file in its order. */
export function readTrack(): readonly TrackPoint[] {
  const text = readFileSync(gpxFile, 'utf8');
  return [...text.matchAll(pointPattern)].map(([, lat, lon, time]) => ({
    timeMs: Date.parse(time ?? ''),
    latE7: Math.round(Number(lat) * 1e7),
    lonE7: Math.round(Number(lon) * 1e7),
  }));
}

/** The first point of each time: what the engine keeps of a track sent in order. */
export function distinctTrack(): readonly TrackPoint[] {
  const byTime = new Map<number, TrackPoint>();
  for (const point of readTrack()) if (!byTime.has(point.timeMs)) byTime.set(point.timeMs, point);
  return [...byTime.values()];
}
