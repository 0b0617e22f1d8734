/**
 * Arrays of numbers and texts as parameters of queries. postgres.js asks the server for the types of arrays
 * whenever it connects, and a connection that is lost meanwhile ends the process (a promise that nobody looks
 * at), so it is told these and asks nothing.
 * Bound: these types. An array that a query returns comes as PostgreSQL's text.
 */
import type { PostgresType } from 'postgres';

/** Of the catalogue pg_type, where they are the same in every server. */
const arrayOids = {
  smallint: 1005,
  integer: 1007,
  text: 1009,
  bigint: 1016,
  real: 1021,
  doublePrecision: 1022,
  uuid: 2951,
} as const;

/** For postgres.js's option `types`. */
export const arrayTypes: Record<string, PostgresType> = Object.fromEntries(
  Object.entries(arrayOids).map(([name, oid]): [string, PostgresType] => [
    `${name}Array`,
    { to: oid, from: [], serialize: arrayLiteral, parse: (text: unknown) => text },
  ]),
);

type Element = string | number | null;

/** `{"a","b",null}`; text is passed on as it is. */
export function arrayLiteral(values: unknown): unknown {
  if (!Array.isArray(values)) return values;
  return `{${(values as readonly Element[]).map(elementLiteral).join(',')}}`;
}

function elementLiteral(value: Element): string {
  if (value === null) return 'null';
  // Most are numbers, and a number needs no quotes.
  if (typeof value === 'number') return String(value);
  return `"${value.replace(/["\\]/g, String.raw`\$&`)}"`;
}
