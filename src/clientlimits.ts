/**
 * Bounds of the clients and the command line. A part of `limits`; nothing in the engine is bound by these.
 * Invariant: the same names as in `limits`, stated here only.
 */
export const clientLimits = {
  /** Fixes that a device client holds until they are acknowledged: a day at one a second. */
  clientBacklogFixesMax: 86_400,
  /** From the start of an attempt (its token included) to the open socket, and from there to the hello. */
  clientConnectTimeoutMs: 10_000,
  clientHelloTimeoutMs: 10_000,
  /** How long a closing handshake may take before the socket is dropped. */
  clientCloseTimeoutMs: 2_000,
  /** The pause before attempt n is random within `clientDelayMinMs * 2^n`, at most `clientDelayMaxMs`. */
  clientDelayMinMs: 500,
  clientDelayMaxMs: 30_000,
  /** A connection that held this long starts the next pause from the shortest again. */
  clientStableAfterMs: 5_000,
  /** Between two attempts to renew a token; one that lives shorter is renewed by reconnecting. */
  clientRenewDelayMinMs: 1_000,
  /**
   * Between two requests for a live client's area. A dragged map moves at every frame of the screen; this makes
   * it a fifth of `requestsPerSecondMax`.
   */
  clientAreaIntervalMs: 100,
  /** Requests of a live client that wait for their answer. */
  clientRequestsMax: 1_000,
  clientRequestTimeoutMs: 10_000,
  /** How long a command that stops waits for the acks of what it has sent. */
  clientDrainTimeoutMs: 30_000,

  // Track files.
  /** Points of one GPX file: about twelve days at one a second, some 100 MB of memory. */
  trackPointsMax: 1_000_000,
  /** Characters of one tag or text in it; real ones have under 1,000. */
  trackTokenCharsMax: 64 * 1024,

  // Demo.
  /** Fixes whose (vehicle, time) the demo remembers for its count: some 250 MB, 15 hours of the default. */
  demoFixesMax: 5_000_000,
  /** From the start of the engine's process to its `ready` line; the first start makes a database. */
  demoStartDeadlineMs: 120_000,
} as const;
