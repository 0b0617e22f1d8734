/**
 * Where the next page begins, as text that clients hand back as they got it.
 * Invariant: a cursor names the kind of page that it is of, and is read by that kind only. It gives nobody
 * anything: what a page shows is asked of the token each time.
 * Bound: `cursorCharsMax`.
 */
import { z } from 'zod';
import { vehicleEventKinds } from '../../fleet/output.ts';
import { isStorable, isVehicleId } from '../../identity.ts';

const cursorCharsMax = 512;

/** A cursor as it is sent; `readCursor` reads it. */
export const cursorText = z.string().max(cursorCharsMax);

export interface CursorKind<Place> {
  readonly name: string;
  readonly place: z.ZodType<Place>;
}

/** Pages of vehicles, by id. */
export const vehicleCursor: CursorKind<string> = { name: 'vehicle', place: z.string() };

/** Pages of a track, by time. */
export const trackCursor: CursorKind<number> = {
  name: 'track',
  place: z
    .number()
    .int()
    .min(0)
    .max(Date.UTC(9999, 11, 31)),
};

/** Pages of sessions. */
export const sessionCursor: CursorKind<{ startedAtMs: number; id: string }> = {
  name: 'session',
  place: z.object({
    startedAtMs: z
      .number()
      .int()
      .min(0)
      .max(Date.UTC(9999, 11, 31)),
    id: z.uuid(),
  }),
};

/** Pages of trips, emergencies and so on, by when they began. */
export function caseCursor(table: string): CursorKind<{ beganMs: number; id: string }> {
  return {
    name: table,
    place: z.object({
      beganMs: z
        .number()
        .int()
        .min(0)
        .max(Date.UTC(9999, 11, 31)),
      id: z.string().min(1).max(256).refine(isStorable),
    }),
  };
}

/** Pages of events of vehicles, by time. */
export const vehicleEventCursor: CursorKind<{
  timeMs: number;
  vehicle: string;
  kind: string;
  subject: string;
}> = {
  name: 'vehicleEvent',
  place: z.object({
    timeMs: z
      .number()
      .int()
      .min(0)
      .max(Date.UTC(9999, 11, 31)),
    vehicle: z.string().refine(isVehicleId),
    kind: z.enum(vehicleEventKinds),
    subject: z.string().max(64).refine(isStorable),
  }),
};

/** Pages of geofences, by id. */
export const geofenceCursor: CursorKind<string> = {
  name: 'geofence',
  place: z.string().refine(isStorable),
};

export function makeCursor<Place>(kind: CursorKind<Place>, place: Place): string {
  return Buffer.from(JSON.stringify([kind.name, place])).toString('base64url');
}

/** The place; undefined where the text is no cursor of the kind, null where there is none. */
export function readCursor<Place>(
  kind: CursorKind<Place>,
  text: string | undefined,
): Place | null | undefined {
  if (text === undefined) return null;
  try {
    const read: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (!Array.isArray(read) || read[0] !== kind.name) return undefined;
    const parsed = kind.place.safeParse(read[1]);
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
