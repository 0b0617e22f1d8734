import { describe, expect, it } from 'vitest';
import { FleetwireError } from '../../src/errors.ts';
import { judge, SqlError, sqlstateOf } from '../../src/store/sqlstate.ts';

describe('an error of the database', () => {
  it.each([
    ['23505', 'duplicate'],
    ['22P05', 'data'],
    ['22021', 'data'],
    ['23502', 'data'],
    ['23514', 'data'],
    ['54000', 'data'],
    ['P0001', 'data'],
    ['P0002', 'transient'],
    ['08006', 'transient'],
    ['25P02', 'transient'],
    ['40001', 'transient'],
    ['42P01', 'transient'],
    ['53100', 'transient'],
    ['57P01', 'transient'],
    ['XX000', 'transient'],
  ])('%s is %s', (sqlstate, verdict) => {
    expect(judge(new SqlError(sqlstate, 'said so'))).toBe(verdict);
  });

  it.each([
    ['a deadline', new FleetwireError('DATABASE_DEADLINE', 'late')],
    ['a lost connection', Object.assign(new Error('reset'), { code: 'ECONNRESET' })],
    ['an error without code', new Error('unknown')],
    ['something that is no error', 'unknown'],
  ])('%s is transient and has no SQLSTATE', (_name, error) => {
    expect(judge(error)).toBe('transient');
    expect(sqlstateOf(error)).toBeNull();
  });
});
