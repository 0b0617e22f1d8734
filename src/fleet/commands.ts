/**
 * Commands to devices: kept until they are answered, cancelled or have expired, and given to whoever speaks for the
 * vehicle.
 * Invariant: a device is told of a command once that is durable, and again at each connect until it has answered, in
 * the order in which they were sent: whatever connection was lost, none is forgotten.
 * Bound: `commandsOpenMax`; each ends at `commandTtlMaxMs` at the latest.
 */
import { isTemporary } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Plain } from '../wire/types.ts';
import { createAgenda } from './agenda.ts';
import { createCases, type Settle } from './cases.ts';
import { commandMachine, type Command, type Order } from './command.ts';
import type { Courier, Told } from './courier.ts';
import type { DeskContext } from './context.ts';
import type { Case, Place } from './docket.ts';
import { topicOf } from './dockets.ts';

export interface CommandAnswer {
  readonly id: string;
  readonly status: string;
  readonly result: Plain;
}

export interface Commands {
  send(tenant: string, order: Order, settle: Settle<Command>): void;
  cancel(tenant: string, vehicle: string, id: string, by: string, settle: Settle<Command>): void;
  /** `vehicles` are those that the answering connection speaks for. */
  answer(
    tenant: string,
    vehicles: Iterable<string>,
    answer: CommandAnswer,
    settle: Settle<Command>,
  ): void;
  stop(): void;
}

export interface CommandsOptions extends DeskContext {
  readonly courier: Courier;
  readonly bounds: Pick<Limits, 'caseInputsMax' | 'deskRetryMs'>;
}

export function createCommands(options: CommandsOptions): Commands {
  const { dockets, courier, clock, metrics, bounds } = options;
  const { counters } = metrics;
  const cases = createCases({
    ...options,
    machine: commandMachine,
    docket: dockets.commands,
    onChange(one, state) {
      agenda.note(one);
      if (state.state !== 'queued') return;
      if (courier.tell(one.tenant, state.vehicle, toldOf(state))) delivered(one);
    },
  });
  const agenda = createAgenda<Case<Command>>({
    dueOf: ({ state }) => (state !== null && commandMachine.isOpen(state) ? state.expiresMs : null),
    act: expire,
    retryMs: bounds.deskRetryMs,
    clock,
  });
  for (const one of dockets.commands.all()) agenda.note(one);
  courier.onConnected((tenant, vehicle, line) => {
    for (const one of waitingFor(tenant, vehicle)) {
      if (one.state === null) continue;
      line.tell(vehicle, toldOf(one.state));
      delivered(one);
    }
  });

  /** In the order in which they were sent: what a start brings back has that of its index. */
  function waitingFor(tenant: string, vehicle: string): readonly Case<Command>[] {
    return [...dockets.commands.inTopic(tenant, topicOf.command(vehicle))]
      .filter(({ state }) => state !== null && commandMachine.isOpen(state))
      .toSorted((one, other) => (one.state?.createdMs ?? 0) - (other.state?.createdMs ?? 0));
  }

  // Where this is refused it stays queued, and the device gets it again at its next connect.
  function delivered(one: Case<Command>): void {
    counters.commandsTold += 1;
    if (one.state?.state === 'queued') cases.put(one, { kind: 'deliver', nowMs: clock.nowMs() });
  }

  function expire(one: Case<Command>): void {
    cases.put(one, { kind: 'expire', nowMs: clock.nowMs() }, (outcome) => {
      if (!('refused' in outcome)) return;
      if (isTemporary(outcome.refused)) {
        counters.casesRetried += 1;
        agenda.retry(one);
      } else {
        counters.casesDropped += 1;
        options.onDropped(`${one.tenant}/${one.topic}`, one.id, outcome.refused);
      }
    });
  }

  const placeOf = (tenant: string, vehicle: string, id: string): Place => ({
    tenant,
    topic: topicOf.command(vehicle),
    id,
  });

  return {
    send(tenant, order, settle) {
      cases.put(placeOf(tenant, order.vehicle, order.id), { kind: 'queue', order }, settle);
    },
    cancel(tenant, vehicle, id, by, settle) {
      const input = { kind: 'cancel', by, nowMs: clock.nowMs() } as const;
      cases.put(placeOf(tenant, vehicle, id), input, settle);
    },
    answer(tenant, vehicles, { id, status, result }, settle) {
      for (const vehicle of vehicles) {
        const place = placeOf(tenant, vehicle, id);
        if (cases.find(place) === null) continue;
        const input = { kind: 'answer', status, result, nowMs: clock.nowMs() } as const;
        return cases.put(place, input, settle);
      }
      settle({ refused: 'unknownCommand' });
    },
    stop: () => agenda.stop(),
  };
}

function toldOf({ id, name, arguments: given }: Command): Told {
  return { commandId: id, name, arguments: given };
}
