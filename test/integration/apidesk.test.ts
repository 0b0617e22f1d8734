/**
 * Trips, emergencies, notifications and commands over HTTP, each through all of its events while somebody follows them
 * on a socket. What is refused has its code, and reads back as it was.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { emergencyKinds } from '../../src/fleet/emergency.ts';
import { createApi, type Api, type ApiUser } from '../support/api.ts';
import { openTestDesk, type TestDesk } from '../support/desk.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';

type State = Readonly<Record<string, unknown>>;

const dora: ApiUser = { sub: 'dora', role: 'dispatcher' };
const eve: ApiUser = { sub: 'eve', role: 'dispatcher' };
const dan: ApiUser = { sub: 'dan', role: 'driver' };
const spy: ApiUser = { ...dora, tenant: 'acme' };
/** Short, so that a test sees all of it. */
const env = { FLEETWIRE_ESCALATION: 'dispatcher:0,admin:1', FLEETWIRE_EMERGENCY_REPEAT_MS: '400' };
const patience = { timeout: 60_000, interval: 500 };
const latE7 = 526_000_000;
const lonE7 = -86_000_000;

let test: EngineTest;
let api: Api;
let desk: TestDesk;

beforeAll(async () => {
  test = await openEngineTest(env);
  api = createApi(() => test.engine);
  desk = openTestDesk(test.engine);
});

afterEach(() => desk.close());
afterAll(() => test.cleanup());

const vehicle = (): string => `bus-${randomUUID()}`;

const post = (user: ApiUser, method: string, params: object) =>
  api.ask(user, `/v1/calls/${method}`, { method: 'POST', body: JSON.stringify(params) });

/** The state in the answer of a call that must succeed. */
async function call(user: ApiUser, method: string, params: object): Promise<State> {
  const { status, text, json } = await post(user, method, params);
  if (status !== 200) throw new Error(`${method}: ${status} ${text}`);
  return json?.['state'] as State;
}

const refused = (
  name: RefusalName,
  status: number,
  user: ApiUser,
  method: string,
  params: object,
) => api.refused(name, status, () => post(user, method, params));

/** The one of a list over HTTP; undefined until it is stored. */
async function find(user: ApiUser, path: string, id: string): Promise<State | undefined> {
  const list = path.slice(4).split('?')[0]!;
  const page = await api.get(user, path);
  return (page[list] as State[]).find((one) => one['id'] === id);
}

/** Waits until it reads back so. */
async function reads(user: ApiUser, path: string, id: string, state: State): Promise<void> {
  await expect.poll(() => find(user, path, id), patience).toEqual(state);
}

/** The names of the events of a topic that are about `id`, as HTTP shows them. */
async function namesOf(user: ApiUser, topic: string, id: string): Promise<string[]> {
  interface Event {
    readonly event: string;
    readonly data: State;
  }
  const names: string[] = [];
  for (let after: unknown = 0; after !== null;) {
    const page = await api.get(user, `/v1/events?topic=${topic}&after=${Number(after)}`);
    const events = (page['events'] as Event[]).filter(({ data }) => data['id'] === id);
    names.push(...events.map(({ event }) => event));
    after = page['next'];
  }
  return names;
}

describe('a trip', () => {
  it('goes its way, and what its state does not allow changes nothing', async () => {
    const bus = vehicle();
    const id = randomUUID();
    const path = `/v1/trips?vehicle=${bus}`;
    const viewer = await desk.person({ sub: 'vera', role: 'viewer' });
    await viewer.follow(`trip:${id}`);
    await refused('unknownTrip', 404, dora, 'trip.pause', { id });
    await call(dora, 'trip.start', { id, vehicle: bus, route: '304' });
    await refused('tripRunning', 409, dora, 'trip.start', { vehicle: bus });
    await refused('tripTransition', 409, dora, 'trip.start', { id, vehicle: vehicle() });
    await refused('tripTransition', 409, dora, 'trip.resume', { id });
    for (const method of ['update', 'pause', 'end', 'cancel']) {
      await refused('unknownTrip', 404, spy, `trip.${method}`, { id });
      await refused('callNotAllowed', 403, dan, `trip.${method}`, { id });
    }
    await call(dora, 'trip.update', { id, driver: 'dan' });
    const paused = await call(dora, 'trip.pause', { id });
    await refused('tripTransition', 409, dora, 'trip.pause', { id, timeMs: Date.now() - 1_000 });
    await reads(dora, path, id, paused);
    await call(dora, 'trip.resume', { id });
    const ended = await call(dora, 'trip.end', { id });
    for (const method of ['update', 'pause', 'resume', 'cancel']) {
      await refused('tripTransition', 409, dora, `trip.${method}`, { id });
    }
    await reads(dora, path, id, ended);
    const events = ['started', 'updated', 'paused', 'resumed', 'ended'];
    for (const event of events) expect(await viewer.told()).toMatchObject({ event, data: { id } });
    expect(await namesOf(dora, `trip:${id}`, id)).toEqual(events);
    expect(await api.all(dora, `${path}&limit=5`, 'trips')).toHaveLength(1);
  });

  it('is cancelled', async () => {
    const bus = vehicle();
    const id = randomUUID();
    const viewer = await desk.person({ sub: 'vera', role: 'viewer' });
    await viewer.follow(`trip:${id}`);
    await call(dora, 'trip.start', { id, vehicle: bus });
    const cancelled = await call(dora, 'trip.cancel', { id });
    expect(cancelled['state']).toBe('cancelled');
    await refused('tripTransition', 409, dora, 'trip.end', { id });
    expect(await viewer.told()).toMatchObject({ event: 'started' });
    expect(await viewer.told()).toMatchObject({ event: 'cancelled', data: cancelled });
    await reads(dora, `/v1/trips?vehicle=${bus}`, id, cancelled);
    expect(await namesOf(dora, `trip:${id}`, id)).toEqual(['started', 'cancelled']);
  });
});

