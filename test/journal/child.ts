/**
 * A process of its own, for what only a process can do: die while it holds a lock, die while it writes, or
 * meet a limit of the system. It says how far it has come on standard output, a line each.
 *
 *   child.ts lock DIR          locks DIR and waits to be killed
 *   child.ts pass DIR          locks DIR and has nothing more to do
 *   child.ts contend DIR       tries to lock DIR for each line it reads, and lets go for the next
 *   child.ts write DIR BYTES   appends to segments of BYTES and commits behind, until it is killed or fails
 */
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import type { FleetwireError } from '../../src/errors.ts';
import { openJournal } from '../../src/journal/journal.ts';
import { lockDirectory, type DirectoryLock } from '../../src/journal/lock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import { childRecordBytes, childPayload } from './payload.ts';

const [task, dir = '', segmentBytes = ''] = process.argv.slice(2);
if (task === 'write') await write();
else if (task === 'contend') await contend();
else await lock();

async function lock(): Promise<void> {
  await lockDirectory(dir);
  say('locked');
  if (task === 'lock') process.stdin.resume();
}

async function contend(): Promise<void> {
  say('ready');
  let held: DirectoryLock | null = null;
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'release') {
      await held?.release();
      held = null;
      say('released');
    } else {
      held = await lockDirectory(dir).catch(asRefusal);
      say(held === null ? 'refused' : 'locked');
    }
  }
}

function asRefusal(error: unknown): null {
  if ((error as FleetwireError).code === 'JOURNAL_LOCKED') return null;
  throw error;
}

async function write(): Promise<void> {
  let hasFailed = false;
  const { journal } = await openJournal(
    {
      dir,
      rowFormat: 1,
      bounds: {
        ...limits,
        segmentBytesMax: Number(segmentBytes),
        recordBytesMax: 1024,
        recordGatherBytesMax: 1024,
        journalPendingBytesMax: 64 * 1024,
      },
      metrics: createMetrics(),
      onDurable(position) {
        say(`durable ${position}`);
        journal.commit(Math.max(0, position - 500 * childRecordBytes));
      },
      onFailure(error) {
        hasFailed = true;
        say(`failed ${error.code} ${error.message}`);
      },
    },
    () => {},
  );
  for (let index = 0; !hasFailed; index++) {
    journal.append(1, index, childPayload(index));
    if (index % 50 === 49) await setImmediate();
    while (journal.isFull && !hasFailed) await setImmediate();
  }
  await journal.close();
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
