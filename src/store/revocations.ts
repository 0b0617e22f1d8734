/**
 * The `revocations` table: tokens that count no more, although they have not expired.
 * Invariant: a revocation is never shortened: of two, the one that lasts longer stays.
 * Bound: whoever saves has counted them; those that have expired are removed when the table is loaded.
 */
import type { ISql } from 'postgres';

export interface StoredRevocation {
  readonly tenant: string;
  readonly issuer: string;
  /** The `jti`. */
  readonly tokenId: string;
  /** When the token itself ends, and the revocation with it; `null` for never. */
  readonly expiresAtMs: number | null;
}

/** Removes those that ended before `expiredBeforeMs` and gives all others. */
export async function loadRevocations(
  sql: ISql,
  expiredBeforeMs: number,
): Promise<readonly StoredRevocation[]> {
  await sql`
    delete from revocations
    where expires_at
      < timestamptz 'epoch' + ${expiredBeforeMs}::double precision * interval '1 millisecond'`;
  return sql<StoredRevocation[]>`
    select
      tenant, issuer, token_id as "tokenId",
      (extract(epoch from expires_at) * 1000)::double precision as "expiresAtMs"
    from revocations`;
}

export async function saveRevocation(
  sql: ISql,
  { tenant, issuer, tokenId, expiresAtMs }: StoredRevocation,
  nowMs: number,
): Promise<void> {
  await sql`
    insert into revocations (tenant, issuer, token_id, revoked_at, expires_at)
    values (
      ${tenant}, ${issuer}, ${tokenId},
      timestamptz 'epoch' + ${nowMs}::double precision * interval '1 millisecond',
      timestamptz 'epoch' + ${expiresAtMs}::double precision * interval '1 millisecond'
    )
    on conflict (tenant, issuer, token_id) do update set
      expires_at = case
        when revocations.expires_at is null or excluded.expires_at is null then null
        else greatest(revocations.expires_at, excluded.expires_at)
      end`;
}
