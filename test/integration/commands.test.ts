/** Commands on the real engine: delivered at once or at the connect, answered, expired, cancelled; never forgotten. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { refusals, type RefusalName } from '../../src/errors.ts';
import { openTestDesk, stateOf, type Person, type TestDesk } from '../support/desk.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';

let test: EngineTest;
let desk: TestDesk;

beforeAll(async () => {
  test = await openEngineTest();
  desk = openTestDesk(test.engine);
});

afterEach(() => desk.close());
afterAll(() => test.cleanup());

const codeOf = (name: RefusalName): number => refusals[name].code;
const dispatcher = (tenant = 'default'): Promise<Person> =>
  desk.person({ sub: 'dora', role: 'dispatcher', tenant });
const vehicle = (): string => `bus-${randomUUID()}`;

async function order(dora: Person, bus: string, params: object = {}): Promise<string> {
  const id = randomUUID();
  const result = await dora.call('command.send', { id, vehicle: bus, name: 'reboot', ...params });
  expect(stateOf(result)).toMatchObject({ id, state: 'queued' });
  return id;
}

/** The state of a command, as it is stored. */
const stateIn = async (bus: string, id: string): Promise<unknown> => {
  const [row] = await test.rows(
    (sql) => sql<{ state: string }[]>`
      select state::text as state from commands where vehicle = ${bus} and id = ${id}`,
  );
  return JSON.parse(row?.state ?? 'null');
};

describe('a command', () => {
  it('is delivered at once where the device is connected, and answered', async () => {
    const dora = await dispatcher();
    const bus = vehicle();
    const device = await desk.device(bus);
    const id = await order(dora, bus, { arguments: { delayS: 5 } });
    expect(await device.command()).toEqual({ id, name: 'reboot', given: { delayS: 5 } });
    const frame = [id, 'done', { uptimeS: 3 }] as const;
    await device.acked(device.send(5, ...frame));
    // Sent again it changes nothing; answered otherwise it is refused.
    await device.acked(device.send(5, ...frame));
    expect(await device.refused(device.send(5, id, 'failed'))).toBe(codeOf('commandTransition'));
    expect(await dora.call('command.cancel', { vehicle: bus, id })).toBe(
      codeOf('commandTransition'),
    );
    expect(await dora.call('command.send', { id, vehicle: bus, name: 'reboot' })).toMatchObject({
      isRepeat: true,
      state: { state: 'answered', status: 'done', result: { uptimeS: 3 } },
    });
  });

  it('waits for the device, over a kill, and comes again until it is answered', async () => {
    let dora = await dispatcher();
    const bus = vehicle();
    const ids = [await order(dora, bus), await order(dora, bus, { name: 'report' })];
    await test.engine.kill();
    await test.engine.restart();
    desk = openTestDesk(test.engine);
    for (let round = 0; round < 2; round++) {
      const device = await desk.device(bus);
      expect([(await device.command()).id, (await device.command()).id]).toEqual(ids);
      device.socket.terminate();
    }
    const device = await desk.device(bus);
    await device.acked(device.send(5, ids[0], 'done'));
    const last = await desk.device(bus);
    expect((await last.command()).id).toBe(ids[1]);
    await last.acked(last.send(5, ids[1], 'failed', 'no signal'));
    dora = await dispatcher();
    expect(await dora.call('command.cancel', { vehicle: bus, id: ids[1] })).toBe(
      codeOf('commandTransition'),
    );
  });

  it('is cancelled, and is not delivered any more', async () => {
    const dora = await dispatcher();
    const bus = vehicle();
    const first = await order(dora, bus);
    const second = await order(dora, bus);
    expect(stateOf(await dora.call('command.cancel', { vehicle: bus, id: first }))).toMatchObject({
      state: 'cancelled',
      cancelledBy: 'dora',
    });
    const device = await desk.device(bus);
    expect((await device.command()).id).toBe(second);
    expect(await device.refused(device.send(5, first, 'done'))).toBe(codeOf('commandTransition'));
  });

  it('expires, also where it was delivered', async () => {
    const dora = await dispatcher();
    const bus = vehicle();
    const expiresMs = Date.now() + 500;
    const id = await order(dora, bus, { expiresMs });
    await expect
      .poll(async () => {
        const again = await dora.call('command.send', { id, vehicle: bus, name: 'reboot' });
        return typeof again === 'number' ? again : (again['state'] as { state: string }).state;
      })
      .toBe('expired');
    expect(await dora.call('command.cancel', { vehicle: bus, id })).toBe(
      codeOf('commandTransition'),
    );
  });

  it('goes to the gateway that has spoken for the vehicle, by its name', async () => {
    const dora = await dispatcher();
    const gateway = await desk.device('gate', { role: 'service', vehicles: ['van-*'] });
    await gateway.acked(gateway.send(1, Date.now(), [[0, 526_000_000, -86_000_000]], 'van-7'));
    const id = await order(dora, 'van-7');
    expect((await gateway.socket.nextOf(21)).slice(1)).toEqual([id, 'reboot', null, 'van-7']);
    await gateway.acked(gateway.send(5, id, 'done'));
  });

  it.each<[string, object, RefusalName]>([
    ['send', { name: 'reboot' }, 'badParams'],
    ['send', { vehicle: 'bus' }, 'badParams'],
    ['send', { vehicle: 'bus', name: '' }, 'badParams'],
    ['send', { vehicle: 'bus', name: 'x', expiresMs: 1 }, 'badParams'],
    ['send', { vehicle: 'bus', name: 'x', arguments: 'x'.repeat(9_000) }, 'badEvent'],
    ['cancel', { vehicle: 'bus', id: 'nothing' }, 'unknownCommand'],
    ['cancel', { vehicle: 'bus' }, 'badParams'],
  ])('%s with %j is refused', async (method, params, refused) => {
    const dora = await dispatcher();
    expect(await dora.call(`command.${method}`, params)).toBe(codeOf(refused));
  });

  it('of another tenant or vehicle is not there', async () => {
    const dora = await dispatcher();
    const bus = vehicle();
    const id = await order(dora, bus);
    const spy = await dispatcher('acme');
    expect(await spy.call('command.cancel', { vehicle: bus, id })).toBe(codeOf('unknownCommand'));
    const stranger = await desk.device(vehicle());
    expect(await stranger.refused(stranger.send(5, id, 'done'))).toBe(codeOf('unknownCommand'));
    const driver = await desk.person({ sub: bus, role: 'driver' });
    expect(await driver.call('command.cancel', { vehicle: bus, id })).toBe(
      codeOf('callNotAllowed'),
    );
    expect(await stateIn(bus, id)).toMatchObject({ state: 'queued', createdBy: 'dora' });
  });
});
