/**
 * A process that commits batches one after the other into the embedded database of the directory that it is
 * given, and writes the number of each to stdout once it is committed; made to be killed.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import { keepForEver } from '../../src/retention.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createWriter } from '../../src/store/writer.ts';
import { batchOf, track } from './fixes.ts';

const [, , dataDir = '', first = '0'] = process.argv;
const metrics = createMetrics();
const database = await openDatabase({
  url: null,
  dataDir,
  bounds: limits,
  metrics,
  clock: systemClock,
  random: Math.random,
  chunkIntervalMs: 86_400_000,
  retention: keepForEver,
  compressAfterMs: 0,
});
const writer = createWriter({
  database,
  bounds: limits,
  metrics,
  clock: systemClock,
  random: Math.random,
});
for (let number = Number(first); ; number++) {
  await writer.write(batchOf(track(`veh-${number}`, 50)));
  // Not through a stream: what is written is out before the next batch begins.
  writeSync(1, `${number}\n`);
}
