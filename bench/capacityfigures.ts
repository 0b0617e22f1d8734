/**
 * A prediction, and its error, as figures.
 * Invariant: the goal is stated here: no prediction that was verified is further off than `errorMax`.
 */
import type { LoadSample } from './capacityload.ts';
import { errorOf, type Calibration, type Prediction, type Usage } from './capacitymodel.ts';
import type { Figure } from './suite.ts';

const errorMax = 0.15;

export function planFigures(prediction: Prediction): Figure[] {
  const { usage, demands, nodes, diskBytes } = prediction;
  return [
    figure('nodes', nodes, 'nodes'),
    ...demands.map(({ resource, share }) =>
      figure(`of one machine: ${resource}`, share * 100, '%'),
    ),
    figure('fixes', usage.fixesPerS, 'fixes/s'),
    figure('event loop', usage.loopCores, 'cores'),
    figure('engine', usage.engineCores, 'cores'),
    ...(usage.databaseCores === null ? [] : [figure('database', usage.databaseCores, 'cores')]),
    figure('memory of the engine', usage.memoryBytes / 1e6, 'MB'),
    figure('network, in', (usage.inBytesPerS * 8) / 1e6, 'Mbit/s'),
    figure('network, out', (usage.outBytesPerS * 8) / 1e6, 'Mbit/s'),
    figure('journal, written', usage.journalBytesPerDay / 1e9, 'GB/day'),
    figure('rows on disk, raw', usage.rowBytesPerDay / 1e9, 'GB/day'),
    figure('rows on disk, compressed', usage.compressedRowBytesPerDay / 1e9, 'GB/day'),
    figure('disk of the database, as long as rows are kept', diskBytes / 1e9, 'GB'),
  ];
}

/** Of one resource, for the load that was run. */
export interface Compared {
  readonly name: string;
  readonly predicted: number;
  readonly measured: number;
}

export function compareUsage(
  usage: Usage,
  calibration: Calibration,
  sample: LoadSample & { readonly rowBytes: number },
): readonly Compared[] {
  const { fixesPerS, subscriberBytesPerS, outBytesPerFix } = sample;
  const pairs: readonly (readonly [name: string, predicted: number, measured: number])[] = [
    ['event loop (cores)', usage.loopCores, sample.loopCores],
    ['engine (cores)', usage.engineCores, sample.engineCores],
    ...(usage.databaseCores === null || sample.databaseCores === null
      ? []
      : [['database (cores)', usage.databaseCores, sample.databaseCores] as const]),
    ['memory of the engine (bytes)', usage.memoryBytes, sample.memoryBytes],
    ['network, in (bytes/s)', usage.inBytesPerS, sample.inBytesPerFix * fixesPerS],
    [
      'network, out (bytes/s)',
      usage.outBytesPerS,
      outBytesPerFix * fixesPerS + subscriberBytesPerS,
    ],
    ['journal (bytes a fix)', calibration.journalBytesPerFix, sample.journalBytesPerFix],
    ['rows on disk (bytes each)', calibration.rowBytes, sample.rowBytes],
  ];
  return pairs.map(([name, predicted, measured]) => ({ name, predicted, measured }));
}

export function errorFigures(compared: readonly Compared[]): Figure[] {
  return compared.map(({ name, predicted, measured }) =>
    figure(`error, ${name}`, errorOf(predicted, measured) * 100, '%', errorMax * 100),
  );
}

function figure(name: string, value: number, unit: string, goal: number | null = null): Figure {
  return { name, value, unit, goal, better: 'lower' };
}
