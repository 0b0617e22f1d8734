/**
 * Every refusal, close code and operating failure, with its number and its sentence.
 * Invariant: a number never changes its meaning and is never used twice (asserted when this file loads).
 * Bad input is answered with a refusal, which is a value; only operating failures are thrown.
 */

interface Refusal {
  readonly code: number;
  readonly message: string;
}

/** Refusals by name: 1xx a frame, 2xx one fix, 3xx a request, 4xx a token, 5xx HTTP, 6xx the fleet. */
export const refusals = {
  textFrame: { code: 101, message: 'the device plane takes binary frames only' },
  emptyFrame: { code: 102, message: 'the frame is empty' },
  notMessagePack: { code: 103, message: 'the frame is not one whole MessagePack value' },
  trailingBytes: { code: 104, message: 'bytes follow the MessagePack value' },
  notAFrame: { code: 105, message: 'a frame is an array whose first element is its type' },
  unknownType: { code: 106, message: 'the frame type is unknown on this plane' },
  badSeq: { code: 107, message: 'seq must be an integer from 1 on' },
  seqSkipped: { code: 108, message: 'seq must rise by one a frame: a frame is missing' },
  seqRepeated: { code: 109, message: 'seq must rise by one a frame: this one was used before' },
  malformedFrame: { code: 110, message: 'an element of the frame is missing or of the wrong type' },
  tooManyFixes: { code: 111, message: 'more fixes than one frame may hold' },
  badVehicleId: {
    code: 112,
    message: 'a vehicle id is 1 to 64 characters of A-Z a-z 0-9 . _ : -, the first no punctuation',
  },
  vehicleNotAllowed: { code: 113, message: 'the token does not speak for this vehicle' },
  tooManyInFlight: { code: 115, message: 'more unacknowledged frames than the hello allows' },
  journalFull: { code: 116, message: 'the journal cannot take more; resend after reconnecting' },
  notJson: { code: 117, message: 'the frame is not JSON text' },
  newerConnection: { code: 119, message: 'a newer connection of this device took over' },
  beforeHello: { code: 118, message: 'a client waits for the hello before it sends' },

  fixMalformed: { code: 201, message: 'a fix is an array of 3 to 9 elements' },
  fixNotInteger: { code: 202, message: 'numbers of a fix are integers, nil where unknown' },
  latitudeRange: { code: 203, message: 'latitude is not within -90 to 90 degrees' },
  longitudeRange: { code: 204, message: 'longitude is not within -180 to 180 degrees' },
  speedRange: { code: 205, message: 'speed is not within 0 to 1,000 m/s' },
  courseRange: { code: 206, message: 'course is not within 0 to 360 degrees' },
  altitudeRange: { code: 207, message: 'altitude is not within -1,000 to 100,000 m' },
  accuracyRange: { code: 208, message: 'accuracy is not within 0 to 100,000 m' },
  satellitesRange: { code: 209, message: 'satellites is not within 0 to 255' },
  attributesMalformed: {
    code: 210,
    message: 'attributes must be a map of text, finite numbers, booleans, nil, lists and maps',
  },
  attributesTooLarge: { code: 211, message: 'attributes are too large, too many or too deep' },
  timeTooOld: { code: 212, message: 'the time is before the oldest that is accepted' },
  timeTooFarAhead: { code: 213, message: 'the time is too far in the future' },

  badRequestId: { code: 301, message: 'a request id is an integer from 1 on' },
  badTopic: { code: 302, message: 'the topic is malformed' },
  unknownTopic: { code: 303, message: 'there is no such kind of topic' },
  topicNotAllowed: { code: 304, message: 'the token does not allow this topic' },
  tooManyTopics: { code: 305, message: 'more topics than one connection may hold' },
  alreadySubscribed: { code: 306, message: 'this connection is subscribed to the topic already' },
  notSubscribed: { code: 307, message: 'this connection is not subscribed to the topic' },
  unknownMethod: { code: 308, message: 'there is no such method' },
  tooManyRequests: { code: 309, message: 'more requests a second than one connection may send' },
  badArea: {
    code: 310,
    message: 'an area is area:<west>,<south>,<east>,<north> in degrees, south not above north',
  },
  badParams: { code: 311, message: 'a parameter of the call is missing or malformed' },
  callNotAllowed: { code: 312, message: 'the token does not allow this call' },
  unknownVehicle: { code: 313, message: 'the vehicle has sent no position yet' },
  connectionOnly: { code: 314, message: 'the call is for connections of the subscriber plane' },
  tooManyRevocations: { code: 320, message: 'the engine holds as many revocations as it may' },
  databaseUnavailable: { code: 321, message: 'the database did not take it: ask again' },
  topicUnavailable: { code: 330, message: 'the topic cannot be read now: ask again' },
  badEvent: { code: 331, message: 'the event is too large, or holds what cannot be stored' },
  tooManyEvents: { code: 332, message: 'more events wait for the journal than may: ask again' },

  tokenMissing: { code: 401, message: 'no token: send Authorization: Bearer, or bearer.<jwt>' },
  tokenMalformed: { code: 402, message: 'the token is not a JWT that can be read' },
  tokenSignature: { code: 403, message: 'the token is not signed by a key that is trusted' },
  tokenAlgorithm: { code: 404, message: 'the token is signed with an algorithm not allowed' },
  tokenExpired: { code: 405, message: 'the token has expired' },
  tokenNotYetValid: { code: 406, message: 'the token is not valid yet' },
  tokenIssuer: { code: 407, message: 'the token is from another issuer' },
  tokenAudience: { code: 408, message: 'the token is for another audience' },
  tokenClaims: { code: 409, message: 'a claim of the token is missing or malformed' },
  tokenType: { code: 410, message: 'the typ of the token is not JWT' },
  tokenKeysUnavailable: { code: 411, message: 'the keys that verify tokens cannot be fetched now' },
  roleNotAllowed: { code: 412, message: 'the role of the token may not use this plane' },
  tokenOfAnother: { code: 413, message: 'the new token is for another subject or tenant' },
  tokenRevoked: { code: 414, message: 'the token has been revoked' },

  notFound: { code: 501, message: 'there is nothing at this path' },
  methodNotAllowed: { code: 502, message: 'this path takes other methods' },
  upgradeRequired: { code: 503, message: 'this path speaks WebSocket' },
  draining: { code: 504, message: 'the engine is stopping' },
  tooManyConnections: { code: 505, message: 'the engine holds as many connections as it may' },
  subprotocolUnknown: { code: 506, message: 'offer fleetwire.v1 or fleetwire.v1.json' },
  originNotAllowed: { code: 507, message: 'pages of this origin may not connect' },
  tooManyOfUser: { code: 508, message: 'more connections than one user may hold' },
  tooManyOfAddress: { code: 509, message: 'more connections than one address may hold' },

  badGeofence: {
    code: 601,
    message: 'a geofence is a GeoJSON Feature of a Point, or one or many LineString or Polygon',
  },
  fencePosition: {
    code: 602,
    message: 'a position is [longitude, latitude], within -180 to 180 and -90 to 90 degrees',
  },
  fenceTooFewPoints: {
    code: 603,
    message: 'a ring has three positions or more, a line two, each unlike the one before',
  },
  fenceTooManyPoints: { code: 604, message: 'more positions than one geofence may have' },
  fenceCrossing: { code: 605, message: 'the border crosses or touches itself' },
  fenceNesting: {
    code: 606,
    message: 'holes lie in their polygon, polygons outside of each other',
  },
  fenceAntimeridian: {
    code: 607,
    message: 'the shape crosses the antimeridian: cut it there, as RFC 7946 says',
  },
  fenceTooLarge: { code: 608, message: 'the shape spans more degrees than a geofence may' },
  fenceRadius: { code: 609, message: 'radiusM of a circle is not within what it may be' },
  fenceWidth: { code: 610, message: 'widthM of a corridor is not within what it may be' },
  fenceProperties: { code: 611, message: 'a property of the geofence is missing or malformed' },
  tooManyGeofences: {
    code: 612,
    message: 'more geofences, or positions of them, than the engine holds',
  },
  unknownGeofence: { code: 613, message: 'there is no such geofence' },

  vehicleUnclear: { code: 620, message: 'the token speaks for several vehicles: name one' },
  tooManyCases: {
    code: 621,
    message: 'as many of these are open as the engine may hold: ask again',
  },
  tripTransition: { code: 630, message: 'the state of the trip does not allow this' },
  tripRunning: { code: 631, message: 'the vehicle has another trip that has not ended' },
  unknownTrip: { code: 632, message: 'there is no such trip, or it was not started by anybody' },
  unknownAction: { code: 633, message: 'a trip takes start, pause, resume, end or cancel' },
  tooManyPauses: { code: 634, message: 'the trip was paused as often as it may be' },
  emergencyTransition: { code: 640, message: 'the state of the emergency does not allow this' },
  unknownEmergency: { code: 641, message: 'there is no such emergency open' },
  unknownKind: {
    code: 642,
    message: 'an emergency is sos, accident, panic, medical, breakdown or theft',
  },
  notificationTransition: { code: 645, message: 'the notification has been read or has expired' },
  unknownNotification: { code: 646, message: 'there is no such notification unread' },
  commandTransition: { code: 650, message: 'the state of the command does not allow this' },
  unknownCommand: { code: 651, message: 'there is no such command open' },

  badQuery: { code: 670, message: 'a parameter of the query is unknown, missing or malformed' },
  badCursor: { code: 671, message: 'the cursor is not one of this request' },
  badTimeRange: { code: 672, message: 'a time is ISO 8601 or Unix ms, and from lies before to' },
  rangeTooLong: { code: 673, message: 'from and to are further apart than may be asked for' },
  trackTooLong: {
    code: 674,
    message: 'more fixes than one file may have: ask for less time, or for pages of JSON',
  },
  bodyTooLarge: { code: 675, message: 'the body is larger than it may be' },
  badBody: { code: 676, message: 'the body is not JSON text' },
  bodyTooSlow: { code: 677, message: 'the body did not come in time' },
  tooManyOfCaller: {
    code: 678,
    message: 'more requests than one user may make, a second or at once: ask again',
  },
  tooManyOpen: { code: 679, message: 'the engine answers as many requests as it may: ask again' },
  historyUnavailable: { code: 680, message: 'the database did not answer in time: ask again' },
  notAllowed: { code: 681, message: 'the token does not allow this' },
  callTimedOut: { code: 682, message: 'the call was not answered in time: it may have been done' },

  badSpeed: { code: 690, message: 'a replay has speed 0, or one from 0.1 to 1,000' },
  unknownReplay: { code: 691, message: 'this connection has no such replay' },
  tooManyReplays: { code: 692, message: 'more replays than one connection or user may have' },
  tooManyReplaysOpen: {
    code: 693,
    message: 'the engine plays as many replays as it may: ask again',
  },
} as const satisfies Record<string, Refusal>;

