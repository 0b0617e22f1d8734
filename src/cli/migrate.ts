/**
 * `fleetwire migrate`: makes the tables in the configured database, or brings them up to date.
 * Invariant: what `serve` does at its start, no more; doing it again changes nothing.
 */
import { readConfig } from '../config.ts';
import type { Command } from './command.ts';
import { withDatabase } from './database.ts';

export const migrateCommand: Command = {
  name: 'migrate',
  operands: [],
  summary:
    'make the tables in DATABASE_URL, or in the embedded database, and bring them up to date',
  options: {},
  run,
};

async function run(): Promise<number> {
  const config = readConfig(process.env);
  const notice = (text: string): void => void process.stderr.write(`${text}\n`);
  const kind = await withDatabase(config, notice, async (database) => database.kind);
  const place = config.databaseUrl === null ? ` in ${config.databaseDir}` : '';
  process.stdout.write(`the schema is up to date (${kind} database${place})\n`);
  return 0;
}