describe('an emergency', () => {
  it.each(emergencyKinds)('%s is raised by device, driver and dispatcher', async (kind) => {
    const bus = vehicle();
    const [byDevice, byDriver, byDispatcher] = [randomUUID(), randomUUID(), randomUUID()];
    const ids = [byDevice, byDriver, byDispatcher];
    const follower = await desk.person(eve);
    await follower.follow('emergency');
    const device = await desk.device(bus);
    await device.acked(device.send(3, byDevice, kind, Date.now(), latE7, lonE7));
    await call({ ...dan, vehicles: [bus] }, 'emergency.raise', { id: byDriver, kind });
    await call(dora, 'emergency.raise', { id: byDispatcher, kind, vehicle: bus });
    for (const [index, raisedBy] of [bus, 'dan', 'dora'].entries()) {
      const raised = await follower.toldOf('raised');
      expect(raised.data).toMatchObject({ id: ids[index], kind, raisedBy, vehicle: bus });
    }
    for (const id of ids) {
      const closed = await call(dora, 'emergency.falseAlarm', { id });
      await reads(eve, `/v1/emergencies?vehicle=${bus}`, id, closed);
      const names = await namesOf(eve, 'emergency', id);
      expect([names[0], names.at(-1)]).toEqual(['raised', 'falseAlarm']);
    }
  });

  it('is called, seen and closed, and what its state does not allow changes nothing', async () => {
    const bus = vehicle();
    const id = randomUUID();
    const path = `/v1/emergencies?vehicle=${bus}`;
    const follower = await desk.person(eve);
    await follower.follow('emergency');
    const device = await desk.device(bus);
    await refused('unknownEmergency', 404, dora, 'emergency.resolve', { id });
    await refused('unknownKind', 400, dora, 'emergency.raise', { id, kind: 'boredom' });
    await call(dora, 'emergency.raise', { id, kind: 'theft', vehicle: bus });
    const calls = new Set<unknown>();
    while (!calls.has('repeated') || !calls.has('escalated admin')) {
      const { event, data } = await follower.told();
      calls.add(event === 'escalated' ? `escalated ${String(data['role'])}` : event);
    }
    await call(eve, 'emergency.note', { id, note: 'police is called' });
    await call(eve, 'emergency.acknowledge', { id, note: 'on my way' });
    expect(await device.command()).toMatchObject({ id, name: 'emergencyAcknowledged' });
    await refused('emergencyTransition', 409, dora, 'emergency.acknowledge', { id });
    for (const move of ['acknowledge', 'resolve', 'falseAlarm']) {
      await refused('unknownEmergency', 404, spy, `emergency.${move}`, { id });
      await refused('callNotAllowed', 403, dan, `emergency.${move}`, { id });
    }
    const resolved = await call(eve, 'emergency.resolve', { id });
    for (const move of ['acknowledge', 'resolve', 'falseAlarm']) {
      await refused('emergencyTransition', 409, dora, `emergency.${move}`, { id });
    }
    await refused('emergencyTransition', 409, dora, 'emergency.note', { id, note: 'more' });
    await reads(dora, path, id, resolved);
    expect(await find(dora, `${path}&open=true`, id)).toBeUndefined();
    const names = await namesOf(dora, 'emergency', id);
    expect(names.slice(0, 2)).toEqual(['raised', 'escalated']);
    expect(names.slice(-3)).toEqual(['noted', 'acknowledged', 'resolved']);
    expect(new Set(names.slice(1, -3))).toEqual(new Set(['repeated', 'escalated']));
  });
});

