/**
 * One device of a load, whatever it speaks: the engine's protocol or Socket.IO. No code.
 * Invariant: frames are numbered from 1 in the order in which they are sent; acks are cumulative.
 * Bound: one socket; how much is in flight is its owner's affair.
 */

export interface SpeakerOptions {
  /** `ws://HOST:PORT` */
  readonly url: string;
  readonly vehicle: number;
  readonly name: string;
  readonly token: string;
  readonly fixesPerFrame: number;
  /** Every frame up to `seq` is kept; what the server says to be more than that is `onStored`. */
  readonly onAcked: (seq: number) => void;
  readonly onStored: (seq: number) => void;
  readonly onFailed: (error: Error) => void;
}

export interface Speaker {
  readonly bytesRead: number;
  /** The bytes that this took on the wire. */
  send(seq: number, baseMs: number): number;
  end(): void;
}