export type RefusalName = keyof typeof refusals;

/** Refusals that may not be one when the same is tried again later. */
const temporaryNames: ReadonlySet<RefusalName> = new Set<RefusalName>([
  'journalFull',
  'tooManyInFlight',
  'tokenKeysUnavailable',
  'draining',
  'tooManyConnections',
  'tooManyOfAddress',
  'databaseUnavailable',
  'topicUnavailable',
  'tooManyEvents',
  'tooManyCases',
  'tooManyOfCaller',
  'tooManyOpen',
  'historyUnavailable',
  'tooManyReplaysOpen',
]);

export function isTemporary(name: RefusalName): boolean {
  return temporaryNames.has(name);
}

/** Close codes. Below 3500 a client reconnects with backoff and jitter, from 3500 on it does not. */
export const closeCodes = {
  shutdown: 3001,
  tokenExpired: 3005,
  slow: 3008,
  insufficientState: 3010,
  noPong: 3012,
  tooManyRequests: 3013,
  invalidToken: 3500,
  badRequest: 3501,
  duplicateSession: 3503,
  connectionLimit: 3504,
  topicLimit: 3505,
  permissionDenied: 3507,
} as const;

export type CloseName = keyof typeof closeCodes;

/** The first close code that tells a client not to come back. */
export const terminalCloseCode = 3500;

