/**
 * Many clients on the one session of PGlite: what stands between `PGLiteSocketHandler` and the database.
 * Invariant: from a client's first message until the answer "ready, and in no transaction", nobody else
 * speaks to the database. pglite-socket's own queue takes single messages, so that a COPY or another
 * client could come between Bind and Execute, or into an open transaction.
 * Bound: one message of each client at a time.
 */
import type { PGlite } from '@electric-sql/pglite';
import type { Gate } from './gate.ts';

/** The part of pglite-socket's QueryQueueManager that its handler uses. */
export interface Sessions {
  enqueue(client: number, message: Uint8Array): Promise<Uint8Array>;
  /** The client has gone: what it still waits for is not run. */
  clearQueueForHandler(client: number): void;
  /** The client has gone: what it began is rolled back. */
  clearTransactionIfNeeded(client: number): Promise<void>;
}

interface Client {
  /** Its messages so far: they are run in their order. */
  last: Promise<unknown>;
  /** Lets the others in; null while it is not inside. */
  leave: (() => void) | null;
  /** Between its greeting and the answer to its password. */
  isGreeting: boolean;
  isGone: boolean;
}

/** `onBroken` is called when the database itself fails, which no SQL error is: it cannot be used any more. */
export function createSessions(
  database: Pick<PGlite, 'execProtocol'>,
  gate: Gate,
  onBroken: (error: unknown) => void,
): Sessions {
  const clients = new Map<number, Client>();

  function clientOf(id: number): Client {
    let client = clients.get(id);
    if (client === undefined) {
      client = { last: Promise.resolve(), leave: null, isGreeting: false, isGone: false };
      clients.set(id, client);
    }
    return client;
  }

  async function run(client: Client, message: Uint8Array): Promise<Uint8Array> {
    client.leave ??= await gate.enter();
    if (client.isGone || message[0] === messageTypes.terminate) {
      await leaveClean(client);
      return new Uint8Array();
    }
    const answer = await exchange(message);
    if (message[0] === messageTypes.greeting) client.isGreeting = true;
    if (endsIdle(answer)) leave(client);
    return answer;
  }

  async function exchange(message: Uint8Array): Promise<Uint8Array> {
    try {
      const { data } = await database.execProtocol(message, {
        throwOnError: false,
        syncToFs: false,
      });
      // The bytes are PGlite's own, and change with the next message.
      return data.slice();
    } catch (error) {
      onBroken(error);
      throw error;
    }
  }

  // After a greeting the session waits for a password, in the middle of an extended query for Sync, and in a
  // transaction for its end.
  async function leaveClean(client: Client): Promise<void> {
    if (client.leave === null) return;
    const answer = await exchange(client.isGreeting ? passwordMessage : syncMessage);
    if (!endsIdle(answer)) await exchange(rollbackMessage);
    leave(client);
  }

  function leave(client: Client): void {
    client.leave?.();
    client.leave = null;
    client.isGreeting = false;
  }

  return {
    enqueue(id, message) {
      const client = clientOf(id);
      const answer = client.last.then(() => run(client, message));
      client.last = answer.catch(() => undefined);
      return answer;
    },
    clearQueueForHandler(id) {
      clientOf(id).isGone = true;
    },
    async clearTransactionIfNeeded(id) {
      const client = clientOf(id);
      clients.delete(id);
      await client.last;
      await leaveClean(client);
    },
  };
}

/** First bytes of messages; a greeting has no type and begins with its length. */
const messageTypes = { terminate: 'X'.charCodeAt(0), greeting: 0 } as const;
/** PGlite takes any that is not empty. */
const passwordMessage = Buffer.from('p\0\0\0\x06-\0', 'latin1');
const syncMessage = Buffer.from('S\0\0\0\x04', 'latin1');
const rollbackMessage = Buffer.from('Q\0\0\0\x0drollback\0', 'latin1');

/** ReadyForQuery with status I, idle; it is always the last message of an answer. */
const readyIdle = Buffer.from('Z\0\0\0\x05I', 'latin1');

// No other message ends with these bytes: it would have to hold the four in the middle, and the only ones
// that can come last instead (an error, a description, a completion) end in text or in a count.
function endsIdle(answer: Uint8Array): boolean {
  return Buffer.from(answer.subarray(-readyIdle.length)).equals(readyIdle);
}
