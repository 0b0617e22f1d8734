/** The states of many vehicles, whose numbers lie side by side. */
import { describe, expect, it } from 'vitest';
import { copyState, createPlaces, createVehicleState } from '../../src/fleet/state.ts';
import { drive, fold, plainOf, stand, vehicle } from './journeys.ts';

describe('states side by side', () => {
  it('are each as if it were alone', () => {
    const nextPlace = createPlaces();
    const states = Array.from({ length: 3_000 }, (_, index) =>
      createVehicleState(`bus-${index}`, nextPlace()),
    );
    states.forEach((state, index) => {
      state.timeMs = index;
      state.speedMs = -index;
    });
    expect(states.map(({ timeMs }) => timeMs)).toEqual(states.map((_, index) => index));
    expect(states.map(({ speedMs }) => -speedMs)).toEqual(states.map((_, index) => index));
    expect(states.every(({ latE7, acceptedMs }) => latE7 === 0 && acceptedMs === -1)).toBe(true);
  });

  it('are what they are made of another, and stay it when that changes', () => {
    const { state } = fold([...stand(0, 600, 0), ...drive(600, 1_200, 0, 6_000)]);
    const into = createVehicleState(vehicle, createPlaces()());
    copyState(state, into);
    const before = plainOf(state);
    expect(plainOf(into)).toEqual(before);
    state.timeMs += 1;
    state.pathM += 1;
    expect(plainOf(into)).toEqual(before);
  });
});
