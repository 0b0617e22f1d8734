/**
 * What a promise of a client is rejected with when its connection has ended for good.
 * Invariant: `closeCode` is that of the connection's last state, so that a program can tell its own
 * `close()` (1000) from an engine's refusal (3500 and above).
 */
export class ConnectionClosedError extends Error {
  override readonly name = 'ConnectionClosedError';
  readonly closeCode: number;

  constructor(closeCode: number, reason: string) {
    super(`the connection is closed (${closeCode}${reason === '' ? '' : `: ${reason}`})`);
    this.closeCode = closeCode;
  }
}
