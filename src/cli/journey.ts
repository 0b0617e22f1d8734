/**
 * The real journey that comes with the project: bus 304 through Limerick (routes/README.md).
 * Invariant: found from the sources and from the build alike, which lie equally deep in the package.
 */
import { fileURLToPath } from 'node:url';
import { readGpx, type TrackPoint } from './gpx.ts';

export const journeyFile = fileURLToPath(
  new URL('../../routes/limerick-bus-304.gpx', import.meta.url),
);

export function readJourney(): Promise<readonly TrackPoint[]> {
  return readGpx(journeyFile);
}
