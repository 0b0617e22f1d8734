/** Notifications on the real engine: to one, to a role, to all; read, unread at the connect, expired, sent once. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { refusals, type RefusalName } from '../../src/errors.ts';
import type { Role } from '../../src/identity.ts';
import { openTestDesk, stateOf, type Person, type TestDesk } from '../support/desk.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';

let test: EngineTest;
let desk: TestDesk;
let tenants = 0;
/** Each test has its own, with its own users. */
let tenant: string;

beforeAll(async () => {
  test = await openEngineTest();
  desk = openTestDesk(test.engine);
});

afterEach(async () => {
  await desk.close();
});
afterAll(() => test.cleanup());

const codeOf = (name: RefusalName): number => refusals[name].code;
const person = (sub: string, role: Role): Promise<Person> => desk.person({ sub, role, tenant });

function newTenant(): void {
  tenants += 1;
  tenant = `t${tenants}`;
}

/** What is unread, by id. */
const unreadOf = async (sub: string, role: Role): Promise<unknown[]> => {
  const one = await person(sub, role);
  const open = await one.follow(`notification:${sub}`);
  return open.map(({ data }) => data['id']);
};

describe('a notification', () => {
  it('to a user is told at once, or is unread when the user connects; read it is gone', async () => {
    newTenant();
    const dora = await person('dora', 'dispatcher');
    const dan = await person('dan', 'driver');
    await dan.follow('notification:dan');
    const draft = { title: 'Road closed', body: 'Use the bridge', data: { road: 7 } };
    const id = randomUUID();
    const sent = await dora.call('notification.send', { id, to: { user: 'dan' }, ...draft });
    expect(sent).toMatchObject({ isRepeat: false, state: { state: 'unread', createdBy: 'dora' } });
    expect(await dan.told()).toMatchObject({ event: 'sent', data: { id, ...draft, user: 'dan' } });
    const again = await dora.call('notification.send', { id, to: { user: 'dan' }, ...draft });
    expect(again).toMatchObject({ isRepeat: true });
    // Nobody of this name has ever connected.
    await dora.call('notification.send', { id, to: { user: 'nora' }, ...draft });
    expect(await unreadOf('nora', 'viewer')).toEqual([id]);
    expect(await unreadOf('dan', 'driver')).toEqual([id]);
    expect(stateOf(await dan.call('notification.read', { id }))).toMatchObject({ state: 'read' });
    expect(await dan.told()).toMatchObject({ event: 'read', data: { id } });
    expect(await dan.call('notification.read', { id })).toMatchObject({ isRepeat: true });
    expect(await unreadOf('dan', 'driver')).toEqual([]);
    expect(await unreadOf('nora', 'viewer')).toEqual([id]);
  });

  it('to a role or to everyone is given to each, once, and to who connects first later', async () => {
    newTenant();
    const adam = await person('adam', 'admin');
    const drivers = await Promise.all(['dan', 'dirk'].map((name) => person(name, 'driver')));
    await person('vera', 'viewer');
    const [role, all] = [randomUUID(), randomUUID()];
    const send = (id: string, to: object): Promise<unknown> =>
      adam.call('notification.send', { id, to, title: 'Meeting', severity: 'warning' });
    await send(role, { role: 'driver' });
    await send(all, { everyone: true });
    await send(role, { role: 'driver' });
    for (const [index, driver] of drivers.entries()) {
      const name = ['dan', 'dirk'][index] as string;
      await expect.poll(() => unreadOf(name, 'driver')).toEqual([role, all]);
      await driver.call('notification.read', { id: role });
    }
    await expect.poll(() => unreadOf('vera', 'viewer')).toEqual([all]);
    await expect.poll(() => unreadOf('adam', 'admin')).toEqual([all]);
    // The first connect of a new driver; another connect changes nothing.
    await expect.poll(() => unreadOf('doris', 'driver')).toEqual([role, all]);
    expect(await unreadOf('dan', 'driver')).toEqual([all]);
    await test.engine.kill();
    await test.engine.restart();
    desk = openTestDesk(test.engine);
    expect(await unreadOf('dan', 'driver')).toEqual([all]);
    await expect.poll(() => unreadOf('dieter', 'driver')).toEqual([role, all]);
  });

  it('is read with all others', async () => {
    newTenant();
    const dora = await person('dora', 'dispatcher');
    for (let count = 0; count < 5; count++) {
      await dora.call('notification.send', { to: { user: 'dora' }, title: `Number ${count}` });
    }
    expect(await dora.call('notification.readAll')).toEqual({ count: 5 });
    expect(await dora.call('notification.readAll')).toEqual({ count: 0 });
    expect(await unreadOf('dora', 'dispatcher')).toEqual([]);
  });

  it('expires, also while the engine does not run', async () => {
    newTenant();
    const dora = await person('dora', 'dispatcher');
    await dora.follow('notification:dora');
    const send = (expiresMs: number): Promise<unknown> =>
      dora.call('notification.send', { to: { user: 'dora' }, title: 'Soon', expiresMs });
    await send(Date.now() + 300);
    expect(await dora.told()).toMatchObject({ event: 'sent' });
    expect(await dora.told()).toMatchObject({ event: 'expired', data: { state: 'expired' } });
    await send(Date.now() + 1_000);
    await test.engine.kill();
    await test.engine.restart();
    desk = openTestDesk(test.engine);
    await expect.poll(() => unreadOf('dora', 'dispatcher')).toEqual([]);
  });

  it.each<[string, Role, object, RefusalName]>([
    ['by a driver', 'driver', { to: { user: 'dan' }, title: 'x' }, 'callNotAllowed'],
    ['by a viewer', 'viewer', { to: { user: 'dan' }, title: 'x' }, 'callNotAllowed'],
    ['to nobody', 'admin', { title: 'x' }, 'badParams'],
    ['to two', 'admin', { to: { user: 'dan', role: 'driver' }, title: 'x' }, 'badParams'],
    ['to no role', 'admin', { to: { role: 'king' }, title: 'x' }, 'badParams'],
    ['to a path', 'admin', { to: { user: 'a/b' }, title: 'x' }, 'badParams'],
    ['without a title', 'admin', { to: { user: 'dan' } }, 'badParams'],
    ['of no severity', 'admin', { to: { user: 'd' }, title: 'x', severity: 'loud' }, 'badParams'],
    ['that is over', 'admin', { to: { user: 'dan' }, title: 'x', expiresMs: 1 }, 'badParams'],
  ])('%s is refused', async (_name, role, params, refused) => {
    newTenant();
    const one = await person('anna', role);
    expect(await one.call('notification.send', params)).toBe(codeOf(refused));
  });

  it('of another user or tenant is not there', async () => {
    newTenant();
    const dora = await person('dora', 'dispatcher');
    const id = randomUUID();
    await dora.call('notification.send', { id, to: { user: 'dan' }, title: 'Secret' });
    expect(await dora.call('notification.read', { id })).toBe(codeOf('unknownNotification'));
    const spy = await desk.person({ sub: 'dan', role: 'driver', tenant: 'acme' });
    expect(await spy.follow('notification:dan')).toEqual([]);
    expect(await spy.call('notification.read', { id })).toBe(codeOf('unknownNotification'));
    for (const topic of ['audience:driver', 'command:bus-1', `notification:dan`]) {
      await expect(dora.follow(topic)).rejects.toThrow('refused');
    }
  });

  it('and the users who know of it are in their tables', async () => {
    newTenant();
    const dora = await person('dora', 'dispatcher');
    const id = randomUUID();
    await dora.call('notification.send', { id, to: { everyone: true }, title: 'To all' });
    await expect.poll(() => unreadOf('dora', 'dispatcher')).toEqual([id]);
    const { copies, users } = await test.rows(async (sql) => ({
      copies: await sql<object[]>`
        select topic, audience, recipient, phase, is_open as "isOpen" from notifications
        where id = ${id} order by topic`,
      users: await sql<object[]>`select subject, role from users where tenant = ${tenant}`,
    }));
    const everyone = { audience: 'everyone', isOpen: true };
    expect([...copies]).toEqual([
      { topic: 'audience:everyone', recipient: null, phase: 'sent', ...everyone },
      { topic: 'notification:dora', recipient: 'dora', phase: 'unread', ...everyone },
    ]);
    expect([...users]).toEqual([{ subject: 'dora', role: 'dispatcher' }]);
  });
});
