/** The machines of commands, notifications and what is sent to many: tables, and what no sequence can do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  audienceMachine,
  type AudienceInput,
  type AudienceNotification,
} from '../../src/fleet/audience.ts';
import {
  commandMachine,
  commandStates,
  type Command,
  type CommandInput,
} from '../../src/fleet/command.ts';
import {
  notificationMachine,
  type Notification,
  type NotificationInput,
} from '../../src/fleet/notification.ts';
import { holdsForAll, nowMs, runAll } from './machines.ts';

const queue: CommandInput = {
  kind: 'queue',
  order: {
    id: 'c-1',
    vehicle: 'bus-1',
    name: 'reboot',
    arguments: { delayS: 5 },
    createdMs: nowMs,
    createdBy: 'dora',
    expiresMs: nowMs + 1_000,
  },
};
const commandInputs = {
  queue,
  deliver: { kind: 'deliver', nowMs },
  answer: { kind: 'answer', status: 'done', result: null, nowMs },
  other: { kind: 'answer', status: 'failed', result: null, nowMs },
  cancel: { kind: 'cancel', by: 'dora', nowMs },
  expire: { kind: 'expire', nowMs },
} satisfies Record<string, CommandInput>;
type CommandInputName = keyof typeof commandInputs;

describe('a command', () => {
  it.each<[readonly CommandInputName[], CommandInputName, string]>([
    [[], 'queue', 'queued'],
    [[], 'deliver', 'unknownCommand'],
    [[], 'answer', 'unknownCommand'],
    [[], 'cancel', 'unknownCommand'],
    [[], 'expire', 'unknownCommand'],
    [['queue'], 'queue', 'repeat'],
    [['queue'], 'deliver', 'delivered'],
    // A device may have got it although the engine did not come to say so.
    [['queue'], 'answer', 'answered'],
    [['queue'], 'cancel', 'cancelled'],
    [['queue'], 'expire', 'expired'],
    [['queue', 'deliver'], 'queue', 'repeat'],
    [['queue', 'deliver'], 'deliver', 'repeat'],
    [['queue', 'deliver'], 'answer', 'answered'],
    [['queue', 'deliver'], 'cancel', 'cancelled'],
    [['queue', 'deliver'], 'expire', 'expired'],
    [['queue', 'answer'], 'queue', 'repeat'],
    [['queue', 'answer'], 'answer', 'repeat'],
    [['queue', 'answer'], 'other', 'commandTransition'],
    [['queue', 'answer'], 'cancel', 'commandTransition'],
    [['queue', 'answer'], 'expire', 'repeat'],
    [['queue', 'cancel'], 'answer', 'commandTransition'],
    [['queue', 'cancel'], 'cancel', 'repeat'],
    [['queue', 'cancel'], 'deliver', 'repeat'],
    [['queue', 'expire'], 'answer', 'commandTransition'],
    [['queue', 'expire'], 'cancel', 'commandTransition'],
    [['queue', 'expire'], 'queue', 'repeat'],
  ])('after %j takes %s: %s', (before, input, expected) => {
    const inputs = [...before, input].map((name) => commandInputs[name]);
    const { states, outcomes } = runAll<Command, CommandInput>(commandMachine, inputs);
    expect(outcomes.at(-1)).toBe(expected);
    const isTaken = (commandStates as readonly string[]).includes(expected);
    if (isTaken) expect(states.at(-1)?.state).toBe(expected);
  });

  it('is closed once, whatever comes', () => {
    const input = fc.constantFrom<CommandInput>(...Object.values(commandInputs));
    holdsForAll<Command, CommandInput>(commandMachine, input, (states) => {
      for (const { state, closedMs, deliveredMs, status, cancelledBy } of states) {
        expect(closedMs === null).toBe(state === 'queued' || state === 'delivered');
        expect(status === null).toBe(state !== 'answered');
        expect(cancelledBy === null).toBe(state !== 'cancelled');
        if (state === 'delivered') expect(deliveredMs).toBe(nowMs);
      }
    });
  });
});

const draft = {
  id: 'n-1',
  severity: 'info',
  title: 'Road closed',
  body: null,
  data: null,
  createdMs: nowMs,
  createdBy: 'dora',
  expiresMs: nowMs + 1_000,
} as const;

describe('a notification', () => {
  const inputs = {
    send: { kind: 'send', draft, user: 'dan', audience: 'user' },
    read: { kind: 'read', nowMs },
    expire: { kind: 'expire' },
  } satisfies Record<string, NotificationInput>;

  it.each<[readonly (keyof typeof inputs)[], string]>([
    [['send'], 'sent'],
    [['read'], 'unknownNotification'],
    [['expire'], 'unknownNotification'],
    [['send', 'send'], 'repeat'],
    [['send', 'read'], 'read'],
    [['send', 'expire'], 'expired'],
    [['send', 'read', 'send'], 'repeat'],
    [['send', 'read', 'read'], 'repeat'],
    [['send', 'read', 'expire'], 'notificationTransition'],
    [['send', 'expire', 'read'], 'notificationTransition'],
    [['send', 'expire', 'expire'], 'repeat'],
  ])('takes %j: %s', (names, expected) => {
    const taken = names.map((name) => inputs[name]);
    const { outcomes } = runAll<Notification, NotificationInput>(notificationMachine, taken);
    expect(outcomes.at(-1)).toBe(expected);
  });

  it('is read or expires, once', () => {
    const input = fc.constantFrom<NotificationInput>(...Object.values(inputs));
    holdsForAll<Notification, NotificationInput>(notificationMachine, input, (states) => {
      for (const { state, readMs } of states) expect(readMs === null).toBe(state !== 'read');
      expect(states.length).toBeLessThanOrEqual(2);
    });
  });
});

describe('a notification to many', () => {
  const inputs = {
    send: { kind: 'send', draft, audience: 'driver' },
    complete: { kind: 'complete', recipients: 3 },
    expire: { kind: 'expire' },
  } satisfies Record<string, AudienceInput>;

  it.each<[readonly (keyof typeof inputs)[], string]>([
    [['send'], 'sent'],
    [['complete'], 'unknownNotification'],
    [['expire'], 'unknownNotification'],
    [['send', 'send'], 'repeat'],
    [['send', 'complete'], 'completed'],
    [['send', 'complete', 'complete'], 'repeat'],
    [['send', 'expire'], 'expired'],
    [['send', 'complete', 'expire'], 'expired'],
    [['send', 'expire', 'complete'], 'repeat'],
    [['send', 'expire', 'expire'], 'repeat'],
  ])('takes %j: %s', (names, expected) => {
    const taken = names.map((name) => inputs[name]);
    const { outcomes } = runAll<AudienceNotification, AudienceInput>(audienceMachine, taken);
    expect(outcomes.at(-1)).toBe(expected);
  });

  it('is open until it expires', () => {
    const input = fc.constantFrom<AudienceInput>(...Object.values(inputs));
    holdsForAll<AudienceNotification, AudienceInput>(audienceMachine, input);
  });
});
