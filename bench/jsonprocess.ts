/**
 * The process of one system that is replaced (jsonserver.ts), with a database of its own: embedded, or one made in the
 * server of DATABASE_URL.
 * Invariant: `close` leaves neither a socket nor a database behind.
 * Bound: `connectionsMax` connections to a server, as the library has it.
 */
import postgres, { type ISql } from 'postgres';
import { openTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { answerCalls } from './child.ts';
import { openJsonServer, type Inserts, type JsonServer } from './jsonserver.ts';

const connectionsMax = 10;

export type JsonProcessCalls = {
  /** Resolves with the port. */
  readonly open: (inserts: Inserts) => Promise<number>;
  /** Rows of vehicles whose id begins with this. */
  readonly rows: (prefix: string) => Promise<number>;
  readonly close: (options: null) => Promise<void>;
};

interface Opened {
  readonly database: TestDatabase;
  readonly server: JsonServer;
  readonly endSql: () => Promise<void>;
}

let opened: Opened | null = null;

function running(): Opened {
  if (opened === null) throw new Error('the JSON server is not open');
  return opened;
}

const calls: JsonProcessCalls = {
  async open(inserts) {
    const database = await openTestDatabase();
    const own = database.url === null ? null : postgres(database.url, { max: connectionsMax });
    const sql: ISql = own ?? database.database.sql;
    const server = await openJsonServer(sql, inserts);
    opened = { database, server, endSql: async () => own?.end() };
    return server.port;
  },
  async rows(prefix) {
    const [row] = await running().database.database.sql<{ count: string }[]>`
      select count(*) from positions where vehicle_id like ${`${prefix}%`}`;
    return Number(row?.count);
  },
  async close() {
    const { database, server, endSql } = running();
    await server.close();
    await endSql();
    await database.cleanup();
  },
};

answerCalls(calls);
