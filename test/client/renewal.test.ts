/**
 * New tokens on open connections: when they are asked for, and that both clients send them to a scripted
 * peer on a real socket.
 */
import { describe, expect, it } from 'vitest';
import { createRenewal, expiryMsOf } from '../../src/client/renewal.ts';
import { delayMsMax } from '../../src/clock.ts';
import { signToken } from '../../src/server/token.ts';
import { createManualClock, type ManualClock } from '../support/clock.ts';
import { useDevice } from './devicefixture.ts';
import { useLive } from './livefixture.ts';
import { deviceHello, subscriberHello } from './peer.ts';
import { until } from './peerfixture.ts';

/** The engine's time when a connection opens. */
const serverTimeMs = 1_900_000_000_000;

function tokenOf(lifeMs: number, name = 'a'): string {
  const payload = JSON.stringify({ sub: name, exp: (serverTimeMs + lifeMs) / 1_000 });
  return `h.${Buffer.from(payload).toString('base64url')}.${name}`;
}

describe('expiryMsOf', () => {
  it('reads what the issuer has signed', async () => {
    const claims = { role: 'device', issuer: 'i', audience: 'a', ttlS: 60 } as const;
    const secret = new Uint8Array(32).fill(1);
    // Subjects of every length and of text beyond ASCII: the padding and the alphabet of base64url.
    for (const sub of ['a', 'ab', 'abc', 'Süd-Ost ÿþ>>>???', '車両']) {
      const beforeMs = Date.now();
      const expiryMs = expiryMsOf(await signToken(secret, { ...claims, sub })) ?? 0;
      expect(expiryMs).toBeGreaterThanOrEqual(beforeMs + 59_000);
      expect(expiryMs).toBeLessThanOrEqual(Date.now() + 60_000);
    }
  });

  it.each([
    '',
    'jwt',
    'a.b.c',
    'a.!!!.c',
    `a.${btoa('5')}.c`,
    `a.${btoa('{"exp":"1"}')}.c`,
    'a.e30.c',
  ])('is null for %j', (jwt) => {
    expect(expiryMsOf(jwt)).toBeNull();
  });
});

describe('renewal', () => {
  type Make = () => string | Promise<string>;
  function setup(make: Make | null, clock: ManualClock = createManualClock(0)) {
    const sent: string[] = [];
    const renewal = createRenewal({
      make,
      clock,
      random: () => 0,
      bounds: { clientRenewDelayMinMs: 1_000 },
      send: (jwt) => sent.push(jwt),
    });
    return { renewal, clock, sent };
  }

  it('comes at 80 % of what is left by the engine clock, and then again for the new token', async () => {
    const { renewal, clock, sent } = setup(() => tokenOf(300_000, 'b'));
    renewal.start(tokenOf(100_000), serverTimeMs);
    expect(clock.nextInMs).toBe(80_000);
    clock.advance(80_000);
    await until(() => sent.length > 0);
    expect(sent).toEqual([tokenOf(300_000, 'b')]);
    expect(clock.nextInMs).toBeCloseTo((300_000 - 80_000) * 0.8);
  });

  it('sends no token twice, and asks again in what is left', async () => {
    let calls = 0;
    const { renewal, clock, sent } = setup(() => {
      calls++;
      return calls === 1 ? tokenOf(100_000) : Promise.reject(new Error('no token yet'));
    });
    renewal.start(tokenOf(100_000), serverTimeMs);
    clock.advance(80_000);
    await until(() => clock.timers > 0);
    expect(clock.nextInMs).toBeCloseTo(16_000);
    clock.advance(16_000);
    await until(() => clock.timers > 0);
    expect(clock.nextInMs).toBeCloseTo(3_200);
    expect(sent).toEqual([]);
  });

  it('asks at most once in a second, even for a token that has expired', async () => {
    const { renewal, clock, sent } = setup(() => tokenOf(-5_000, 'b'));
    renewal.start(tokenOf(-1), serverTimeMs);
    expect(clock.nextInMs).toBe(1_000);
    clock.advance(1_000);
    await until(() => sent.length > 0);
    expect(clock.nextInMs).toBe(1_000);
  });

  it('waits no longer than a timer can', () => {
    const { renewal, clock } = setup(() => 'x');
    renewal.start(tokenOf(1e12), serverTimeMs);
    expect(clock.nextInMs).toBe(delayMsMax);
  });

  it('does nothing without a maker of tokens, or with a token that does not say its end', () => {
    for (const { renewal, clock } of [setup(null), setup(() => 'x')]) {
      renewal.start('jwt', serverTimeMs);
      expect(clock.timers).toBe(0);
    }
    const { renewal, clock } = setup(null);
    renewal.start(tokenOf(100_000), serverTimeMs);
    expect(clock.timers).toBe(0);
  });

  it('sends nothing that comes after its connection is lost', async () => {
    let give: (jwt: string) => void = () => undefined;
    const { renewal, clock, sent } = setup(
      () => new Promise<string>((resolve) => (give = resolve)),
    );
    renewal.start(tokenOf(100_000), serverTimeMs);
    clock.advance(80_000);
    renewal.stop();
    renewal.start(tokenOf(500_000, 'c'), serverTimeMs);
    give(tokenOf(300_000, 'b'));
    await new Promise(setImmediate);
    expect(sent).toEqual([]);
    expect(clock.timers).toBe(1);
    renewal.stop();
    expect(clock.timers).toBe(0);
  });
});

describe('a client', () => {
  const live = useLive();
  const device = useDevice();
  /** Another token for each call, each good for 100 s more than the one before. */
  const makeTokens = () => {
    let calls = 0;
    return () => tokenOf(100_000 * ++calls, `t${calls}`);
  };

  it.each(['messagepack', 'json'] as const)('that is live sends it over %s', async (codec) => {
    const clock = createManualClock();
    const client = live.connect({ clock, codec, token: makeTokens(), random: () => 0 });
    const connection = await live.peer.accept();
    expect(connection.offered[1]).toBe(`bearer.${tokenOf(100_000, 't1')}`);
    const hello = [48, { ...(subscriberHello[1] as object), serverTimeMs }];
    (codec === 'json' ? connection.sendJson : connection.send)(hello);
    await until(() => client.state.name === 'open');
    clock.advance(80_000);
    expect(await connection.next()).toEqual([9, tokenOf(200_000, 't2')]);
    connection.drop();
    await until(() => client.state.name === 'waiting');
    expect(clock.timers).toBe(1);
    clock.advance(0);
    expect((await live.peer.accept()).offered[1]).toBe(`bearer.${tokenOf(300_000, 't3')}`);
  });

  it('of a device sends it between its fixes', async () => {
    const clock = createManualClock();
    const { client, state } = device.connect({ clock, token: makeTokens(), random: () => 0 });
    const opened = state('open');
    const connection = await device.peer.accept();
    connection.send(deviceHello({ serverTimeMs }));
    await opened;
    clock.advance(80_000);
    expect(await connection.next()).toEqual([9, tokenOf(200_000, 't2')]);
    client.send({ timeMs: 1, latitude: 0, longitude: 0 });
    expect((await connection.next()).slice(0, 2)).toEqual([1, 1]);
    await client.close();
    expect(clock.timers).toBe(0);
  });
});
