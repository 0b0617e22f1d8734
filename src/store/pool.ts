/**
 * Connections to one database, through postgres.js, that are thrown away instead of repaired.
 * Invariant: when one connection of a set is lost, all are given up, and the next query opens another set. In
 * postgres.js 3.4.9 a connection that closes while a write is waiting keeps that write, and never works again.
 * Invariant: after `replace` and `close` no old socket is open: `end` alone says goodbye and waits for the
 * server to hang up, which one that has gone silent never does.
 * Bound: `max` connections.
 */
import { connect, type Socket } from 'node:net';
import postgres, { type ISql, type Sql } from 'postgres';
import { arrayTypes } from './arrays.ts';

export interface PoolOptions {
  /** A URL, or a Unix socket whose database lets everybody in. */
  readonly target: { readonly url: string } | { readonly path: string };
  readonly max: number;
  readonly connectTimeoutMs: number;
  readonly onNotice: (text: string) => void;
}

export interface Pool {
  /**
   * Always the current set. It has no `begin` and no `reserve`: in postgres.js a transaction whose
   * connection is lost ends the process (a write to a socket that is gone, outside of any promise).
   * Several statements are one transaction when they are one message: `sql.unsafe('...; ...')`.
   */
  readonly sql: ISql;
  /** The connection to which `write` writes at once; null where nobody can tell, as with one that is encrypted. */
  writtenBy(write: () => void): Socket | null;
  /** Gives up all connections; what runs on them fails, the next query connects anew. */
  replace(): Promise<void>;
  /** The same; there must be no next query. */
  close(): Promise<void>;
}

interface ConnectionSet {
  readonly sql: Sql;
  readonly sockets: Set<Socket>;
}

export function openPool(options: PoolOptions): Pool {
  const endings = new Set<Promise<void>>();
  let current: ConnectionSet | null = null;
  let written: Socket | null = null;

  function connectionSet(): ConnectionSet {
    return (current ??= openSet(options, retire, (socket) => void (written = socket)));
  }

  function retire(set: ConnectionSet): void {
    // Each connection of a set that is on its way out closes too.
    if (current !== set) return;
    current = null;
    const ending = endSet(set).finally(() => endings.delete(ending));
    endings.add(ending);
  }

  function writtenBy(write: () => void): Socket | null {
    written = null;
    write();
    return written;
  }

  async function replace(): Promise<void> {
    if (current !== null) retire(current);
    await Promise.all(endings);
  }

  const sql = new Proxy(() => undefined, {
    apply: (_target, _receiver, args) => Reflect.apply(connectionSet().sql, undefined, args),
    get: (_target, name) => Reflect.get(connectionSet().sql, name) as unknown,
  });

  return { sql: sql as unknown as ISql, writtenBy, replace, close: replace };
}

async function endSet({ sql, sockets }: ConnectionSet): Promise<void> {
  await sql.end({ timeout: 0 });
  for (const socket of sockets) socket.destroy();
}

function openSet(
  options: PoolOptions,
  onLoss: (set: ConnectionSet) => void,
  onWrite: (socket: Socket) => void,
): ConnectionSet {
  const { target, max, connectTimeoutMs, onNotice } = options;
  const sockets = new Set<Socket>();
  const settings = {
    max,
    connect_timeout: connectTimeoutMs / 1_000,
    // A connection that ends of itself would count as lost.
    idle_timeout: 0,
    max_lifetime: 0,
    connection: { application_name: 'fleetwire' },
    // A query at a time: whatever was sent behind a COPY would fall into its rows.
    max_pipeline: 0,
    fetch_types: false,
    types: arrayTypes,
    onnotice: ({ severity, message, routine }: postgres.Notice) => {
      if (severity !== 'WARNING' || routine === pgliteNoise) return;
      onNotice(`the database warns: ${message}`);
    },
    onclose: () => onLoss(set),
    socket: (address: Address) => openSocket(address, sockets, onWrite),
  };
  const local = { database: 'template1', user: 'postgres', password: 'local', ssl: false };
  const sql =
    'url' in target
      ? postgres(target.url, settings)
      : postgres({ ...local, ...settings, path: target.path });
  const set = { sql, sockets };
  return set;
}

/** What postgres.js hands to `socket`. */
interface Address {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path: string | false | undefined;
}

// Not awaited until it is connected: postgres.js loses a connection for good when this fails at once, while
// it does handle a socket that fails later. Without delay: the end of a COPY is a small packet after large
// ones, and would wait 40 ms for the server's acknowledgement of those.
function openSocket(
  { host, port, path }: Address,
  sockets: Set<Socket>,
  onWrite: (socket: Socket) => void,
): Socket {
  const index = sockets.size % host.length;
  const name = host[index] ?? 'localhost';
  const socket =
    typeof path === 'string'
      ? connect({ path })
      : connect({ host: name, port: port[index] ?? postgresPort, noDelay: true });
  sockets.add(socket);
  const write = socket.write.bind(socket) as WriteBytes;
  return Object.assign(socket, {
    // The name that the server's certificate is checked against.
    host: name,
    // An encrypted connection goes past this: it writes to the socket's handle.
    write: ((bytes, done) => {
      onWrite(socket);
      return write(bytes, done);
    }) satisfies WriteBytes,
  });
}

/** As postgres.js calls it. */
type WriteBytes = (bytes: Uint8Array, done?: (error?: Error | null) => void) => boolean;

const postgresPort = 5432;

/** PGlite warns of every transaction that ends in an error, from here. */
const pgliteNoise = 'RecordTransactionAbort';
