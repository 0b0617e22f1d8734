/** Ignition, battery, power and tampering, by attributes of fixes and of status frames. */
import { describe, expect, it } from 'vitest';
import { advance, applyStatus } from '../../src/fleet/derive.ts';
import type { Output } from '../../src/fleet/output.ts';
import { createVehicleState } from '../../src/fleet/state.ts';
import type { PlainMap } from '../../src/wire/types.ts';
import { contextOf, eventsOf, fixAt, fold, startMs, vehicle } from './journeys.ts';

/** As the decoder hands them on, or as they are read again from a journal. */
function told(maps: readonly (PlainMap | null)[], isParsed: boolean): readonly string[] {
  const fixes = maps.map((map, index) =>
    fixAt(index, index, 0, {
      attributes: map === null ? null : JSON.stringify(map),
      attributesMap: isParsed ? map : null,
    }),
  );
  return eventsOf(fold(fixes).outputs).map(({ kind, timeMs }) => `${kind} ${timeMs - startMs}`);
}

describe('attributes', () => {
  it.each<[string, (PlainMap | null)[], string[]]>([
    [
      'ignition',
      [{ ignition: false }, null, { ignition: true }, { ignition: true }, { ignition: 0 }],
      ['ignitionOn 2000', 'ignitionOff 4000'],
    ],
    ['ignition of which nothing was known', [{ ignition: true }], []],
    [
      'a battery that becomes low, and again after a charge',
      [21, 19, 21, 18, 24, 19, 25, 19].map((batteryLevel) => ({ batteryLevel })),
      ['batteryLow 1000', 'batteryLow 7000'],
    ],
    ['a battery that is low at first sight', [{ batteryLevel: 3 }], ['batteryLow 0']],
    [
      'power, as a switch and in volts',
      [{ power: true }, { power: false }, { power: 12.6 }, { power: 0 }, { power: 0 }],
      ['powerCut 1000', 'powerCut 3000'],
    ],
    ['power that was never there', [{ power: false }, { power: 0 }], []],
    [
      'tampering',
      [{ tamper: true }, { tamper: true }, { tamper: false }, { tamper: 1 }],
      ['tamper 0', 'tamper 3000'],
    ],
    ['other things', [{ door: true }, { note: 'the "ignition" is on' }, {}], []],
    ['nonsense', [{ ignition: 'yes', power: null, tamper: [], batteryLevel: 'low' }], []],
  ])('%s', (_name, maps, expected) => {
    expect(told(maps, true)).toEqual(expected);
    expect(told(maps, false)).toEqual(expected);
  });

  it('of a status frame are of its time, at the last known place', () => {
    const state = createVehicleState(vehicle);
    const outputs: Output[] = [];
    const emit = (output: Output): void => void outputs.push(output);
    const fix = fixAt(0, 100);
    advance(state, fix, contextOf(), emit);
    const say = (ms: number, attributes: PlainMap): void =>
      applyStatus(state, { timeMs: startMs + ms, flags: 0, attributes }, contextOf(), emit);
    say(500, { power: true });
    say(900, { power: false });
    expect(eventsOf(outputs)).toEqual([
      {
        vehicle,
        timeMs: startMs + 900,
        kind: 'powerCut',
        subject: '',
        latE7: fix.latE7,
        lonE7: fix.lonE7,
        isLate: false,
        data: {},
      },
    ]);
    expect(state.timeMs).toBe(startMs);
  });
});
