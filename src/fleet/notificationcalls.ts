/**
 * The calls about notifications.
 * Invariant: everybody reads the own ones, whatever the token; what is sent to one, a role or the tenant stays in the
 * caller's.
 * Bound: see answering.ts; a notification lasts `notificationTtlMaxMs` at most.
 */
import { isUserName, roles } from '../identity.ts';
import { mayManage } from '../live/access.ts';
import type { Plain, PlainMap } from '../wire/types.ts';
import { answering, type CallsOf, type FleetCallsOptions } from './answering.ts';
import { everyone } from './dockets.ts';
import { severities, type Draft } from './notification.ts';
import { readExpiry, readId, readText, readTextOrNull } from './params.ts';
import { isMap } from './shape.ts';

export function createNotificationCalls(options: FleetCallsOptions): CallsOf<'notification'> {
  const { desk, newId, clock, bounds } = options;

  function readDraft(params: PlainMap, createdBy: string): Draft | undefined {
    const createdMs = clock.nowMs();
    const { notificationTtlMs: ttlMs, notificationTtlMaxMs: ttlMaxMs } = bounds;
    const id = readId(params['id'], newId);
    const severity = severities.find((name) => name === (params['severity'] ?? 'info'));
    const title = readText(params['title'], bounds.messageCharsMax);
    const body = readTextOrNull(params['body'], bounds.bodyCharsMax);
    const expiresMs = readExpiry(params['expiresMs'], createdMs, ttlMs, ttlMaxMs);
    const { data = null } = params;
    if (id === undefined || severity === undefined || title === undefined) return undefined;
    if (body === undefined || expiresMs === undefined) return undefined;
    return { id, severity, title, body, data, createdMs, createdBy, expiresMs };
  }

  return {
    'notification.send'(identity, params, outcome) {
      const { tenant, subject } = identity;
      const draft = readDraft(params, subject);
      const to = readRecipient(params['to']);
      if (draft === undefined || to === undefined) return outcome.refuse('badParams');
      if (!mayManage(identity, null)) return outcome.refuse('callNotAllowed');
      if ('user' in to) {
        desk.notifications.sendToUser(tenant, to.user, draft, answering(outcome));
      } else {
        desk.notifications.sendToMany(tenant, to.audience, draft, answering(outcome));
      }
    },
    'notification.read'({ tenant, subject }, params, outcome) {
      // Also those of the engine's own making.
      const id = readText(params['id'], bounds.messageCharsMax);
      if (id === undefined) return outcome.refuse('badParams');
      desk.notifications.read(tenant, subject, id, answering(outcome));
    },
    'notification.readAll'({ tenant, subject }, _params, outcome) {
      desk.notifications.readAll(tenant, subject, (done) => {
        if ('refused' in done) outcome.refuse(done.refused);
        else outcome.succeed({ count: done.count });
      });
    },
  };
}

/** `{user}`, `{role}` or `{everyone: true}`. */
function readRecipient(
  to: Plain | undefined,
): { readonly user: string } | { readonly audience: string } | undefined {
  if (to === undefined || !isMap(to) || Object.keys(to).length !== 1) return undefined;
  const { user, role } = to;
  if (typeof user === 'string' && isUserName(user)) return { user };
  const audience = to['everyone'] === true ? everyone : roles.find((name) => name === role);
  return audience === undefined ? undefined : { audience };
}
