/**
 * Emergencies: their cases, the calls of the roles on call, and the word to the device that a person has seen it.
 * Invariant: an emergency that is open is called about until a person has seen it, whatever happens to the engine:
 * the next call follows from the stored state. Its events are urgent: they are the last that a full journal refuses.
 * Bound: `emergenciesOpenMax`; one call at a time each.
 */
import { isTemporary, type RefusalName } from '../errors.ts';
import type { Role } from '../identity.ts';
import type { Limits } from '../limits.ts';
import { createAgenda } from './agenda.ts';
import { createCases, type Guard, type Settle } from './cases.ts';
import type { Courier } from './courier.ts';
import type { DeskContext } from './context.ts';
import type { Case } from './docket.ts';
import { emergencyTopic } from './dockets.ts';
import {
  createEmergencyMachine,
  type Emergency,
  type EmergencyMove,
  type Raise,
} from './emergency.ts';
import { nextCall, type Chain, type NextCall } from './escalation.ts';
import type { Draft } from './notification.ts';

export interface EmergencyChange {
  readonly id: string;
  readonly move: EmergencyMove;
  readonly by: string;
  readonly note: string | null;
}

export interface Emergencies {
  raise(tenant: string, raise: Raise, settle: Settle<Emergency>): void;
  change(
    tenant: string,
    change: EmergencyChange,
    settle: Settle<Emergency>,
    guard?: Guard<Emergency>,
  ): void;
  stop(): void;
}

export interface EmergenciesOptions extends DeskContext {
  readonly courier: Courier;
  readonly chain: Chain;
  /** Sends to a role; what is sent again under the same id is a repeat. */
  readonly notify: (tenant: string, role: Role, draft: Draft) => void;
  readonly bounds: Pick<
    Limits,
    'caseInputsMax' | 'logEntriesMax' | 'logBytesMax' | 'emergencyRepeatMs' | 'deskRetryMs'
  >;
}

/** The name in frame 21. */
export const seenCommand = 'emergencyAcknowledged';

export function createEmergencies(options: EmergenciesOptions): Emergencies {
  const { dockets, courier, chain, clock, metrics, bounds } = options;
  const { counters } = metrics;
  const cases = createCases({
    ...options,
    machine: createEmergencyMachine(bounds),
    docket: dockets.emergencies,
    isUrgent: () => true,
    onChange: (one) => agenda.note(one),
  });
  const agenda = createAgenda<Case<Emergency>>({
    dueOf: ({ state }) => state && (next(state)?.dueMs ?? null),
    act: call,
    retryMs: bounds.deskRetryMs,
    clock,
  });
  for (const one of dockets.emergencies.all()) agenda.note(one);
  courier.onConnected((tenant, vehicle, line) => {
    for (const { state } of dockets.emergencies.inTopic(tenant, emergencyTopic)) {
      if (state?.vehicle === vehicle && state.state === 'acknowledged') {
        line.tell(vehicle, seenOf(state));
        counters.commandsTold += 1;
      }
    }
  });

  function next(state: Emergency): NextCall | null {
    return nextCall(state, chain, bounds.emergencyRepeatMs, clock.nowMs());
  }

  // The notifications first: where the engine dies in between they are sent again, under the same ids.
  function call(one: Case<Emergency>): void {
    const { state } = one;
    const due = state && next(state);
    if (state === null || due === null) return;
    const nowMs = clock.nowMs();
    for (const role of due.tells) options.notify(one.tenant, role, callOf(state, due.level, nowMs));
    const { level, role } = due;
    cases.put(one, { kind: 'call', level, role, nowMs }, (outcome) => {
      if (!('refused' in outcome)) counters.emergencyCalls += 1;
      else if (isTemporary(outcome.refused)) retry(one);
      else drop(one, outcome.refused);
    });
  }

  function callOf(state: Emergency, level: number, nowMs: number): Draft {
    const { id, kind, vehicle, message } = state;
    const calls = state.calls + 1;
    return {
      id: `${id}:${calls}`,
      severity: 'critical',
      title: vehicle === null ? `Emergency: ${kind}` : `Emergency: ${kind}, ${vehicle}`,
      body: message,
      data: { emergency: id, kind, vehicle, level, calls },
      createdMs: nowMs,
      createdBy: null,
      // By then the next call has taken its place.
      expiresMs: nowMs + 2 * bounds.emergencyRepeatMs,
    };
  }

  function retry(one: Case<Emergency>): void {
    counters.casesRetried += 1;
    agenda.retry(one);
  }

  function drop({ tenant, id }: Case<Emergency>, refused: RefusalName): void {
    counters.casesDropped += 1;
    options.onDropped(`${tenant}/${emergencyTopic}`, id, refused);
  }

  function placeOf(tenant: string, id: string) {
    return { tenant, topic: emergencyTopic, id };
  }

  return {
    raise(tenant, raise, settle) {
      const input = { kind: 'raise', raise, nowMs: clock.nowMs() } as const;
      cases.put(placeOf(tenant, raise.id), input, (outcome) => {
        if ('state' in outcome && !outcome.isRepeat) counters.emergenciesRaised += 1;
        settle(outcome);
      });
    },
    change(tenant, { id, move, by, note }, settle, guard) {
      const place = placeOf(tenant, id);
      const before = cases.find(place);
      const input = { kind: move, by, note, nowMs: clock.nowMs() } as const;
      cases.put(
        place,
        input,
        (outcome) => {
          if ('state' in outcome && before?.seenMs === null) tellSeen(tenant, outcome.state);
          settle(outcome);
        },
        guard,
      );
    },
    stop: () => agenda.stop(),
  };

  function tellSeen(tenant: string, state: Emergency): void {
    if (state.vehicle === null || state.seenMs === null) return;
    courier.tellAll(tenant, state.vehicle, seenOf(state));
    counters.commandsTold += 1;
  }
}

function seenOf({ id, seenBy, seenMs }: Emergency) {
  const told = { emergency: id, by: seenBy, atMs: seenMs };
  return { commandId: id, name: seenCommand, arguments: told };
}
