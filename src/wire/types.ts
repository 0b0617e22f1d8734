/**
 * The frames of the protocol as types; docs/protocol.md is their normative text. No code but the numbers.
 * Invariant: `decode` yields these and nothing else, `encode` takes these and nothing else.
 */

/** The type number that each frame starts with. */
export const frameTypes = {
  positions: 1,
  trip: 2,
  emergency: 3,
  status: 4,
  commandAnswer: 5,
  refresh: 9,
  deviceHello: 16,
  ack: 17,
  refused: 18,
  slowDown: 19,
  settings: 20,
  command: 21,
  subscribe: 32,
  unsubscribe: 33,
  call: 34,
  subscriberHello: 48,
  success: 49,
  error: 50,
  event: 51,
  livePositions: 52,
  conflated: 53,
  unsubscribed: 54,
} as const;

export const ackLevels = { journaled: 1, stored: 2 } as const;
export type AckLevel = (typeof ackLevels)[keyof typeof ackLevels];

/** A value that MessagePack and JSON both hold. */
export type Plain = null | boolean | number | string | readonly Plain[] | PlainMap;
export interface PlainMap {
  readonly [key: string]: Plain;
}

/**
 * One fix as it travels: `[dtMs, latE7, lonE7, speedCms, courseCdeg, altitudeDm, accuracyDm, satellites,
 * attributes]`, 3 to 9 elements, `null` where unknown. `dtMs` is added to the frame's `baseMs`.
 */
export type WireFix = readonly [
  dtMs: number,
  latE7: number,
  lonE7: number,
  speedCms?: number | null,
  courseCdeg?: number | null,
  altitudeDm?: number | null,
  accuracyDm?: number | null,
  satellites?: number | null,
  attributes?: PlainMap | null,
];

/**
 * Positions of one vehicle. `fixes` is still what the device sent: each is decoded on its own
 * (`decodeFix`), so that a bad one refuses itself and not its neighbours.
 */
export interface PositionsFrame {
  readonly type: typeof frameTypes.positions;
  readonly seq: number;
  readonly baseMs: number;
  readonly fixes: readonly unknown[];
  readonly vehicle: string | null;
}
export interface TripFrame {
  readonly type: typeof frameTypes.trip;
  readonly seq: number;
  readonly tripId: string;
  readonly action: string;
  readonly timeMs: number;
  readonly attributes: PlainMap | null;
  /** Of those that the token names; `null` where it is clear. */
  readonly vehicle: string | null;
}
export interface EmergencyFrame {
  readonly type: typeof frameTypes.emergency;
  readonly seq: number;
  readonly emergencyId: string;
  readonly kind: string;
  readonly timeMs: number;
  readonly latE7: number;
  readonly lonE7: number;
  readonly message: string | null;
  /** Of those that the token names; `null` where it is clear. */
  readonly vehicle: string | null;
}
export interface StatusFrame {
  readonly type: typeof frameTypes.status;
  readonly seq: number;
  readonly timeMs: number;
  readonly attributes: PlainMap;
  /** Of those that the token names; `null` where it is clear. */
  readonly vehicle: string | null;
}
export interface CommandAnswerFrame {
  readonly type: typeof frameTypes.commandAnswer;
  readonly seq: number;
  readonly commandId: string;
  readonly status: string;
  readonly result: Plain;
}
export interface RefreshFrame {
  readonly type: typeof frameTypes.refresh;
  readonly token: string;
}

export type DeviceFrame =
  PositionsFrame | TripFrame | EmergencyFrame | StatusFrame | CommandAnswerFrame | RefreshFrame;

/** What the engine tells a device when it connects. */
export interface DeviceSession {
  readonly protocol: 1;
  readonly session: string;
  /** The level at which frames are acknowledged first. */
  readonly ackLevel: AckLevel;
  readonly frameBytesMax: number;
  readonly fixesPerFrameMax: number;
  readonly framesInFlightMax: number;
  readonly serverTimeMs: number;
}

