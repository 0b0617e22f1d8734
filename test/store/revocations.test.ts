import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  loadRevocations,
  saveRevocation,
  type StoredRevocation,
} from '../../src/store/revocations.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  await test.database.sql`truncate revocations`;
});

afterAll(() => test.cleanup());

const nowMs = 1_700_000_000_000;
const save = (revocation: StoredRevocation): Promise<void> =>
  saveRevocation(test.database.sql, revocation, nowMs);
const load = (expiredBeforeMs = 0) => loadRevocations(test.database.sql, expiredBeforeMs);

const of = (over: Partial<StoredRevocation> = {}): StoredRevocation => ({
  tenant: 'acme',
  issuer: 'fleetwire',
  tokenId: 'stolen',
  expiresAtMs: null,
  ...over,
});

describe('revocations', () => {
  it('come back as they were saved', async () => {
    const all = [
      of(),
      of({ tenant: 'globex' }),
      of({ issuer: 'https://issuer.example/"a"' }),
      of({ tokenId: 'ü\\', expiresAtMs: nowMs + 123 }),
      of({ tokenId: 'late', expiresAtMs: 8_640_000_000_000_000 }),
    ];
    for (const one of all) await save(one);
    const loaded = await load();
    expect(loaded).toHaveLength(all.length);
    for (const one of all) expect(loaded).toContainEqual(one);
    const [row] = await test.database.sql`select revoked_at from revocations limit 1`;
    expect(row).toEqual({ revoked_at: new Date(nowMs) });
  });

  it.each([
    [1_000, 2_000, 2_000],
    [2_000, 1_000, 2_000],
    [null, 1_000, null],
    [1_000, null, null],
  ])('until %j and again until %j last until %j', async (first, second, longest) => {
    await save(of({ expiresAtMs: first }));
    await save(of({ expiresAtMs: second }));
    expect([...(await load())]).toEqual([of({ expiresAtMs: longest })]);
  });

  it('of tokens that have expired are removed when they are loaded', async () => {
    await save(of());
    await save(of({ tokenId: 'old', expiresAtMs: nowMs - 1 }));
    await save(of({ tokenId: 'young', expiresAtMs: nowMs }));
    expect((await load(nowMs)).map(({ tokenId }) => tokenId).toSorted()).toEqual([
      'stolen',
      'young',
    ]);
    expect(await test.database.sql`select from revocations`).toHaveLength(2);
  });
});
