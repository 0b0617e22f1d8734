/**
 * A refusal as an HTTP reply: its status, its headers, its JSON.
 * Invariant: every refusal has a status, 400 where the table says nothing else; what may be asked again says
 * when.
 * Bound: one small object; `detail` is made here and repeats nothing that a client sent.
 */
import { isTemporary, refusals, type RefusalName } from '../errors.ts';
import type { HttpReply } from './http.ts';

const statuses = {
  unauthorized: '401 Unauthorized',
  forbidden: '403 Forbidden',
  notFound: '404 Not Found',
  notAllowed: '405 Method Not Allowed',
  timeout: '408 Request Timeout',
  conflict: '409 Conflict',
  tooLarge: '413 Content Too Large',
  unprocessable: '422 Unprocessable Content',
  upgrade: '426 Upgrade Required',
  tooMany: '429 Too Many Requests',
  unavailable: '503 Service Unavailable',
  late: '504 Gateway Timeout',
} as const;

const statusOf: Partial<Record<RefusalName, string>> = {
  topicNotAllowed: statuses.forbidden,
  unknownMethod: statuses.notFound,
  callNotAllowed: statuses.forbidden,
  unknownVehicle: statuses.notFound,
  tooManyRevocations: statuses.unavailable,
  databaseUnavailable: statuses.unavailable,
  topicUnavailable: statuses.unavailable,
  tooManyEvents: statuses.unavailable,
  journalFull: statuses.unavailable,
  tokenMissing: statuses.unauthorized,
  tokenMalformed: statuses.unauthorized,
  tokenSignature: statuses.unauthorized,
  tokenAlgorithm: statuses.unauthorized,
  tokenExpired: statuses.unauthorized,
  tokenNotYetValid: statuses.unauthorized,
  tokenIssuer: statuses.unauthorized,
  tokenAudience: statuses.unauthorized,
  tokenClaims: statuses.unauthorized,
  tokenType: statuses.unauthorized,
  tokenRevoked: statuses.unauthorized,
  tokenKeysUnavailable: statuses.unavailable,
  roleNotAllowed: statuses.forbidden,
  notFound: statuses.notFound,
  methodNotAllowed: statuses.notAllowed,
  upgradeRequired: statuses.upgrade,
  originNotAllowed: statuses.forbidden,
  draining: statuses.unavailable,
  tooManyConnections: statuses.unavailable,
  tooManyOfAddress: statuses.tooMany,
  unknownGeofence: statuses.notFound,
  tooManyGeofences: statuses.unprocessable,
  tooManyCases: statuses.unavailable,
  tripTransition: statuses.conflict,
  tripRunning: statuses.conflict,
  tooManyPauses: statuses.conflict,
  unknownTrip: statuses.notFound,
  emergencyTransition: statuses.conflict,
  unknownEmergency: statuses.notFound,
  notificationTransition: statuses.conflict,
  unknownNotification: statuses.notFound,
  commandTransition: statuses.conflict,
  unknownCommand: statuses.notFound,
  rangeTooLong: statuses.unprocessable,
  trackTooLong: statuses.unprocessable,
  bodyTooLarge: statuses.tooLarge,
  bodyTooSlow: statuses.timeout,
  tooManyOfCaller: statuses.tooMany,
  tooManyOpen: statuses.unavailable,
  historyUnavailable: statuses.unavailable,
  notAllowed: statuses.forbidden,
  callTimedOut: statuses.late,
};

const headersOfStatus: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [statuses.unauthorized]: { 'www-authenticate': 'Bearer' },
  [statuses.notAllowed]: { allow: 'GET, HEAD' },
  [statuses.upgrade]: { upgrade: 'websocket' },
  [statuses.tooMany]: { 'retry-after': '1' },
  [statuses.unavailable]: { 'retry-after': '5' },
};

/** A refusal with what is wrong in particular, for people. */
export interface Refused {
  readonly refused: RefusalName;
  readonly detail?: string;
}

/** `{"error", "code", "message", "temporary"}`, and `detail` where there is one. */
export function errorReply(name: RefusalName, detail?: string): HttpReply {
  const { code, message } = refusals[name];
  const status = statusOf[name] ?? '400 Bad Request';
  const error = { error: name, code, message, temporary: isTemporary(name) };
  return {
    status,
    contentType: 'application/json',
    body: `${JSON.stringify(detail === undefined ? error : { ...error, detail })}\n`,
    headers: headersOfStatus[status] ?? {},
  };
}