export type DeviceReply =
  | { readonly type: typeof frameTypes.deviceHello; readonly session: DeviceSession }
  | { readonly type: typeof frameTypes.ack; readonly seq: number; readonly level: AckLevel }
  | {
      readonly type: typeof frameTypes.refused;
      readonly seq: number;
      readonly code: number;
      readonly message: string;
      /** The refused fixes of the frame, counted from 0; `null` where the whole frame is refused. */
      readonly indexes: readonly number[] | null;
    }
  | { readonly type: typeof frameTypes.slowDown; readonly retryAfterMs: number }
  | {
      readonly type: typeof frameTypes.settings;
      readonly settings: PlainMap;
      /** Of the vehicles of a gateway; `null` where it is the device's own. */
      readonly vehicle: string | null;
    }
  | {
      readonly type: typeof frameTypes.command;
      readonly commandId: string;
      readonly name: string;
      readonly arguments: Plain;
      /** Of the vehicles of a gateway; `null` where it is the device's own. */
      readonly vehicle: string | null;
    };

export interface SubscribeFrame {
  readonly type: typeof frameTypes.subscribe;
  readonly request: number;
  readonly topic: string;
  readonly options: PlainMap | null;
}
export interface UnsubscribeFrame {
  readonly type: typeof frameTypes.unsubscribe;
  readonly request: number;
  readonly topic: string;
}
export interface CallFrame {
  readonly type: typeof frameTypes.call;
  readonly request: number;
  readonly method: string;
  readonly params: Plain;
}

export type SubscriberFrame = SubscribeFrame | UnsubscribeFrame | CallFrame | RefreshFrame;

/** What the engine tells a subscriber when it connects. */
export interface SubscriberSession {
  readonly protocol: 1;
  readonly session: string;
  readonly topicsMax: number;
  readonly serverTimeMs: number;
}

/**
 * A position as subscribers get it: `[vehicle, timeMs, latE7, lonE7, speedCms, courseCdeg, altitudeDm,
 * accuracyDm, satellites, attributes, flags, count]`. `count` is how many fixes it stands for (the newest
 * of them), `flags` are those of `fixFlags`.
 */
export type LivePosition = readonly [
  vehicle: string,
  timeMs: number,
  latE7: number,
  lonE7: number,
  speedCms: number | null,
  courseCdeg: number | null,
  altitudeDm: number | null,
  accuracyDm: number | null,
  satellites: number | null,
  attributes: PlainMap | null,
  flags: number,
  count: number,
];

export interface SubscribeResult {
  readonly epoch: string;
  readonly offset: number;
  readonly wasRecovering: boolean;
  readonly recovered: boolean;
  readonly snapshot: readonly Plain[];
}

export type SubscriberReply =
  | { readonly type: typeof frameTypes.subscriberHello; readonly session: SubscriberSession }
  | { readonly type: typeof frameTypes.success; readonly request: number; readonly result: Plain }
  | {
      readonly type: typeof frameTypes.error;
      readonly request: number;
      readonly code: number;
      readonly message: string;
      readonly temporary: boolean;
    }
  | {
      readonly type: typeof frameTypes.event;
      readonly topic: string;
      readonly offset: number;
      readonly event: string;
      readonly data: Plain;
    }
  | {
      readonly type: typeof frameTypes.livePositions;
      readonly topic: string;
      readonly positions: readonly LivePosition[];
    }
  | {
      readonly type: typeof frameTypes.conflated;
      readonly topic: string;
      readonly skipped: number;
      readonly durationMs: number;
    }
  | {
      readonly type: typeof frameTypes.unsubscribed;
      readonly topic: string;
      readonly reason: string;
    };

/** Bits of a position's `flags`, stored and published alike. */
export const fixFlags = {
  /** Its time is ahead of the engine's clock: stored, never live. */
  clockSkew: 1,
  /** It was older than `liveAgeMaxMs` when it arrived. */
  late: 2,
  /** It came through the backfill lane. */
  backfill: 4,
  // Why it was filtered (src/fleet/filter.ts): stored, never live, and nothing follows from it.
  zeroIsland: 8,
  duplicate: 16,
  jump: 32,
  inaccurate: 64,
  drift: 128,
  frequent: 256,
  /** It was older than `filterOutdatedMs` when it arrived. */
  outdated: 512,
} as const;

/** One checked fix in wire units. Mutable: one is reused for a whole frame. */
export interface Fix {
  timeMs: number;
  latE7: number;
  lonE7: number;
  speedCms: number | null;
  courseCdeg: number | null;
  altitudeDm: number | null;
  accuracyDm: number | null;
  satellites: number | null;
  /** JSON text. */
  attributes: string | null;
  /** What that text says, where it came as a map and need not be parsed; else `null`. Whoever keeps a fix keeps the text. */
  attributesMap: PlainMap | null;
  flags: number;
}
