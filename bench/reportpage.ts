/**
 * Runs as a report: Markdown with tables, HTML with the same tables and plots.
 * Invariant: pure functions of the records; every figure of a record is in both, with its goal and whether it is met, and
 * each run with its machine, versions and noise. What failed is said before what was measured.
 * Bound: as long as its records.
 */
import { barsSvg, escaped, type Bar } from './plot.ts';
import type { PlainFigure } from './report.ts';
import type { ResultRecord } from './results.ts';

const title = 'What Fleetwire does';

export function markdownOf(records: readonly ResultRecord[]): string {
  const parts = records.map((record) => {
    const rows = record.figures.map((figure) => `| ${cells(figure).map(barEscaped).join(' | ')} |`);
    return [
      `## ${headingOf(record)}`,
      '',
      circumstances(record),
      '',
      ...record.failures.flatMap((failure) => [`**Failed:** ${failure}`, '']),
      `| ${columns.join(' | ')} |`,
      '| --- | ---: | --- | --- | --- |',
      ...rows,
      '',
    ].join('\n');
  });
  return [`# ${title}`, '', ...(records.length === 0 ? [nothing, ''] : parts)].join('\n');
}

export function htmlOf(records: readonly ResultRecord[]): string {
  const sections = records.map((record) =>
    [
      '<section>',
      `<h2>${escaped(headingOf(record))}</h2>`,
      `<p>${escaped(circumstances(record))}</p>`,
      ...record.failures.map((failure) => `<p class="missed">Failed: ${escaped(failure)}</p>`),
      ...plotsOf(record),
      '<table>',
      `<tr>${columns.map((column) => `<th>${column}</th>`).join('')}</tr>`,
      ...record.figures.map(
        (figure) =>
          `<tr>${cells(figure)
            .map((cell) => `<td>${escaped(cell)}</td>`)
            .join('')}</tr>`,
      ),
      '</table>',
      '</section>',
    ].join('\n'),
  );
  return [
    '<!doctype html>',
    '<html lang="en">',
    `<head><meta charset="utf-8"><title>${title}</title><style>${style}</style></head>`,
    '<body>',
    `<h1>${title}</h1>`,
    ...(sections.length === 0 ? [`<p>${nothing}</p>`] : sections),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

const nothing = 'No run has been measured yet.';
const columns = ['figure', 'value', 'unit', 'goal', 'met'] as const;
const style =
  'body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}' +
  'table{border-collapse:collapse}td,th{padding:.15rem .7rem;border-bottom:1px solid #ddd;text-align:left}' +
  'td:nth-child(2){text-align:right}.missed{color:#c53030}svg{max-width:100%;height:auto;margin:.5rem 0}';

function headingOf({ suite, database, isQuick }: ResultRecord): string {
  return `${suite}, ${database} database${isQuick ? ', a quick run' : ''}`;
}

function circumstances({ at, machine, noise }: ResultRecord): string {
  const { processor, cores, memoryGb, kernel, node } = machine;
  const noiseText = noise === null ? '' : ` Noise: ${(noise * 100).toFixed(1)} %.`;
  return `${at.slice(0, 16)}Z, ${processor}, ${cores} cores, ${memoryGb} GB, Linux ${kernel}, Node ${node}.${noiseText}`;
}

function cells(figure: PlainFigure): readonly string[] {
  const { name, unit, goal, better, met } = figure;
  const bound = better === 'lower' ? 'at most' : 'at least';
  return [name, valueText(figure), unit, goal === null ? '' : `${bound} ${goal}`, metText(met)];
}

function metText(met: boolean | null): string {
  if (met === null) return '';
  return met ? 'yes' : 'NO';
}

function valueText({ value }: PlainFigure): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 4 });
}

function barEscaped(cell: string): string {
  return cell.replaceAll('|', '\\|');
}

/** One of how near figures are to their goals, and one of each unit that several figures have. */
function plotsOf({ suite, figures }: ResultRecord): readonly string[] {
  const goals = figures.flatMap((figure) => goalBar(figure) ?? []);
  const units = [...new Set(figures.map(({ unit }) => unit))];
  const groups = units.map((unit) => ({
    unit,
    bars: figures.filter((figure) => figure.unit === unit && figure.value >= 0).map(plainBar),
  }));
  return [
    ...(goals.length === 0
      ? []
      : [barsSvg({ title: `${suite}: goals`, bars: goals, mark: { value: 1, label: 'goal' } })]),
    ...groups
      .filter(({ bars }) => bars.length > 1)
      .map(({ unit, bars }) => barsSvg({ title: `${suite}: ${unit}`, bars, mark: null })),
  ];
}

/** So many times as good that a bar is cut there, or others would not be seen. */
const timesMax = 5;

/** How many times as good as its goal asks for; `null` where that is no number. */
function goalBar(figure: PlainFigure): Bar | null {
  const { name, value, goal, better, met, unit } = figure;
  if (goal === null) return null;
  const times = better === 'higher' ? value / goal : goal / value;
  if (!(times >= 0)) return null;
  const text = `${valueText(figure)} ${unit}`;
  return { label: name, value: Math.min(times, timesMax), text, met };
}

function plainBar(figure: PlainFigure): Bar {
  const { name, value, unit, met } = figure;
  return { label: name, value, text: `${valueText(figure)} ${unit}`, met };
}