describe('a notification', () => {
  const open = '/v1/notifications?open=true';
  const unread = async (user: ApiUser): Promise<string[]> =>
    (await api.all<State>(user, open, 'notifications')).map(({ id }) => String(id)).toSorted();

  it('to a user, a role and everyone is unread, sent once, and read', async () => {
    const tenant = 'notified';
    const [root, driver]: ApiUser[] = [
      { sub: 'root', role: 'admin', tenant },
      { ...dan, tenant },
    ];
    const follower = await desk.person(driver!);
    await follower.follow('notification:dan');
    const recipients = [{ user: 'dan' }, { role: 'driver' }, { everyone: true }];
    const ids: string[] = [];
    for (const to of recipients) {
      const id = randomUUID();
      ids.push(id);
      const draft = { id, to, title: 'Road closed', severity: 'warning' };
      for (let times = 0; times < 2; times++) await call(root!, 'notification.send', draft);
      expect(await follower.told()).toMatchObject({
        event: 'sent',
        data: { id, title: 'Road closed' },
      });
    }
    await expect.poll(() => unread(driver!), patience).toEqual(ids.toSorted());
    await refused('unknownNotification', 404, root!, 'notification.read', { id: ids[0] });
    await refused('unknownNotification', 404, dan, 'notification.read', { id: ids[0] });
    expect(await unread(driver!)).toEqual(ids.toSorted());
    const read = await call(driver!, 'notification.read', { id: ids[0] });
    await reads(driver!, '/v1/notifications', ids[0]!, read);
    expect((await post(driver!, 'notification.readAll', {})).json).toEqual({ count: 2 });
    expect((await post(driver!, 'notification.readAll', {})).json).toEqual({ count: 0 });
    for (let times = 0; times < 3; times++) {
      expect(await follower.told()).toMatchObject({ event: 'read', data: { state: 'read' } });
    }
    await expect.poll(() => unread(driver!), patience).toEqual([]);
    for (const id of ids) {
      expect(await namesOf(driver!, 'notification:dan', id)).toEqual(['sent', 'read']);
    }
  });

  it('expires unread, and cannot be read any more', async () => {
    const id = randomUUID();
    const follower = await desk.person(dan);
    await follower.follow('notification:dan');
    const draft = { id, to: { user: 'dan' }, title: 'Soon', expiresMs: Date.now() + 5_000 };
    await call(dora, 'notification.send', draft);
    const expired = await follower.toldOf('expired');
    expect(expired.data).toMatchObject({ id, state: 'expired' });
    await refused('notificationTransition', 409, dan, 'notification.read', { id });
    await reads(dan, '/v1/notifications', id, expired.data);
    expect(await namesOf(dan, 'notification:dan', id)).toEqual(['sent', 'expired']);
  });
});

describe('a command', () => {
  const send = (bus: string, params: object = {}): Promise<State> =>
    call(dora, 'command.send', { id: randomUUID(), vehicle: bus, name: 'reboot', ...params });

  it('is queued, delivered and answered', async () => {
    const bus = vehicle();
    const path = `/v1/commands?vehicle=${bus}`;
    const queued = await send(bus, { arguments: { delayS: 5 } });
    const id = String(queued['id']);
    expect(queued).toMatchObject({ state: 'queued', arguments: { delayS: 5 } });
    await reads(dora, path, id, queued);
    const device = await desk.device(bus);
    expect(await device.command()).toMatchObject({ id, name: 'reboot', given: { delayS: 5 } });
    await expect.poll(() => find(dora, path, id), patience).toMatchObject({ state: 'delivered' });
    await refused('unknownCommand', 404, spy, 'command.cancel', { vehicle: bus, id });
    await refused('unknownCommand', 404, dora, 'command.cancel', { vehicle: vehicle(), id });
    await device.acked(device.send(5, id, 'done', { uptimeS: 3 }));
    const answered = { state: 'answered', status: 'done', result: { uptimeS: 3 } };
    await expect.poll(() => find(dora, path, id), patience).toMatchObject(answered);
    await refused('commandTransition', 409, dora, 'command.cancel', { vehicle: bus, id });
    expect(await find(dora, path, id)).toMatchObject({ ...answered, revision: 3 });
    expect(await find(dora, `${path}&open=true`, id)).toBeUndefined();
    expect((await api.get(spy, path))['commands']).toEqual([]);
  });

  it('is cancelled, or expires, and then is not delivered any more', async () => {
    const bus = vehicle();
    const path = `/v1/commands?vehicle=${bus}`;
    const [first, second, last] = [
      await send(bus),
      await send(bus, { expiresMs: Date.now() + 5_000 }),
      await send(bus),
    ].map((state) => String(state['id']));
    const cancelled = await call(dora, 'command.cancel', { vehicle: bus, id: first });
    await reads(dora, path, first!, cancelled);
    await expect
      .poll(() => find(dora, path, second!), patience)
      .toMatchObject({ state: 'expired' });
    for (const id of [first, second]) {
      await refused('commandTransition', 409, eve, 'command.cancel', { vehicle: bus, id });
    }
    const device = await desk.device(bus);
    expect((await device.command()).id).toBe(last);
    await reads(dora, path, first!, cancelled);
  });
});
