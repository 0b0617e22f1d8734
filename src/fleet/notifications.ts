/**
 * Notifications: those of one user each, and those to a role or a tenant, which are given to each user one by one.
 * Invariant: whoever is known when it is sent gets a copy, also where the engine dies in between; who connects for the
 * first time gets those that have not expired. A copy is known by its id: nobody gets two.
 * Bound: `notificationsOpenMax` unread ones, `audiencesOpenMax` to roles and tenants.
 */
import { isTemporary, type RefusalName } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import { createAgenda } from './agenda.ts';
import { audienceMachine, type AudienceNotification } from './audience.ts';
import { createCases, type Settle } from './cases.ts';
import type { DeskContext } from './context.ts';
import type { Case } from './docket.ts';
import { everyone, topicOf } from './dockets.ts';
import { createFanOut } from './fanout.ts';
import { notificationMachine, type Draft, type Notification } from './notification.ts';
import type { Users } from './users.ts';

export interface Notifications {
  sendToUser(tenant: string, user: string, draft: Draft, settle: Settle<Notification>): void;
  /** `audience` is a role, or `everyone`. Settled once it is sure that each will get it. */
  sendToMany(
    tenant: string,
    audience: string,
    draft: Draft,
    settle?: Settle<AudienceNotification>,
  ): void;
  read(tenant: string, user: string, id: string, settle: Settle<Notification>): void;
  /** Tells how many were read, or why not all of them were. */
  readAll(
    tenant: string,
    user: string,
    done: (outcome: { readonly count: number } | { readonly refused: RefusalName }) => void,
  ): void;
  /** A user has connected. */
  connected(identity: Pick<Identity, 'tenant' | 'subject' | 'role'>): void;
  stop(): void;
}

export interface NotificationsOptions extends DeskContext {
  readonly users: Users;
  readonly bounds: Pick<Limits, 'caseInputsMax' | 'deskRetryMs' | 'fanOutInFlightMax'>;
}

export function createNotifications(options: NotificationsOptions): Notifications {
  const { dockets, users, clock, metrics, bounds } = options;
  const { counters } = metrics;
  const fanOut = createFanOut({ clock, metrics, bounds });
  const copies = createCases({
    ...options,
    machine: notificationMachine,
    docket: dockets.notifications,
    isUrgent: isFromEngine,
    onChange: (one) => copyAgenda.note(one),
  });
  const originals = createCases({
    ...options,
    machine: audienceMachine,
    docket: dockets.audiences,
    isUrgent: isFromEngine,
    onChange(one, state) {
      originalAgenda.note(one);
      if (state.revision === 1) distribute(one, state);
    },
  });
  const timing = { retryMs: bounds.deskRetryMs, clock };
  const copyAgenda = createAgenda<Case<Notification>>({
    dueOf: ({ state }) => (state?.state === 'unread' ? state.expiresMs : null),
    act(one) {
      copies.put(one, { kind: 'expire' }, (outcome) => {
        if ('refused' in outcome) later(one, outcome.refused, () => copyAgenda.retry(one));
      });
    },
    ...timing,
  });
  const originalAgenda = createAgenda<Case<AudienceNotification>>({
    dueOf: ({ state }) => (state === null || state.state === 'expired' ? null : state.expiresMs),
    act(one) {
      originals.put(one, { kind: 'expire' }, (outcome) => {
        if ('refused' in outcome) later(one, outcome.refused, () => originalAgenda.retry(one));
      });
    },
    ...timing,
  });
  for (const one of dockets.notifications.all()) copyAgenda.note(one);
  for (const one of dockets.audiences.all()) {
    originalAgenda.note(one);
    if (one.state?.state === 'sending') distribute(one, one.state);
  }

  function later(
    { tenant, topic, id }: Case<unknown>,
    refused: RefusalName,
    retry: () => void,
  ): void {
    if (isTemporary(refused)) {
      counters.casesRetried += 1;
      return retry();
    }
    counters.casesDropped += 1;
    options.onDropped(`${tenant}/${topic}`, id, refused);
  }

  function give(
    tenant: string,
    user: string,
    audience: string,
    draft: Draft,
    settle: Settle<Notification>,
  ): void {
    const place = { tenant, topic: topicOf.notification(user), id: draft.id };
    copies.put(place, { kind: 'send', draft, user, audience }, (outcome) => {
      if ('state' in outcome && !outcome.isRepeat) counters.notificationsSent += 1;
      settle(outcome);
    });
  }

  function giveCopies(
    tenant: string,
    state: AudienceNotification,
    recipients: readonly string[],
    complete: () => void,
  ): void {
    const draft = draftOf(state);
    fanOut.begin({
      recipients,
      isCritical: state.severity === 'critical',
      give(user, done) {
        give(tenant, user, state.audience, draft, (outcome) =>
          done('refused' in outcome ? outcome.refused : null),
        );
      },
      complete,
    });
  }

  function distribute(one: Case<AudienceNotification>, state: AudienceNotification): void {
    const recipients = users.inAudience(one.tenant, state.audience);
    giveCopies(one.tenant, state, recipients, () => {
      originals.put(one, { kind: 'complete', recipients: recipients.length });
    });
  }

  return {
    sendToUser(tenant, user, draft, settle) {
      give(tenant, user, 'user', draft, settle);
    },
    sendToMany(tenant, audience, draft, settle) {
      const place = { tenant, topic: topicOf.audience(audience), id: draft.id };
      originals.put(place, { kind: 'send', draft, audience }, settle);
    },
    read(tenant, user, id, settle) {
      const place = { tenant, topic: topicOf.notification(user), id };
      copies.put(place, { kind: 'read', nowMs: clock.nowMs() }, settle);
    },
    readAll(tenant, user, done) {
      const unread = [...dockets.notifications.inTopic(tenant, topicOf.notification(user))].filter(
        ({ state }) => state?.state === 'unread',
      );
      let open = unread.length;
      let count = 0;
      let refused: RefusalName | null = null;
      if (open === 0) return done({ count });
      for (const one of unread) {
        copies.put(one, { kind: 'read', nowMs: clock.nowMs() }, (outcome) => {
          open -= 1;
          if ('refused' in outcome) refused = outcome.refused;
          else count += Number(!outcome.isRepeat);
          if (open === 0) done(refused === null ? { count } : { refused });
        });
      }
    },
    connected(identity) {
      if (!users.seen(identity)) return;
      const { tenant, subject, role } = identity;
      for (const audience of [role, everyone]) {
        for (const { state } of dockets.audiences.inTopic(tenant, topicOf.audience(audience))) {
          if (state === null || state.state === 'expired') continue;
          giveCopies(tenant, state, [subject], () => undefined);
        }
      }
    },
    stop() {
      fanOut.stop();
      copyAgenda.stop();
      originalAgenda.stop();
    },
  };
}

/** A call to an emergency. */
function isFromEngine({ severity, createdBy }: Draft): boolean {
  return severity === 'critical' && createdBy === null;
}

function draftOf(state: AudienceNotification): Draft {
  const { id, severity, title, body, data, createdMs, createdBy, expiresMs } = state;
  return { id, severity, title, body, data, createdMs, createdBy, expiresMs };
}