/** True where a client should reconnect after this close code (RFC 6455's own codes included). */
export function mayReconnect(closeCode: number): boolean {
  return closeCode < terminalCloseCode || closeCode >= 4000;
}

/** Operating failures by code; the message names the setting to change. */
export type FailureCode =
  | 'CONFIG_INVALID'
  | 'DATABASE_UNREACHABLE'
  | 'DATABASE_NO_TIMESCALE'
  | 'DATABASE_SCHEMA_NEWER'
  | 'DATABASE_MIGRATION'
  | 'DATABASE_DEADLINE'
  | 'DATABASE_READ'
  | 'WRITER_CLOSED'
  | 'EMBEDDED_FAILED'
  | 'JOURNAL_IO'
  | 'JOURNAL_LOCKED'
  | 'JOURNAL_FORMAT'
  | 'LISTEN_FAILED'
  | 'UWS_NOT_LOADED'
  | 'FILE_UNREADABLE'
  | 'ENGINE_UNREACHABLE'
  | 'ENGINE_REFUSED'
  | 'ENGINE_DIED';

/** An operating failure: something outside the code is not as it must be. */
export class FleetwireError extends Error {
  override readonly name = 'FleetwireError';
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const codes = Object.values(refusals).map((refusal) => refusal.code);
if (new Set(codes).size !== codes.length) throw new Error('errors: a refusal code is used twice');
