/**
 * Plots of figures as SVG, to stand inside of a page.
 * Invariant: a pure function of its bars; it names no font and no script from elsewhere, and text is escaped.
 * Bound: one line a bar.
 */

export interface Bar {
  readonly label: string;
  /** Not negative. */
  readonly value: number;
  /** What stands beside it. */
  readonly text: string;
  /** Where a goal is met, `null` where there is none. */
  readonly met: boolean | null;
}

export interface BarsOptions {
  readonly title: string;
  readonly bars: readonly Bar[];
  /** A line across all bars. */
  readonly mark: { readonly value: number; readonly label: string } | null;
}

const lineHeight = 24;
const barHeight = 14;
const labelWidth = 330;
const plotWidth = 300;
const textWidth = 130;
const headHeight = 44;
const colours = { met: '#2f855a', missed: '#c53030', plain: '#4a6fa5', mark: '#1a202c' } as const;
const digits = 1;

/** Bars from the left, the longest as wide as the plot. */
export function barsSvg({ title, bars, mark }: BarsOptions): string {
  const width = labelWidth + plotWidth + textWidth;
  const height = headHeight + bars.length * lineHeight;
  const most = Math.max(...bars.map(({ value }) => value), mark?.value ?? 0, Number.MIN_VALUE);
  const xOf = (value: number): string =>
    (labelWidth + (plotWidth * Math.min(value, most)) / most).toFixed(digits);
  const lines = bars.flatMap((bar, index) => barLines(bar, headHeight + index * lineHeight, xOf));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" font-size="12" font-family="sans-serif">`,
    `<title>${escaped(title)}</title>`,
    `<text x="0" y="16" font-weight="bold">${escaped(title)}</text>`,
    ...lines,
    ...(mark === null ? [] : markLines(mark.label, xOf(mark.value), height)),
    '</svg>',
  ].join('\n');
}

function barLines(
  { label, value, text, met }: Bar,
  top: number,
  xOf: (value: number) => string,
): readonly string[] {
  const baseline = top + barHeight - 2;
  const width = (Number(xOf(value)) - labelWidth).toFixed(digits);
  const textAt = (Number(xOf(value)) + 6).toFixed(digits);
  return [
    `<text x="${labelWidth - 8}" y="${baseline}" text-anchor="end">${escaped(label)}</text>`,
    `<rect x="${labelWidth}" y="${top}" width="${width}" height="${barHeight}" fill="${colourOf(met)}"/>`,
    `<text x="${textAt}" y="${baseline}">${escaped(text)}</text>`,
  ];
}

function markLines(label: string, x: string, height: number): readonly string[] {
  return [
    `<line x1="${x}" x2="${x}" y1="${headHeight - 6}" y2="${height}" stroke="${colours.mark}" stroke-dasharray="4 3"/>`,
    `<text x="${x}" y="${headHeight - 10}" text-anchor="middle">${escaped(label)}</text>`,
  ];
}

function colourOf(met: boolean | null): string {
  if (met === null) return colours.plain;
  return met ? colours.met : colours.missed;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
