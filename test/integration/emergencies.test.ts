/**
 * Emergencies on the real engine: who raises and closes them, who is called and told, and that none is forgotten
 * when the engine is killed.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { refusals } from '../../src/errors.ts';
import { openTestDesk, stateOf, type Person, type TestDesk } from '../support/desk.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';

/** Short, so that a test sees all of it; what a call says is compared, and never when. */
const env = { FLEETWIRE_ESCALATION: 'dispatcher:0,admin:1', FLEETWIRE_EMERGENCY_REPEAT_MS: '400' };
const latE7 = 526_000_000;
const lonE7 = -86_000_000;

let test: EngineTest;
let desk: TestDesk;

beforeAll(async () => {
  test = await openEngineTest(env);
  desk = openTestDesk(test.engine);
});

afterEach(() => desk.close());
afterAll(() => test.cleanup());

const dispatcher = (sub = 'dora', tenant = 'default'): Promise<Person> =>
  desk.person({ sub, role: 'dispatcher', tenant });

async function raise(person: Person, params: object = {}): Promise<string> {
  const id = randomUUID();
  await person.call('emergency.raise', { id, kind: 'sos', ...params });
  return id;
}

describe('a device', () => {
  it('raises an emergency, and is told that a person has seen it', async () => {
    const dora = await dispatcher();
    await dora.follow('emergency');
    const device = await desk.device('bus-1');
    const id = randomUUID();
    const timeMs = Date.now() - 5_000;
    await device.acked(device.send(3, id, 'panic', timeMs, latE7, lonE7, 'help'));
    const raised = await dora.toldOf('raised');
    expect(raised.data).toMatchObject({
      id,
      kind: 'panic',
      state: 'open',
      vehicle: 'bus-1',
      latE7,
      lonE7,
      message: 'help',
      timeMs,
      raisedBy: 'bus-1',
    });
    const seen = stateOf(await dora.call('emergency.acknowledge', { id, note: 'on my way' }));
    expect(seen).toMatchObject({ state: 'acknowledged', seenBy: 'dora' });
    expect(await device.command()).toEqual({
      id,
      name: 'emergencyAcknowledged',
      given: { emergency: id, by: 'dora', atMs: seen['seenMs'] },
    });
    // Who connects later is told as well.
    const again = await desk.device('bus-1');
    expect(await again.command()).toMatchObject({ id, name: 'emergencyAcknowledged' });
    await dora.call('emergency.resolve', { id });
  });

  it('that sends it again after a cut raises one', async () => {
    const dora = await dispatcher();
    await dora.follow('emergency');
    const id = randomUUID();
    for (let round = 0; round < 3; round++) {
      const device = await desk.device('bus-2');
      const seq = device.send(3, id, 'accident', Date.now(), latE7, lonE7);
      if (round === 0) device.socket.terminate();
      else await device.acked(seq);
    }
    const offsets = new Set<number>();
    const events: string[] = [];
    await dora.call('emergency.falseAlarm', { id });
    for (let event = ''; event !== 'falseAlarm';) {
      const told = await dora.told();
      ({ event } = told);
      offsets.add(told.offset);
      events.push(event);
    }
    expect(events.filter((event) => event === 'raised')).toHaveLength(1);
    expect(offsets.size).toBe(events.length);
  });

  it.each([
    ['of an unknown kind', ['x-1', 'boredom', Date.now(), 0, 0], 'unknownKind'],
    ['with an id that is none', ['../x', 'sos', Date.now(), 0, 0], 'malformedFrame'],
    ['of a vehicle of another', ['x-2', 'sos', 1, 0, 0, null, 'bus-9'], 'vehicleNotAllowed'],
  ] as const)('is refused one %s', async (_name, frame, refused) => {
    const device = await desk.device('bus-3');
    const seq = device.send(3, ...frame);
    expect(await device.refused(seq)).toBe(refusals[refused].code);
    await device.acked(seq);
  });
});

describe('the roles on call', () => {
  it('are called along the chain, again and again, until a person has seen it', async () => {
    const dora = await dispatcher();
    const adam = await desk.person({ sub: 'adam', role: 'admin' });
    await Promise.all([dora, adam].map((person) => person.follow('emergency')));
    await dora.follow('notification:dora');
    await adam.follow('notification:adam');
    const id = await raise(dora, { vehicle: 'bus-4', kind: 'theft' });
    const calls: unknown[] = [];
    for (let level = -1; level < 1;) {
      const { topic, event, data } = await adam.told();
      if (topic !== 'emergency' || data['id'] !== id) continue;
      level = Number(data['level']);
      if (event !== 'raised') calls.push([event, data['role'], data['calls']]);
    }
    expect(calls[0]).toEqual(['escalated', 'dispatcher', 1]);
    expect(calls.at(-1)).toEqual(['escalated', 'admin', calls.length]);
    expect(calls.slice(1, -1).every((call) => (call as unknown[])[0] === 'repeated')).toBe(true);
    const notified = await adam.toldOf('sent');
    expect(notified.data).toMatchObject({
      id: `${id}:${calls.length}`,
      severity: 'critical',
      audience: 'admin',
      title: 'Emergency: theft, bus-4',
      data: { emergency: id, kind: 'theft', vehicle: 'bus-4', level: 1, calls: calls.length },
    });
    const first = await dora.toldOf('sent');
    expect(first.data).toMatchObject({ id: `${id}:1`, audience: 'dispatcher' });
    const state = stateOf(await dora.call('emergency.acknowledge', { id }));
    const told = await adam.toldOf('acknowledged');
    expect(told.data).toEqual(state);
    await dora.call('emergency.resolve', { id });
    // Nothing comes between: nobody was called any more.
    expect(await adam.told()).toMatchObject({ event: 'resolved', offset: told.offset + 1 });
  });
});

