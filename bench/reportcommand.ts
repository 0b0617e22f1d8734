/**
 * `npm run bench -- report [--out DIR]`: what runs have measured as report.md and report.html.
 * Invariant: the newest whole run of each suite counts; nothing is measured here.
 * Bound: the runs that bench/results holds.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../src/cli/command.ts';
import { htmlOf, markdownOf } from './reportpage.ts';
import { newestOf, readRecords, resultsDir } from './results.ts';

export const reportCommand: Command = {
  name: 'report',
  operands: [],
  summary: 'Markdown and HTML with plots, of what the last runs have measured',
  options: {
    out: { type: 'string', value: 'DIR', help: 'where to write them (default: bench/results)' },
  },
  async run(input) {
    const dir = input.text('out') ?? resultsDir;
    const records = newestOf(readRecords(resultsDir));
    mkdirSync(dir, { recursive: true });
    for (const [name, text] of [
      ['report.md', markdownOf(records)],
      ['report.html', htmlOf(records)],
    ] as const) {
      const path = join(dir, name);
      writeFileSync(path, text);
      process.stdout.write(`${path}\n`);
    }
    return 0;
  },
};
