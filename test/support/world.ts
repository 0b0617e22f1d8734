/**
 * Vehicles of one tenant that a gateway moves, and where they are: what every map of them has to show in the end.
 * Invariant: it knows each vehicle by the newest fix that was sent of it.
 * Bound: one place for each vehicle.
 */
import type { EngineTest } from './enginetest.ts';
import { openGate, type Gate, type GateOptions, type Place } from './gate.ts';
import { areaOf, covers, type Answer, type LiveMap } from './livemap.ts';

export interface World extends Gate {
  /** The newest time of each vehicle that is in the area of the answer; of all where it has none. */
  within(answer: Answer): ReadonlyMap<string, number>;
  /** Fixes sent of the vehicle. */
  sent(vehicle: string): number;
  /** Moves all of these, each with so much in its fix that a socket which nobody reads is full soon. */
  moveHeavily(vehicles: readonly string[]): Promise<void>;
}

/** More than the position that `moveHeavily` makes takes in a frame. */
export const heavyPositionBytesMax = 1_000;
const attributes = { filler: 'x'.repeat(900) };

export async function openWorld(test: EngineTest, options: GateOptions = {}): Promise<World> {
  const gate = await openGate(test, options);
  const places = new Map<string, Place & { readonly timeMs: number }>();
  const sent = new Map<string, number>();
  let heavyRounds = 0;

  async function move(vehicle: string, place: Place): Promise<number> {
    const timeMs = await gate.move(vehicle, place);
    places.set(vehicle, { ...place, timeMs });
    sent.set(vehicle, (sent.get(vehicle) ?? 0) + 1);
    return timeMs;
  }

  return {
    ...gate,
    move,
    within({ area }) {
      const covered = area === undefined ? null : areaOf(area);
      const inside = [...places].filter(
        ([, { lat, lon }]) => covered === null || covers(covered, lat, lon),
      );
      return new Map(inside.map(([vehicle, { timeMs }]) => [vehicle, timeMs]));
    },
    sent: (vehicle) => sent.get(vehicle) ?? 0,
    async moveHeavily(vehicles) {
      heavyRounds += 1;
      for (const [index, vehicle] of vehicles.entries()) {
        const lon = -8.99 + (heavyRounds % 80) / 100;
        await move(vehicle, { lat: 52.2 + (index % 150) / 200, lon, attributes });
      }
    },
  };
}

/** Reads until the map shows what is in the area of the answer. */
export async function agree(map: LiveMap, world: World, answer: Answer): Promise<void> {
  await world.settled();
  await map.until(() => isSame(map.vehicles, world.within(answer)));
}

export function isSame(
  one: ReadonlyMap<string, number>,
  other: ReadonlyMap<string, number>,
): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}
