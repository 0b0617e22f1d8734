/**
 * What an upgrade request offers, read from its headers before the callback returns.
 * Invariant: the token is never taken from the URL; a browser, which can set no header, has it as a
 * subprotocol item.
 * Bound: headers are as long as uWebSockets.js lets them be.
 */
import { subprotocols, tokenSubprotocolPrefix, type Codec } from '../wire/encode.ts';
import type { Plane } from './peer.ts';

/** What an upgrade request offers: its token, and the codec of the subprotocol it asks for. */
export interface Offer {
  readonly token: string | null;
  readonly codec: Codec | null;
  /** To be echoed; empty where the client offered none. */
  readonly subprotocol: string;
  /** Empty where the client is no browser. */
  readonly origin: string;
  readonly host: string;
}

export function readOffer(plane: Plane, header: (name: string) => string): Offer {
  const items = header('sec-websocket-protocol')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  const origin = header('origin');
  const host = header('host');
  const bearer = items.find((item) => item.startsWith(tokenSubprotocolPrefix));
  const offered = items.filter((item) => item !== bearer);
  const token = bearer?.slice(tokenSubprotocolPrefix.length) ?? readBearer(header);
  // A client that can set headers need not name a subprotocol; it speaks MessagePack.
  if (offered.length === 0 && bearer === undefined) {
    return { token, codec: 'messagepack', subprotocol: '', origin, host };
  }
  const known: readonly Codec[] = plane === 'ingest' ? ['messagepack'] : ['messagepack', 'json'];
  const codec = known.find((name) => offered.includes(subprotocols[name])) ?? null;
  const subprotocol = codec === null ? '' : subprotocols[codec];
  return { token, codec, subprotocol, origin, host };
}

function readBearer(header: (name: string) => string): string | null {
  const [scheme, token] = header('authorization').split(' ');
  return scheme?.toLowerCase() === 'bearer' && token !== undefined ? token : null;
}
