/** Figures of `ingest`: a row that is missing fails the run, and only a server's engine has a goal for its time. */
import { describe, expect, it } from 'vitest';
import { ingestFigures, type IngestRun, type SentRound } from '../../bench/ingestfigures.ts';

const round: SentRound = {
  fixes: 1_000,
  journaledSeconds: 0.5,
  storedSeconds: 1,
  bytes: 24_000,
  cpuMs: 2,
  loopMs: 1,
  databaseMs: 4,
  cores: 2,
  failures: [],
};
const run: IngestRun = {
  of50: [round, round],
  of1: [round, { ...round, cpuMs: 4 }],
  copied: [
    { rows: 1_000, seconds: 0.5, databaseMs: 5, cores: 2 },
    { rows: 1_000, seconds: 1, databaseMs: 7, cores: 1 },
  ],
  sentRows: 4_000,
  countedRows: 4_000,
  copiedRows: 2_000,
  countedCopiedRows: 2_000,
  engineBytes: 1e8,
  isEmbedded: false,
};

function valueOf(name: string, of: IngestRun = run): number | undefined {
  return ingestFigures(of).figures.find((figure) => figure.name === name)?.value;
}

describe('figures of ingest', () => {
  it('holds what was committed against COPY of the same round', () => {
    expect(valueOf('committed over COPY of the same rows')).toBe(0.75);
    expect(valueOf('committed, frames of 50')).toBe(1_000);
    expect(valueOf('acked, frames of 50')).toBe(2_000);
    expect(valueOf('engine CPU a fix, frames of 1')).toBe(3);
    expect(ingestFigures(run).noise).toBe(0.5);
    expect(ingestFigures(run).failures).toEqual([]);
  });

  it('says what of the machine each side used, and of the database only where it is known', () => {
    expect(valueOf('database CPU a row, COPY')).toBe(6);
    expect(valueOf('database CPU a row, frames of 50')).toBe(4);
    expect(valueOf('cores in use, COPY')).toBe(1.5);
    const unknown = { ...run, of50: [{ ...round, databaseMs: NaN }] };
    expect(valueOf('database CPU a row, frames of 50', unknown)).toBeUndefined();
    expect(valueOf('cores in use, frames of 50', unknown)).toBe(2);
  });

  it('fails where a row is missing, on either side, and where a sender says so', () => {
    const broken = {
      ...run,
      countedRows: 3_999,
      countedCopiedRows: 1_999,
      of1: [{ ...round, failures: ['closed'] }],
    };
    expect(ingestFigures(broken).failures).toEqual([
      'closed',
      'sent 4000 fixes, but 3999 rows are stored',
      'copied 2000 rows, but 1999 are there',
    ]);
  });

  it('has a goal for the processor time with a server only', () => {
    const goals = (isEmbedded: boolean): number =>
      ingestFigures({ ...run, isEmbedded }).figures.filter(
        ({ name, goal }) => name.startsWith('engine CPU') && goal !== null,
      ).length;
    expect(goals(false)).toBe(2);
    expect(goals(true)).toBe(0);
  });
});
