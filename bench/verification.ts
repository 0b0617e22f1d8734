/**
 * The fleet that a prediction is about, run for real: the whole of it, or the part that one load process can be on the
 * machine of the engine.
 * Invariant: an engine of its own, whose turns lie between those of the calibration, for a machine that is shared is
 * faster or slower for minutes; every acked fix is a row at the end.
 * Bound: `verified`, and a turn before the first that counts.
 */
import { compareUsage, errorFigures } from './capacityfigures.ts';
import { openCapacityLoad, type LoadSample } from './capacityload.ts';
import { usageOf, type Calibration, type CapacityPlan } from './capacitymodel.ts';
import { meanSample } from './calibration.ts';
import { rounded, type SuiteContext, type SuiteResult } from './suite.ts';

export interface Verification {
  turn(): Promise<void>;
  /** Ends its engine. */
  finish(calibration: Calibration): Promise<SuiteResult>;
  close(): Promise<void>;
}

const verified = { vehicles: 16_000, fixesPerS: 8_000, subscribers: 200 } as const;

/** The part of the plan that can be run here, in proportion. */
function verifiable(plan: CapacityPlan): CapacityPlan {
  const part = Math.min(
    1,
    verified.vehicles / plan.vehicles,
    (verified.fixesPerS * plan.intervalS) / plan.vehicles,
  );
  return {
    ...plan,
    vehicles: Math.max(1, Math.round(plan.vehicles * part)),
    subscribers: Math.min(verified.subscribers, plan.subscribers),
  };
}

export async function openVerification(
  plan: CapacityPlan,
  { databasePid, say }: Pick<SuiteContext, 'databasePid' | 'say'>,
  seconds: number,
): Promise<Verification> {
  const part = verifiable(plan);
  const { vehicles, subscribers, intervalS } = part;
  const fleet = { name: 'fleet', vehicles, fixesPerS: vehicles / intervalS };
  const samples: LoadSample[] = [];
  say(`to verify: ${vehicles} vehicles, ${subscribers} subscribers`);
  const load = await openCapacityLoad(databasePid);
  try {
    await load.warm();
    await load.open(fleet);
    if (subscribers > 0) await load.watch(subscribers);
    await load.measure(fleet, seconds);
  } catch (error) {
    await load.close();
    throw error;
  }
  return {
    async turn() {
      say(`${Math.round(fleet.fixesPerS)} fixes a second of ${vehicles} vehicles, to verify`);
      samples.push(await load.measure(fleet, seconds));
    },
    async finish(calibration) {
      const { rowBytes, failures } = await load.finish();
      const compared = compareUsage(usageOf(calibration, part), calibration, {
        ...meanSample(samples),
        rowBytes,
      });
      for (const { name, predicted, measured } of compared) {
        say(`${name}: predicted ${rounded(predicted)}, took ${rounded(measured)}`);
      }
      return { figures: errorFigures(compared), noise: null, failures };
    },
    close: () => load.close(),
  };
}
