/**
 * The one failure that ends a journal: the first I/O error after it was opened.
 * Invariant: `onFailure` is called once at most; what is not an error of the system is a broken invariant
 * and is thrown on, never dressed up as a full disk.
 */
import { FleetwireError } from '../errors.ts';

export interface Failure {
  /** The failure, once there is one: from then on the journal takes nothing more. */
  readonly error: FleetwireError | null;
  /** Takes the first error, tells of it, and drops those that follow from it. */
  raise(error: unknown): void;
}

export function createFailure(dir: string, onFailure: (error: FleetwireError) => void): Failure {
  let first: FleetwireError | null = null;
  return {
    get error() {
      return first;
    },
    raise(error) {
      const failure = journalFailure(dir, error);
      if (first !== null) return;
      first = failure;
      onFailure(failure);
    },
  };
}

/** `error` of the system as a JOURNAL_IO failure; throws it on where it is none. */
export function journalFailure(dir: string, error: unknown): FleetwireError {
  if (error instanceof FleetwireError) return error;
  if (!isSystemError(error)) throw error;
  const message = `the journal in ${dir} failed: ${sentenceOf(error)} (${error.message})`;
  return new FleetwireError('JOURNAL_IO', message, { cause: error });
}

function sentenceOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no space left on its disk; free some, or set FLEETWIRE_DATA_DIR to a larger disk';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'it may not be written; set FLEETWIRE_DATA_DIR to a directory of the user that runs this';
    default:
      return 'check the disk that FLEETWIRE_DATA_DIR is on';
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
