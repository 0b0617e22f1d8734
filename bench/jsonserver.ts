/**
 * The kind of system that Fleetwire replaces, as people write it: Socket.IO with JWT, one JSON event a fix, a room for
 * each vehicle, and `INSERT`: one a fix, or rows gathered into one. Schema, table and kind of database are the engine's.
 * Invariant: a fix is acked when its row is committed, which is what the engine calls stored; nothing else would be the
 * same promise.
 * Bound: a batch of `batchRowsMax` rows or `batchAgeMs`; nothing else, as in such systems.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jwtVerify } from 'jose';
import type { ISql } from 'postgres';
import { Server, type Socket } from 'socket.io';
import { testSecret } from '../test/support/engine.ts';
import { positionEvent, type JsonFix } from './socketiospeaker.ts';

/** How rows go into the table: one INSERT a fix, or one for many. */
export type Inserts = 'single' | 'batched';

export interface JsonServer {
  readonly port: number;
  close(): Promise<void>;
}

const batchRowsMax = 500;
const batchAgeMs = 50;

interface Row {
  readonly time: Date;
  readonly received_at: Date;
  readonly latitude: number;
  readonly longitude: number;
  readonly speed: number;
  readonly course: number;
  readonly altitude: number;
  readonly accuracy: number;
  readonly satellites: number;
  readonly vehicle_id: string;
}

/** Resolves when the row is committed. */
type Insert = (row: Row) => Promise<unknown>;

export async function openJsonServer(sql: ISql, inserts: Inserts): Promise<JsonServer> {
  const insert: Insert =
    inserts === 'batched' ? createBatches(sql) : (row) => sql`insert into positions ${sql(row)}`;
  const http = createServer();
  const io = new Server(http, { transports: ['websocket'] });
  io.use((socket, next) => void admit(socket, next));
  io.on('connection', (socket) => {
    const { vehicleId } = socket.data as { readonly vehicleId: string };
    void socket.join(roomOf(vehicleId));
    socket.on(positionEvent, (fix: unknown, ack: (answer: object) => void) => {
      if (!isFix(fix) || fix.vehicleId !== vehicleId) return ack({ ok: false });
      insert(rowOf(fix)).then(
        () => ack({ ok: true }),
        () => ack({ ok: false }),
      );
      socket.to(roomOf(vehicleId)).emit(positionEvent, fix);
    });
  });
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve));
  return {
    port: (http.address() as AddressInfo).port,
    async close() {
      await io.close();
    },
  };
}

async function admit(socket: Socket, next: (error?: Error) => void): Promise<void> {
  let refusal: Error | undefined;
  try {
    const token = String(socket.handshake.auth['token']);
    const { payload } = await jwtVerify(token, testSecret, {
      issuer: 'fleetwire',
      audience: 'fleetwire',
    });
    socket.data = { vehicleId: payload.sub };
  } catch {
    refusal = new Error('unauthorized');
  }
  next(refusal);
}

function roomOf(vehicleId: string): string {
  return `vehicle:${vehicleId}`;
}

interface Waiting {
  readonly row: Row;
  resolve(): void;
  reject(error: unknown): void;
}

function createBatches(sql: ISql): Insert {
  let waiting: Waiting[] = [];
  let timer: NodeJS.Timeout | null = null;

  function flush(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const batch = waiting;
    waiting = [];
    const rows = batch.map(({ row }) => row);
    sql`insert into positions ${sql(rows)}`.then(
      () => batch.forEach(({ resolve }) => resolve()),
      (error: unknown) => batch.forEach(({ reject }) => reject(error)),
    );
  }

  return (row) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ row, resolve, reject });
      if (waiting.length >= batchRowsMax) flush();
      else timer ??= setTimeout(flush, batchAgeMs);
    });
}

const numbers = [
  'latitude',
  'longitude',
  'speed',
  'heading',
  'altitude',
  'accuracy',
  'satellites',
  'timestamp',
] as const;

function isFix(value: unknown): value is JsonFix {
  if (typeof value !== 'object' || value === null) return false;
  const fix = value as Readonly<Record<string, unknown>>;
  if (typeof fix['vehicleId'] !== 'string') return false;
  if (!numbers.every((name) => Number.isFinite(fix[name]))) return false;
  const { latitude, longitude } = fix as unknown as JsonFix;
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
}

function rowOf(fix: JsonFix): Row {
  return {
    time: new Date(fix.timestamp),
    received_at: new Date(),
    latitude: fix.latitude,
    longitude: fix.longitude,
    speed: fix.speed,
    course: fix.heading,
    altitude: fix.altitude,
    accuracy: fix.accuracy,
    satellites: fix.satellites,
    vehicle_id: fix.vehicleId,
  };
}
