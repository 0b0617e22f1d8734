/** Arbitrary frames for properties: every type of every plane, within the protocol's bounds. */
import fc from 'fast-check';
import {
  frameTypes,
  type DeviceFrame,
  type DeviceReply,
  type Fix,
  type LivePosition,
  type Plain,
  type PlainMap,
  type SubscriberFrame,
  type SubscriberReply,
  type WireFix,
} from '../../src/wire/types.ts';

const integer = fc.maxSafeInteger();
const count = fc.nat();
const seq = fc.integer({ min: 1 });
const word = fc
  .string({ maxLength: 40, unit: 'grapheme' })
  .filter((text) => !text.includes('\0') && text.isWellFormed());
const orNull = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> =>
  fc.option(value, { nil: null });

// MessagePack and JSON both keep doubles, but JSON has no negative zero.
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const scalar: fc.Arbitrary<Plain> = fc.oneof(fc.constant(null), fc.boolean(), finite, word);
const key = word.filter((text) => text !== '__proto__');

/** A map of scalars, lists and maps, as deep and large as attributes may be. */
export const attributes: fc.Arbitrary<PlainMap> = fc.dictionary(
  key,
  fc.oneof(
    scalar,
    fc.array(scalar, { maxLength: 4 }),
    fc.dictionary(key, scalar, { maxKeys: 3, noNullPrototype: true }),
  ),
  { maxKeys: 5, noNullPrototype: true },
);

export const wireFix: fc.Arbitrary<WireFix> = fc
  .tuple(
    fc.integer(),
    fc.integer({ min: -900_000_000, max: 900_000_000 }),
    fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
    orNull(fc.integer({ min: 0, max: 100_000 })),
    orNull(fc.integer({ min: 0, max: 36_000 })),
    orNull(fc.integer({ min: -10_000, max: 1_000_000 })),
    orNull(fc.integer({ min: 0, max: 1_000_000 })),
    orNull(fc.integer({ min: 0, max: 255 })),
    orNull(attributes),
  )
  .chain((fix) =>
    fc.integer({ min: 3, max: 9 }).map((length) => fix.slice(0, length) as unknown as WireFix),
  );

/** A valid decoded fix between 2000 and 2100. */
export const validFix: fc.Arbitrary<Fix> = fc.record({
  timeMs: fc.integer({ min: 946_684_800_000, max: 4_102_444_800_000 }),
  latE7: fc.integer({ min: -900_000_000, max: 900_000_000 }),
  lonE7: fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
  speedCms: orNull(fc.integer({ min: 0, max: 100_000 })),
  courseCdeg: orNull(fc.integer({ min: 0, max: 36_000 })),
  altitudeDm: orNull(fc.integer({ min: -10_000, max: 1_000_000 })),
  accuracyDm: orNull(fc.integer({ min: 0, max: 1_000_000 })),
  satellites: orNull(fc.integer({ min: 0, max: 255 })),
  attributes: orNull(attributes.map((map) => JSON.stringify(map))),
  attributesMap: fc.constant(null),
  flags: fc.integer({ min: 0, max: 7 }),
});

export const livePositionFrame: fc.Arbitrary<LivePosition> = fc.tuple(
  fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,20}$/),
  integer,
  integer,
  integer,
  orNull(integer),
  orNull(integer),
  orNull(integer),
  orNull(integer),
  orNull(integer),
  orNull(attributes),
  fc.integer({ min: 0, max: 7 }),
  seq,
);

