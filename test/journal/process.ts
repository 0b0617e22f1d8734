/** Starts `child.ts` as a process, and reads what it says. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const script = fileURLToPath(new URL('child.ts', import.meta.url));

export interface Child {
  /** Its next line; null when it has ended. */
  nextLine(): Promise<string | null>;
  tell(line: string): void;
  /** SIGKILL, and then what it had said before it was gone. */
  kill(): Promise<readonly string[]>;
}

/** `limit` is a command of sh that runs first, in the same process. */
export function startChild(parts: readonly string[], limit = ':'): Child {
  const command = [process.execPath, '--import', 'tsx', script, ...parts];
  const child = spawn('sh', ['-c', `${limit}; exec "$0" "$@"`, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => end(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string | null> => {
    const next = await lines.next();
    return next.done === true ? null : next.value;
  };
  return {
    nextLine,
    tell: (line) => void child.stdin.write(`${line}\n`),
    async kill() {
      await end(child);
      const rest: string[] = [];
      for (let line = await nextLine(); line !== null; line = await nextLine()) rest.push(line);
      return rest;
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
