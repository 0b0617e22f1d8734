/** Reports of runs: every figure is in both forms, and nothing of a name is taken for markup. */
import { describe, expect, it } from 'vitest';
import { barsSvg } from '../../bench/plot.ts';
import { htmlOf, markdownOf } from '../../bench/reportpage.ts';
import { newestOf, type ResultRecord } from '../../bench/results.ts';

const machine = { processor: 'A & B', cores: 2, memoryGb: 8, kernel: '6.1', node: 'v20' };

function record(changes: Partial<ResultRecord> = {}): ResultRecord {
  return {
    suite: 'ingest',
    at: '2026-01-02T03:04:05.000Z',
    isQuick: false,
    database: 'native',
    machine,
    figures: [
      { name: 'a <b> | c', value: 1_234.5, unit: 'us', goal: 2_000, better: 'lower', met: true },
      { name: 'd', value: 3, unit: 'us', goal: null, better: 'lower', met: null },
      { name: 'e', value: 0.5, unit: 'ratio', goal: 0.9, better: 'higher', met: false },
    ],
    noise: 0.0123,
    failures: ['a row too few'],
    ...changes,
  };
}

describe('a report', () => {
  it('has every figure as Markdown, a bar in a name escaped', () => {
    const lines = markdownOf([record()]).split('\n');
    expect(lines).toContain('| a <b> \\| c | 1,234.5 | us | at most 2000 | yes |');
    expect(lines).toContain('| d | 3 | us |  |  |');
    expect(lines).toContain('| e | 0.5 | ratio | at least 0.9 | NO |');
    expect(lines).toContain('**Failed:** a row too few');
    expect(lines).toContain(
      '2026-01-02T03:04Z, A & B, 2 cores, 8 GB, Linux 6.1, Node v20. Noise: 1.2 %.',
    );
  });

  it('has them as HTML, with plots, and nothing of a name as markup', () => {
    const page = htmlOf([record()]);
    expect(page).toContain('<td>a &lt;b&gt; | c</td><td>1,234.5</td>');
    expect(page).not.toContain('a <b>');
    expect(page).toContain('A &amp; B');
    // One of goals, one of what is measured in us; a single ratio needs none.
    expect(page.match(/<svg /g)).toHaveLength(2);
    expect(page.match(/<section>/g)).toHaveLength(1);
  });

  it('says so where there is nothing to report', () => {
    expect(markdownOf([])).toContain('No run');
    expect(htmlOf([])).toContain('No run');
  });
});

describe('the runs of a report', () => {
  it('are the newest whole one of each suite and kind of database', () => {
    const old = record({ at: '2026-01-01T00:00:00.000Z' });
    const quick = record({ at: '2026-01-03T00:00:00.000Z', isQuick: true });
    const newest = record();
    const embedded = record({ database: 'embedded', isQuick: true });
    expect(newestOf([newest, quick, old, embedded])).toEqual([embedded, newest]);
  });
});

describe('a plot', () => {
  it('has the longest bar as wide as the plot, and the mark where its value is', () => {
    const svg = barsSvg({
      title: 'speeds',
      bars: [
        { label: 'one', value: 4, text: '4', met: true },
        { label: 'other', value: 1, text: '1', met: null },
      ],
      mark: { value: 2, label: 'goal' },
    });
    const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths).toHaveLength(2);
    expect(widths[0]).toBe(4 * Number(widths[1]));
    const [, left] = /<rect x="(\d+)"/.exec(svg) ?? [];
    const [, mark] = /<line x1="([\d.]+)"/.exec(svg) ?? [];
    expect(Number(mark) - Number(left)).toBe(Number(widths[0]) / 2);
  });

  it('is one of nothing where there is nothing', () => {
    const bars = [{ label: 'none', value: 0, text: '0', met: null }];
    expect(barsSvg({ title: 'none', bars, mark: null })).toContain('width="0.0"');
  });
});