export const deviceFrame: fc.Arbitrary<DeviceFrame> = fc.oneof(
  fc.record({
    type: fc.constant(frameTypes.positions),
    seq,
    baseMs: integer,
    fixes: fc.array(wireFix, { maxLength: 20 }),
    vehicle: orNull(word),
  }),
  fc.record({
    type: fc.constant(frameTypes.trip),
    seq,
    tripId: word,
    action: word,
    timeMs: integer,
    attributes: orNull(attributes),
    vehicle: orNull(word),
  }),
  fc.record({
    type: fc.constant(frameTypes.emergency),
    seq,
    emergencyId: word,
    kind: word,
    timeMs: integer,
    latE7: integer,
    lonE7: integer,
    message: orNull(word),
    vehicle: orNull(word),
  }),
  fc.record({
    type: fc.constant(frameTypes.status),
    seq,
    timeMs: integer,
    attributes,
    vehicle: orNull(word),
  }),
  fc.record({
    type: fc.constant(frameTypes.commandAnswer),
    seq,
    commandId: word,
    status: word,
    result: fc.oneof(scalar, attributes),
  }),
  fc.record({ type: fc.constant(frameTypes.refresh), token: word }),
);

export const deviceReply: fc.Arbitrary<DeviceReply> = fc.oneof(
  fc.record({
    type: fc.constant(frameTypes.deviceHello),
    session: fc.record({
      protocol: fc.constant(1 as const),
      session: word,
      ackLevel: fc.constantFrom(1 as const, 2 as const),
      frameBytesMax: count,
      fixesPerFrameMax: count,
      framesInFlightMax: count,
      serverTimeMs: count,
    }),
  }),
  fc.record({
    type: fc.constant(frameTypes.ack),
    seq,
    level: fc.constantFrom(1 as const, 2 as const),
  }),
  fc.record({
    type: fc.constant(frameTypes.refused),
    seq,
    code: count,
    message: word,
    indexes: orNull(fc.array(count, { maxLength: 5 })),
  }),
  fc.record({ type: fc.constant(frameTypes.slowDown), retryAfterMs: count }),
  fc.record({
    type: fc.constant(frameTypes.settings),
    settings: attributes,
    vehicle: fc.option(fc.constant('bus-304'), { nil: null }),
  }),
  fc.record({
    type: fc.constant(frameTypes.command),
    commandId: word,
    name: word,
    arguments: fc.oneof(scalar, attributes),
    vehicle: fc.option(fc.constant('bus-304'), { nil: null }),
  }),
);

export const subscriberFrame: fc.Arbitrary<SubscriberFrame> = fc.oneof(
  fc.record({
    type: fc.constant(frameTypes.subscribe),
    request: seq,
    topic: word,
    options: orNull(attributes),
  }),
  fc.record({ type: fc.constant(frameTypes.unsubscribe), request: seq, topic: word }),
  fc.record({
    type: fc.constant(frameTypes.call),
    request: seq,
    method: word,
    params: fc.oneof(scalar, attributes),
  }),
  fc.record({ type: fc.constant(frameTypes.refresh), token: word }),
);

export const subscriberReply: fc.Arbitrary<SubscriberReply> = fc.oneof(
  fc.record({
    type: fc.constant(frameTypes.subscriberHello),
    session: fc.record({
      protocol: fc.constant(1 as const),
      session: word,
      topicsMax: count,
      serverTimeMs: count,
    }),
  }),
  fc.record({
    type: fc.constant(frameTypes.success),
    request: seq,
    result: fc.oneof(scalar, attributes),
  }),
  fc.record({
    type: fc.constant(frameTypes.error),
    request: seq,
    code: count,
    message: word,
    temporary: fc.boolean(),
  }),
  fc.record({
    type: fc.constant(frameTypes.event),
    topic: word,
    offset: count,
    event: word,
    data: fc.oneof(scalar, attributes),
  }),
  fc.record({
    type: fc.constant(frameTypes.livePositions),
    topic: word,
    positions: fc.array(livePositionFrame, { maxLength: 5 }),
  }),
  fc.record({
    type: fc.constant(frameTypes.conflated),
    topic: word,
    skipped: count,
    durationMs: count,
  }),
  fc.record({ type: fc.constant(frameTypes.unsubscribed), topic: word, reason: word }),
);
