/**
 * Who is at the other end of a socket: its own address, or what a trusted proxy says of it.
 * Invariant: `X-Forwarded-For` counts only where the connection comes from a trusted proxy, and of it only
 * what such proxies have added, which is its end: a client writes what it likes before that.
 * Bound: one walk over the header, whose length uWebSockets.js limits.
 */
import { isIP } from 'node:net';

/**
 * `forwarded` has the header's lines in their order; it is asked only where it counts. Empty where the
 * socket has no address any more.
 */
export function clientAddress(
  socketAddress: string,
  forwarded: () => readonly string[],
  trusted: ReadonlySet<string>,
): string {
  let address = parseAddress(socketAddress) ?? '';
  if (!trusted.has(address)) return address;
  for (const entry of forwarded().join(',').split(',').toReversed()) {
    const said = parseAddress(entry);
    // A proxy that does not know its client is all that is known.
    if (said === null) return address;
    address = said;
    if (!trusted.has(address)) return address;
  }
  return address;
}

const withPort = /^(?:\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$/;
const mappedIPv4 = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/;

/** An address in the one way to write it, without port and zone; `null` where the text is none. */
export function parseAddress(text: string): string | null {
  const trimmed = text.trim();
  const [, bracketed, bare] = withPort.exec(trimmed) ?? [];
  const [address = ''] = (bracketed ?? bare ?? trimmed).split('%');
  const version = isIP(address);
  if (version === 0) return null;
  return version === 4 ? address : shortest(address);
}

/** IPv6 as RFC 5952 has it; IPv4 where that is what it maps. */
function shortest(address: string): string {
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = mappedIPv4.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const bits = parseInt(high, 16) * 0x10000 + parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}
