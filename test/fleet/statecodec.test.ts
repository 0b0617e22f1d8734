/** A state as bytes: what comes back, what is refused, and the layout that a version stands for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beginJourney } from '../../src/fleet/journey.ts';
import { stepOverspeed } from '../../src/fleet/overspeed.ts';
import { copyState, createVehicleState, stateFields } from '../../src/fleet/state.ts';
import { decodeState, encodeState, stateVersion } from '../../src/fleet/statecodec.ts';
import { limits } from '../../src/limits.ts';
import { parseMessagePack, toMessagePack } from '../../src/wire/messagepack.ts';
import { circlesAt, drive, fixAt, fold, stand, vehicle } from './journeys.ts';
import { life } from './vehiclelife.ts';

const onTheWay = fold([
  ...stand(0, 600, 0),
  ...drive(600, 1_200, 0, 6_000),
  ...stand(1_205, 1_400, 6_000),
  ...drive(1_400, 2_000, 6_000, 12_000),
]).state;

const valueOf = (bytes: Uint8Array): unknown[] => {
  const parsed = parseMessagePack(bytes);
  if (!('value' in parsed)) throw new Error(parsed.refused);
  return parsed.value as unknown[];
};

describe('a state as bytes', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(life, (fixes) => {
        const { state } = fold(fixes);
        expect(decodeState(vehicle, encodeState(state))).toEqual(state);
      }),
      { numRuns: 100 },
    );
  });

  it('comes back with its trip, its stops and its fences', () => {
    const state = createVehicleState(vehicle);
    copyState(onTheWay, state);
    state.fences = ['depot', 'town'].map((fence) => ({
      fence,
      validFromMs: 1_700_000_000_000,
      enteredMs: 1_700_000_000_500,
      otherSinceMs: 0,
      hasDwelled: true,
      isOverspeed: false,
    }));
    expect(state.journey?.stops).toHaveLength(4);
    expect(decodeState(vehicle, encodeState(state))).toEqual(state);
  });

  it('is small', () => {
    expect(encodeState(createVehicleState(vehicle)).length).toBeLessThan(100);
    expect(encodeState(onTheWay).length).toBeLessThan(400);
  });

  it.each<[string, (list: unknown[]) => unknown]>([
    ['another version', (list) => list.with(0, stateVersion + 1)],
    ['a part too few', (list) => list.slice(0, -1)],
    ['a part too many', (list) => [...list, []]],
    ['a field too few', (list) => list.with(1, (list[1] as unknown[]).slice(1))],
    ['a field of another type', (list) => list.with(1, (list[1] as unknown[]).with(6, 'far'))],
    ['a journey that is none', (list) => list.with(2, [1, 2, 3])],
    ['stops that are none', (list) => list.with(2, (list[2] as unknown[]).with(12, ['here']))],
    ['an overspeed that is none', (list) => list.with(3, [0])],
    ['a fence that is none', (list) => list.with(4, [['depot']])],
    ['fences that are none', (list) => list.with(4, null)],
    ['no list', () => ({ version: stateVersion })],
  ])('is not %s', (_name, change) => {
    const list = valueOf(encodeState(onTheWay));
    expect(decodeState(vehicle, toMessagePack(list))).toEqual(onTheWay);
    expect(decodeState(vehicle, toMessagePack(change(list)))).toBe(null);
  });

  it.each([[[]], [[0xc1]], [[0x91]]])('is not the bytes %j', (bytes) => {
    expect(decodeState(vehicle, Uint8Array.from(bytes))).toBe(null);
  });

  // Where this fails the layout has changed: raise stateVersion, or stored states are read wrong.
  it('has the fields of its version, in their order', () => {
    const inside = fold([fixAt(0, 0)], {}, 0, circlesAt([{ id: 'home', northM: 0, radiusM: 500 }]));
    const journey = beginJourney(inside.state, inside.state.lastMs, limits);
    const over = stepOverspeed(
      null,
      vehicle,
      fixAt(0, 0, 0, { speedCms: 9_000 }),
      limits,
      () => {},
    );
    const parts = [journey, over, inside.state.fences[0]];
    const layout = [stateFields, ...parts.map((part) => Object.keys(part ?? {}))];
    expect({ stateVersion, layout: layout.map((names) => names.join(' ')) }).toEqual({
      stateVersion: 3,
      layout: [
        'timeMs acceptedMs acceptedLatE7 acceptedLonE7 acceptedDigest jumps ' +
          'odometerM movingMs latE7 lonE7 fixes sinceMs lastMs entryLatE7 entryLonE7 pathM pathMovingMs ' +
          'pathTopCms stepMs stepLatE7 stepLonE7 strayMs strayLatE7 strayLonE7 strayCms ' +
          'ignition ignitionSinceMs power isBatteryLow isTampered signalsAtMs signalsChangedMs ' +
          'speedCms speedMs isBraking isAccelerating',
        'isStarted isStopped startMs latE7 lonE7 sinceMs fixes odometerM movingMs topSpeedCms ' +
          'awaySinceMs stopsCount stops',
        'sinceMs latE7 lonE7 topCms isTold',
        'fence validFromMs enteredMs otherSinceMs hasDwelled isOverspeed',
      ],
    });
  });
});