describe('an emergency', () => {
  const moves = ['acknowledge', 'resolve', 'falseAlarm', 'note'];

  it('that is closed is not changed any more', async () => {
    const dora = await dispatcher();
    const id = await raise(dora);
    expect(stateOf(await dora.call('emergency.resolve', { id, note: 'all well' }))).toMatchObject({
      state: 'resolved',
      closedBy: 'dora',
      seenBy: 'dora',
    });
    expect(await dora.call('emergency.resolve', { id })).toMatchObject({ isRepeat: true });
    const eve = await dispatcher('eve');
    for (const move of moves) {
      const code = await eve.call(`emergency.${move}`, { id, note: 'again' });
      expect(code).toBe(refusals.emergencyTransition.code);
    }
    // Whoever raises it again is told what became of it.
    const again = await dora.call('emergency.raise', { id, kind: 'sos' });
    expect(again).toMatchObject({ isRepeat: true, state: { state: 'resolved' } });
    expect(await dora.follow('emergency')).toEqual([]);
  });

  it('of another tenant, or that nobody raised, is not there', async () => {
    const dora = await dispatcher();
    const spy = await dispatcher('dora', 'acme');
    const id = await raise(dora, { message: 'secret' });
    expect(await spy.follow('emergency')).toEqual([]);
    for (const move of moves) {
      const code = await spy.call(`emergency.${move}`, { id, note: 'mine' });
      expect(code).toBe(refusals.unknownEmergency.code);
    }
    // The same id there is another emergency.
    const own = await spy.call('emergency.raise', { id, kind: 'medical' });
    expect(own).toMatchObject({ isRepeat: false, state: { kind: 'medical', message: null } });
    for (const person of [dora, spy]) await person.call('emergency.falseAlarm', { id });
  });

  it('of a vehicle that the token does not name is none of its business', async () => {
    const dora = await dispatcher();
    const part = await desk.person({ sub: 'part', role: 'dispatcher', vehicles: ['van-*'] });
    const id = await raise(dora, { vehicle: 'bus-7' });
    expect(await part.call('emergency.acknowledge', { id })).toBe(refusals.callNotAllowed.code);
    const params = { kind: 'sos', vehicle: 'bus-7' };
    expect(await part.call('emergency.raise', params)).toBe(refusals.callNotAllowed.code);
    const driver = await desk.person({ sub: 'bus-7', role: 'driver' });
    expect(stateOf(await driver.call('emergency.note', { id, note: 'still here' }))).toMatchObject({
      log: [{ event: 'raised' }, { event: 'noted', by: 'bus-7', note: 'still here' }],
    });
    expect(await driver.call('emergency.resolve', { id })).toBe(refusals.callNotAllowed.code);
    await dora.call('emergency.resolve', { id });
  });

  it('survives a kill in every state, and goes on calling where it is open', async () => {
    let dora = await dispatcher();
    const ids = { open: '', acknowledged: '', resolved: '', falseAlarm: '' };
    for (const state of Object.keys(ids) as (keyof typeof ids)[]) {
      ids[state] = await raise(dora, { vehicle: 'bus-8' });
    }
    await dora.call('emergency.acknowledge', { id: ids.acknowledged, note: 'seen' });
    await dora.call('emergency.resolve', { id: ids.resolved });
    await dora.call('emergency.falseAlarm', { id: ids.falseAlarm });
    await test.engine.kill();
    await test.engine.restart();
    desk = openTestDesk(test.engine);
    dora = await dispatcher();
    const open = await dora.follow('emergency');
    const states = open.map(({ data }) => [data['id'], data['state']]);
    expect(Object.fromEntries(states)).toEqual({
      [ids.open]: 'open',
      [ids.acknowledged]: 'acknowledged',
    });
    const before = open.find(({ data }) => data['id'] === ids.open)?.data;
    const call = await dora.told();
    expect(call.data).toMatchObject({ id: ids.open, calls: Number(before?.['calls']) + 1 });
    const eve = await dispatcher('eve');
    for (const id of [ids.resolved, ids.falseAlarm]) {
      expect(await eve.call('emergency.acknowledge', { id })).toBe(
        refusals.emergencyTransition.code,
      );
    }
    // The device was away, and hears of it now.
    const device = await desk.device('bus-8');
    expect(await device.command()).toMatchObject({ id: ids.acknowledged });
    await dora.call('emergency.resolve', { id: ids.acknowledged });
    await dora.call('emergency.acknowledge', { id: ids.open });
    await test.engine.kill();
    await test.engine.restart();
    desk = openTestDesk(test.engine);
    const adam = await desk.person({ sub: 'adam', role: 'admin' });
    const [left] = await adam.follow('emergency');
    expect(left).toMatchObject({ event: 'acknowledged', data: { id: ids.open, seenBy: 'dora' } });
    await adam.call('emergency.resolve', { id: ids.open });
    expect(await adam.told()).toMatchObject({ event: 'resolved', data: { closedBy: 'adam' } });
  });

  it('has its newest state in its table', async () => {
    const rows = await test.rows(
      (sql) => sql<{ id: string; phase: string; isOpen: boolean; state: string }[]>`
        select id, phase, is_open as "isOpen", state::text as state from emergencies
        where tenant = 'default' and raised_by = 'dora' and vehicle = 'bus-8'`,
    );
    expect(rows.map(({ phase }) => phase).toSorted()).toEqual([
      'falseAlarm',
      'resolved',
      'resolved',
      'resolved',
    ]);
    for (const { id, phase, isOpen, state } of rows) {
      expect(isOpen).toBe(false);
      expect(JSON.parse(state)).toMatchObject({ id, state: phase });
    }
  });
});
