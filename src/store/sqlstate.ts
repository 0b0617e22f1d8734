/**
 * What an error of the database means for the rows that met it.
 * Invariant: only what lies in the rows themselves is `data`; whatever may be better next time is
 * `transient`, so that no row is ever set aside because the database was away, full or shut down.
 * Source: PostgreSQL documentation, appendix A, "PostgreSQL Error Codes"; the first two characters are
 * the class.
 */

/** An error of the embedded database, as its worker reports it. Native ones are `postgres.PostgresError`. */
export class SqlError extends Error {
  override readonly name = 'SqlError';
  /** The SQLSTATE. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export type Verdict = 'duplicate' | 'data' | 'transient';

const uniqueViolation = '23505';
const raisedByTrigger = 'P0001';

/** 22 data exception, 23 integrity constraint violation, 54 program limit exceeded. */
const dataClasses: ReadonlySet<string> = new Set(['22', '23', '54']);

/** The SQLSTATE of what was thrown; null where the database did not say one. */
export function sqlstateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  const { code } = error;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

export function judge(error: unknown): Verdict {
  const sqlstate = sqlstateOf(error);
  if (sqlstate === null) return 'transient';
  if (sqlstate === uniqueViolation) return 'duplicate';
  if (sqlstate === raisedByTrigger || dataClasses.has(sqlstate.slice(0, 2))) return 'data';
  return 'transient';
}
