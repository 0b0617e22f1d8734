import { describe, expect, it } from 'vitest';
import {
  caseCursor,
  makeCursor,
  readCursor,
  sessionCursor,
  trackCursor,
  vehicleCursor,
} from '../../../src/server/api/cursor.ts';
import { rangeOf, timeOf } from '../../../src/server/api/query.ts';

describe('a time', () => {
  const noonMs = Date.UTC(2026, 2, 14, 12);

  it.each([
    ['0', 0],
    [String(noonMs), noonMs],
    ['2026-03-14', noonMs - 12 * 3_600_000],
    ['2026-03-14T12:00Z', noonMs],
    ['2026-03-14T12:00:00Z', noonMs],
    ['2026-03-14T12:00:00.000Z', noonMs],
    ['2026-03-14T12:00:00,5Z', noonMs + 500],
    ['2026-03-14T13:00:00+01:00', noonMs],
    ['2026-03-14T13:00:00 01:00', noonMs],
    ['2026-03-14T07:00:00-05:00', noonMs],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
  ])('%s', (text, timeMs) => {
    expect(timeOf(text)).toBe(timeMs);
  });

  it.each([
    '',
    'now',
    '-1',
    '1.5',
    '1e3',
    '9999999999999999',
    '2026-03',
    '2026-3-14',
    '2026-02-30',
    '2025-02-29T00:00:00Z',
    '2026-13-01',
    '2026-03-14T12:00:00',
    '2026-03-14T25:00:00Z',
    '2026-03-14 12:00:00Z',
    '1969-12-31T23:59:59Z',
    '+010000-01-01T00:00:00Z',
  ])('not %s', (text) => {
    expect(timeOf(text)).toBeNull();
  });
});

describe('a range', () => {
  const nowMs = 1_000_000_000;
  const given = { from: undefined, to: undefined, nowMs, fallbackMs: 1_000, maxMs: 5_000 };

  it('ends now, and begins so long before, where nothing is said', () => {
    expect(rangeOf(given)).toEqual({ fromMs: nowMs - 1_000, toMs: nowMs });
    expect(rangeOf({ ...given, to: '500' })).toEqual({ fromMs: 0, toMs: 500 });
    expect(rangeOf({ ...given, from: '3', to: '5003' })).toEqual({ fromMs: 3, toMs: 5_003 });
  });

  it('is refused where it makes no sense or is too long', () => {
    expect(rangeOf({ ...given, from: '6', to: '6' })).toMatchObject({ refused: 'badTimeRange' });
    expect(rangeOf({ ...given, from: 'x' })).toMatchObject({ refused: 'badTimeRange' });
    expect(rangeOf({ ...given, to: 'x' })).toMatchObject({ refused: 'badTimeRange' });
    expect(rangeOf({ ...given, from: '2', to: '5003' })).toMatchObject({ refused: 'rangeTooLong' });
  });
});

describe('a cursor', () => {
  it('comes back as it was, for its own kind', () => {
    expect(readCursor(vehicleCursor, makeCursor(vehicleCursor, 'bus-1'))).toBe('bus-1');
    expect(readCursor(trackCursor, makeCursor(trackCursor, 5))).toBe(5);
    const place = { startedAtMs: 7, id: '01890a5d-ac96-774b-bcce-b302099a8057' };
    expect(readCursor(sessionCursor, makeCursor(sessionCursor, place))).toEqual(place);
    expect(readCursor(trackCursor, undefined)).toBeNull();
    const trips = caseCursor('trips');
    const trip = makeCursor(trips, { beganMs: 1, id: 'a' });
    expect(readCursor(trips, trip)).toEqual({ beganMs: 1, id: 'a' });
    expect(readCursor(caseCursor('commands'), trip)).toBeUndefined();
    expect(readCursor(vehicleCursor, makeCursor(trackCursor, 5))).toBeUndefined();
  });

  it.each([
    '',
    'x',
    '%',
    Buffer.from('null').toString('base64url'),
    Buffer.from('["track"]').toString('base64url'),
    Buffer.from('["track","5"]').toString('base64url'),
  ])('not %j', (text) => {
    expect(readCursor(trackCursor, text)).toBeUndefined();
  });
});
