/**
 * The result of a suite as a table for people and as one line of JSON for programs.
 * Invariant: both are made from the same figures; the line has every figure, and nothing follows it.
 */
import { isMet, rounded, type Figure, type SuiteResult } from './suite.ts';

const columns = ['figure', 'value', 'unit', 'goal', 'met'] as const;

/** Lines of equal columns, the numbers to the right. */
export function resultTable({ figures, noise }: SuiteResult): string {
  const rows = [columns.map(String), ...figures.map(cells)];
  const widths = columns.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, columns[column] ?? 'unit'))
      .join('  ')
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  if (noise !== null) lines.push('', `noise: ${rounded(noise * 100)} %`);
  return lines.join('\n');
}

/** A figure as a program reads it. */
export interface PlainFigure extends Figure {
  readonly met: boolean | null;
}

export function plainFigures({ figures }: SuiteResult): readonly PlainFigure[] {
  return figures.map((figure) => {
    const { name, value, unit, goal, better } = figure;
    return { name, value: rounded(value), unit, goal, better, met: isMet(figure) };
  });
}

export function resultLine(suite: string, result: SuiteResult): string {
  const { noise } = result;
  return JSON.stringify({
    suite,
    figures: plainFigures(result),
    noise: noise === null ? null : rounded(noise),
  });
}

function cells(figure: Figure): string[] {
  const { name, value, unit, goal, better } = figure;
  const bound = better === 'lower' ? 'at most' : 'at least';
  return [
    name,
    rounded(value).toLocaleString('en-US', { maximumFractionDigits: 3 }),
    unit,
    goal === null ? '' : `${bound} ${goal}`,
    metText(isMet(figure)),
  ];
}

function metText(met: boolean | null): string {
  if (met === null) return '';
  return met ? 'yes' : 'NO';
}

function pad(cell: string, width: number, column: (typeof columns)[number]): string {
  return column === 'value' ? cell.padStart(width) : cell.padEnd(width);
}
