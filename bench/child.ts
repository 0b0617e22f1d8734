/**
 * A load process: a script of its own that answers calls over its channel, so that the load, those who look
 * on, and the engine do not share an event loop.
 * Invariant: a call settles: with the answer, with what the script threw, or because the process ended.
 * Bound: `stopDeadlineMs` for a script to end once its channel is closed.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../src/errors.ts';

const stopDeadlineMs = 5_000;

/** The functions that a script answers with; what they take and return travels as a structured clone. */
export type Calls = Readonly<Record<string, (argument: never) => Promise<unknown>>>;

export interface Child<Api extends Calls> {
  readonly pid: number;
  call<Name extends keyof Api & string>(
    name: Name,
    argument: Parameters<Api[Name]>[0],
  ): Promise<Awaited<ReturnType<Api[Name]>>>;
  stop(): Promise<void>;
}

interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export function startChild<Api extends Calls>(script: URL): Child<Api> {
  const path = fileURLToPath(script);
  const child = fork(path, [], { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
  const waiting = new Map<number, Waiting>();
  let calls = 0;
  child.on('message', (answer: Answer) => {
    const settle = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) settle?.reject(new Error(answer.error));
    else settle?.resolve(answer.value);
  });
  const exited = once(child, 'exit');
  child.once('exit', (code, signal) => {
    const error = new Error(`${path} ended with ${code ?? signal}`);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });

  return {
    pid: child.pid ?? -1,
    async call(name, argument) {
      if (!child.connected) throw new Error(`${path} has ended`);
      const call: Call = { id: ++calls, name, argument };
      const answer = new Promise<unknown>((resolve, reject) => {
        waiting.set(call.id, { resolve, reject });
      });
      child.send(call);
      return (await answer) as never;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** In the script: answers calls until the channel is closed, and ends with it. */
export function answerCalls(calls: Calls): void {
  process.on('message', (call: Call) => {
    const handler = calls[call.name] as ((argument: unknown) => Promise<unknown>) | undefined;
    const answer = (reply: Answer): void => void process.send?.(reply);
    if (handler === undefined) return answer({ id: call.id, error: `no call ${call.name}` });
    handler(call.argument).then(
      (value) => answer({ id: call.id, value }),
      (error: unknown) => answer({ id: call.id, error: messageOf(error) }),
    );
  });
  process.once('disconnect', () => process.exit(0));
}
