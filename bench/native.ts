/**
 * A native TimescaleDB for one run of the bench, in place of the embedded one.
 * Invariant: the server is gone, with its data, when the run is over; without `isWanted` nothing changes,
 * and the run uses the server of DATABASE_URL or the embedded database.
 * Bound: one server at a time; what it needs is said where it cannot be made (test/native/root.ts).
 */
import { UsageError } from '../src/cli/command.ts';
import { messageOf } from '../src/errors.ts';
import { startNative, type NativeServer } from '../test/native/server.ts';

const variable = 'DATABASE_URL';

/** Runs `run` with the server's process id; with `null` where none was started here. */
export async function withNative<Result>(
  isWanted: boolean,
  run: (databasePid: number | null) => Promise<Result>,
): Promise<Result> {
  if (!isWanted) return run(null);
  const before = process.env[variable];
  const server = await start();
  // openEngineTest makes a database of its own in the server that this names.
  process.env[variable] = server.url;
  try {
    return await run(server.pid);
  } finally {
    if (before === undefined) delete process.env[variable];
    else process.env[variable] = before;
    await server.remove();
  }
}

/** Runs `run` on the embedded database, whatever the environment names. */
export async function withoutServer<Result>(run: () => Promise<Result>): Promise<Result> {
  const before = process.env[variable];
  delete process.env[variable];
  try {
    return await run();
  } finally {
    if (before !== undefined) process.env[variable] = before;
  }
}

/** A machine that cannot have one is no defect of the bench: one sentence says why. */
async function start(): Promise<NativeServer> {
  try {
    return await startNative();
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}
