/**
 * What is open of trips, emergencies, notifications and commands, for the start of the engine.
 * Invariant: each is visited once, with its topic (`<tenant>/<topic text>`) and its newest stored state. What was
 * stored while this reads is seen or not; the journal has it too.
 * Bound: `openPageRowsMax` rows a statement, by the index of those that are open.
 */
import type { ISql } from 'postgres';
import { limits } from '../limits.ts';
import type { Plain } from '../wire/types.ts';

type Visit = (topic: string, state: Plain) => void;

interface StateRow {
  readonly tenant: string;
  readonly topic: string;
  readonly id: string;
  readonly state: string;
}

/** The last row of a page, behind which the next one begins. */
type Last = Omit<StateRow, 'state'>;
type ReadPage = (last: Last, rows: number) => Promise<readonly StateRow[]>;

export async function loadOpenStates(
  sql: ISql,
  visit: Visit,
  pageRows: number = limits.openPageRowsMax,
): Promise<void> {
  const reads: readonly ReadPage[] = [
    ({ tenant, id }, rows) => sql<StateRow[]>`
      select tenant, 'trip:' || id as topic, id, state::text as state from trips
      where is_open and (tenant, id) > (${tenant}, ${id}) order by tenant, id limit ${rows}`,
    ({ tenant, id }, rows) => sql<StateRow[]>`
      select tenant, 'emergency' as topic, id, state::text as state from emergencies
      where is_open and (tenant, id) > (${tenant}, ${id}) order by tenant, id limit ${rows}`,
    ({ tenant, topic, id }, rows) => sql<StateRow[]>`
      select tenant, topic, id, state::text as state from notifications
      where is_open and (tenant, topic, id) > (${tenant}, ${topic}, ${id})
      order by tenant, topic, id limit ${rows}`,
    ({ tenant, topic, id }, rows) => sql<StateRow[]>`
      select tenant, 'command:' || vehicle as topic, id, state::text as state from commands
      where is_open
        and (tenant, vehicle, id) > (${tenant}, ${topic.slice('command:'.length)}, ${id})
      order by tenant, vehicle, id limit ${rows}`,
  ];
  for (const read of reads) await visitAll(read, visit, pageRows);
}

async function visitAll(read: ReadPage, visit: Visit, pageRows: number): Promise<void> {
  let last: Last = { tenant: '', topic: '', id: '' };
  for (;;) {
    const page = await read(last, pageRows);
    for (const { tenant, topic, state } of page) {
      visit(`${tenant}/${topic}`, JSON.parse(state) as Plain);
    }
    const end = page.at(-1);
    if (end === undefined || page.length < pageRows) return;
    last = end;
  }
}
