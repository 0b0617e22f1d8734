import { describe, expect, it } from 'vitest';
import { readConfig, settings } from '../src/config.ts';
import { checkLimits, limits } from '../src/limits.ts';
import { agesOf } from '../src/retention.ts';

describe('readConfig', () => {
  it('has a default for every setting', () => {
    const config = readConfig({});
    expect(config.port).toBe(7070);
    expect(config.databaseUrl).toBeNull();
    expect(config.bounds).toEqual(limits);
    expect(Object.keys(settings).every((name) => name in config)).toBe(true);
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig({ DATABASE_URL: '', FLEETWIRE_PORT: '' })).toMatchObject({
      databaseUrl: null,
      port: 7070,
    });
  });

  it('puts what is set into the bounds', () => {
    expect(readConfig({ FLEETWIRE_TICK_MS: '50' }).bounds.tickMs).toBe(50);
  });

  it('lets one address have as many connections as there may be, unless it is told otherwise', () => {
    const more = readConfig({ FLEETWIRE_CONNECTIONS_MAX: '30000' });
    expect(more.bounds).toMatchObject({ connectionsMax: 30_000, addressConnectionsMax: 30_000 });
    const few = readConfig({ FLEETWIRE_ADDRESS_CONNECTIONS_MAX: '20' });
    expect(few.bounds).toMatchObject({ connectionsMax: 18_000, addressConnectionsMax: 20 });
    expect(few.addressConnectionsMax).toBe(20);
  });

  it('takes lists apart', () => {
    const { trustedProxies, origins } = readConfig({
      FLEETWIRE_TRUSTED_PROXIES: ' 10.0.0.1, ::1 ,,::ffff:10.0.0.2',
      FLEETWIRE_ORIGINS: 'https://a.example,https://b.example',
    });
    expect(trustedProxies).toEqual(['10.0.0.1', '::1', '::ffff:10.0.0.2']);
    expect(origins).toEqual(['https://a.example', 'https://b.example']);
  });

  it('reads the chain of roles on call, in the order of their times', () => {
    const dispatcher = { role: 'dispatcher', afterMs: 0 };
    const admin = { role: 'admin', afterMs: 120_000 };
    expect(readConfig({}).escalation).toEqual([dispatcher, admin]);
    const { escalation } = readConfig({ FLEETWIRE_ESCALATION: 'admin:120, dispatcher:0' });
    expect(escalation).toEqual([dispatcher, admin]);
    expect(readConfig({ FLEETWIRE_ESCALATION: 'off' }).escalation).toEqual([]);
  });

  it('reads how long each is kept', () => {
    const dayMs = 86_400_000;
    const ever = {
      ...{ positionsMs: 0, aggregatesMs: 0, eventsMs: 0 },
      ...{ vehicleEventsMs: 0, vehicleStatesMs: 0, statusesMs: 0 },
    };
    expect(agesOf(readConfig({}))).toEqual({ ...ever, sessionsMs: 90 * dayMs });
    const changed = readConfig({
      FLEETWIRE_RETENTION_DAYS: '0.5',
      FLEETWIRE_AGGREGATE_RETENTION_DAYS: '2',
      FLEETWIRE_EVENT_RETENTION_DAYS: '3',
      FLEETWIRE_VEHICLE_EVENT_RETENTION_DAYS: '4',
      FLEETWIRE_SESSION_RETENTION_DAYS: '0',
    });
    expect(agesOf(changed)).toEqual({
      positionsMs: 0.5 * dayMs,
      aggregatesMs: 2 * dayMs,
      eventsMs: 3 * dayMs,
      vehicleEventsMs: 4 * dayMs,
      // As long as positions.
      vehicleStatesMs: 0.5 * dayMs,
      statusesMs: 0.5 * dayMs,
      sessionsMs: 0,
    });
    const states = readConfig({ FLEETWIRE_VEHICLE_STATE_RETENTION_DAYS: '5' });
    expect(agesOf(states).vehicleStatesMs).toBe(5 * dayMs);
    const statuses = readConfig({ FLEETWIRE_STATUS_RETENTION_DAYS: '6' });
    expect(agesOf(statuses).statusesMs).toBe(6 * dayMs);
  });

  it.each([
    ['FLEETWIRE_ESCALATION', 'dispatcher'],
    ['FLEETWIRE_ESCALATION', 'king:0'],
    ['FLEETWIRE_ESCALATION', 'device:0'],
    ['FLEETWIRE_ESCALATION', 'admin:0,admin:5'],
    ['FLEETWIRE_ESCALATION', 'admin:-1'],
    ['FLEETWIRE_ESCALATION', 'admin:0,'],
    ['FLEETWIRE_EMERGENCY_REPEAT_MS', '0'],
    ['FLEETWIRE_ADDRESS_CONNECTIONS_MAX', '0'],
    ['FLEETWIRE_ADDRESS_CONNECTIONS_MAX', 'many'],
    ['FLEETWIRE_TRUSTED_PROXIES', '10.0.0.0/8'],
    ['FLEETWIRE_TRUSTED_PROXIES', '10.0.0.1,proxy.example'],
    ['FLEETWIRE_COMPRESSION', 'on'],
    ['FLEETWIRE_TOKEN_GRACE_S', '-1'],
    ['FLEETWIRE_TOKEN_GRACE_S', '1.5'],
    ['FLEETWIRE_PORT', 'http'],
    ['FLEETWIRE_PORT', '65536'],
    ['FLEETWIRE_ACK', 'never'],
    ['FLEETWIRE_JWT_SECRET', 'short'],
    ['FLEETWIRE_JWKS_URL', 'file:///keys'],
    ['FLEETWIRE_JWKS_URL', 'http://['],
    ['DATABASE_URL', 'mysql://db'],
    ['FLEETWIRE_TICK_MS', '0'],
    ['FLEETWIRE_CHUNK_DAYS', '0'],
    ['FLEETWIRE_EVENT_RETENTION_DAYS', '0.5'],
    ['FLEETWIRE_VEHICLE_EVENT_RETENTION_DAYS', '-1'],
    ['FLEETWIRE_VEHICLE_STATE_RETENTION_DAYS', 'x'],
    ['FLEETWIRE_STATUS_RETENTION_DAYS', '36501'],
    ['FLEETWIRE_SESSION_RETENTION_DAYS', '-1'],
    ['FLEETWIRE_LOG_LEVEL', 'loud'],
  ])('names %s when it is %s', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(name);
  });

  it('names every wrong variable at once', () => {
    const wrong = { FLEETWIRE_PORT: 'x', FLEETWIRE_ACK: 'y' };
    expect(() => readConfig(wrong)).toThrow(/FLEETWIRE_PORT.*FLEETWIRE_ACK/);
  });

  it('refuses bounds that do not go together', () => {
    expect(() => readConfig({ FLEETWIRE_JOURNAL_BYTES_MAX: '1000' })).toThrow('journalBytesMax');
  });
});

describe('checkLimits', () => {
  it.each([
    { recordBytesMax: 1_000 },
    { segmentBytesMax: limits.recordBytesMax },
    { journalBytesMax: limits.segmentBytesMax },
    { batchBytesMax: limits.recordBytesMax - 1 },
    { journalPendingBytesMax: 1 },
    { journalTailBytesMax: 1 },
    { futureAcceptedMs: 1 },
    { retryDelayMaxMs: 1 },
    { publishBytesMax: 16_384 },
    { tickMs: 0 },
    { retentionPageRowsMax: limits.retentionRoundRowsMax + 1 },
  ])('refuses %o', (change) => {
    expect(() => checkLimits({ ...limits, ...change })).toThrow('limits: ');
  });
});
