import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientAddress, parseAddress } from '../../src/server/address.ts';

describe('an address', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    [' 10.1.2.3 ', '10.1.2.3'],
    ['10.1.2.3:4711', '10.1.2.3'],
    ['0000:0000:0000:0000:0000:0000:0000:0001', '::1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['0000:0000:0000:0000:0000:ffff:7f00:0001', '127.0.0.1'],
    ['::ffff:255.254.1.0', '255.254.1.0'],
    ['::ffff:0:1', '0.0.0.1'],
    ['::127.0.0.1', '::7f00:1'],
    ['', null],
    ['unknown', null],
    ['10.1.2', null],
    ['10.1.2.3.4', null],
    ['10.1.2.300', null],
    ['[10.1.2.3', null],
    ['::ffff:10.1.2.3:4711', null],
    ['_hidden', null],
  ])('%j is %j', (text, address) => {
    expect(parseAddress(text)).toBe(address);
  });

  it('of IPv4 is the same in every way to write it', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(65_535), (address, port) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
        const hex = (high: number, low: number) => (high * 256 + low).toString(16);
        expect(parseAddress(address)).toBe(address);
        expect(parseAddress(`${address}:${port}`)).toBe(address);
        expect(parseAddress(`::ffff:${address}`)).toBe(address);
        expect(parseAddress(`0:0:0:0:0:FFFF:${hex(a, b)}:${hex(c, d)}`)).toBe(address);
      }),
    );
  });

  it('of IPv6 is written in one way', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = parseAddress(text) ?? '';
        expect(parseAddress(address)).toBe(address);
        expect(parseAddress(`[${text.toUpperCase()}]:80`)).toBe(address);
      }),
    );
  });
});

describe('the address of a client', () => {
  const proxies = new Set(['10.0.0.1', '10.0.0.2', '::1']);

  it.each<[string, string, string[], string]>([
    ['without a proxy is that of the socket', '9.9.9.9', ['1.1.1.1'], '9.9.9.9'],
    ['of a mapped socket is IPv4', '::ffff:909:909', ['1.1.1.1'], '9.9.9.9'],
    ['behind a proxy is what it says', '10.0.0.1', ['1.1.1.1'], '1.1.1.1'],
    ['behind a mapped proxy too', '::ffff:10.0.0.1', ['1.1.1.1'], '1.1.1.1'],
    ['is not what the client itself wrote', '10.0.0.1', ['6.6.6.6, 1.1.1.1'], '1.1.1.1'],
    ['nor what it wrote into a line of its own', '10.0.0.1', ['6.6.6.6', '1.1.1.1'], '1.1.1.1'],
    ['is behind two proxies', '10.0.0.1', ['6.6.6.6,1.1.1.1', '10.0.0.2'], '1.1.1.1'],
    ['nor a proxy before it', '10.0.0.1', ['10.0.0.2, 1.1.1.1'], '1.1.1.1'],
    ['may be the proxy', '10.0.0.1', [], '10.0.0.1'],
    ['may be a proxy behind a proxy', '10.0.0.1', ['10.0.0.2'], '10.0.0.2'],
    ['is the proxy where that knows none', '10.0.0.1', ['1.1.1.1, unknown'], '10.0.0.1'],
    ['is the inner proxy where that knows none', '10.0.0.1', ['x, 10.0.0.2'], '10.0.0.2'],
    ['has a port taken off', '::1', ['1.1.1.1:33'], '1.1.1.1'],
    ['is empty where the socket has none', '', ['1.1.1.1'], ''],
  ])('%s', (_name, socket, forwarded, address) => {
    expect(clientAddress(socket, () => forwarded, proxies)).toBe(address);
  });

  it('is not looked for in the header of anybody who is not trusted', () => {
    const forwarded = () => {
      throw new Error('it was asked');
    };
    expect(clientAddress('9.9.9.9', forwarded, proxies)).toBe('9.9.9.9');
  });

  it('is what the nearest stranger is, whatever stands before it', () => {
    const trusted = fc.constantFrom(...proxies);
    const stranger = fc.ipV4().filter((address) => !proxies.has(address));
    const lies = fc.array(fc.oneof(fc.string(), stranger, trusted));
    fc.assert(
      fc.property(lies, stranger, fc.array(trusted), trusted, (lied, client, between, last) => {
        const lines = [...lied, client, ...between];
        expect(clientAddress(last, () => lines, proxies)).toBe(client);
        expect(clientAddress(last, () => [lines.join(' , ')], proxies)).toBe(client);
      }),
    );
  });
});
