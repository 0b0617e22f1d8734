/** Overspeed and harsh driving, from the speeds that a device reports: tables on the time of fixes. */
import { describe, expect, it } from 'vitest';
import { fixFlags, type Fix } from '../../src/wire/types.ts';
import { eventsOf, fixAt, fold, secondsOf, stand, vehicle } from './journeys.ts';

/** A fix each second from the start, with these speeds; each is where it would be by then. */
function driven(speeds: readonly (number | null)[], more: Partial<Fix> = {}): Fix[] {
  let northM = 0;
  return speeds.map((speedCms, index) => {
    northM += (speedCms ?? 0) / 100;
    return fixAt(index, northM, 0, { speedCms, ...more });
  });
}

const times = (count: number, speedCms: number | null): (number | null)[] =>
  Array.from({ length: count }, () => speedCms);

function told(fixes: readonly Fix[], bounds = {}, silenceMs = 0) {
  return eventsOf(fold(fixes, bounds, silenceMs).outputs).map(({ kind, timeMs, data }) => ({
    kind,
    second: secondsOf(timeMs),
    data,
  }));
}

describe('overspeed', () => {
  it('is told from its beginning once it has lasted, and ends below the limit and some more', () => {
    const speeds = [
      ...times(5, 3_800),
      ...times(15, 4_000),
      4_200,
      4_000,
      ...times(4, 3_800),
      3_760,
      3_700,
    ];
    expect(told(driven(speeds))).toEqual([
      { kind: 'overspeedStarted', second: 5, data: { limitCms: 3_900, topSpeedCms: 4_000 } },
      {
        kind: 'overspeedEnded',
        second: 26,
        data: { startMs: fixAt(5, 0).timeMs, topSpeedCms: 4_200 },
      },
    ]);
  });

  it('has the place where it began', () => {
    const fixes = driven(times(12, 4_000));
    const [event] = eventsOf(fold(fixes).outputs);
    const { latE7, lonE7, timeMs } = fixes[0]!;
    expect(event).toMatchObject({ vehicle, subject: '', latE7, lonE7, timeMs, isLate: false });
  });

  it.each([
    ['at the limit', times(30, 3_900), {}],
    ['for less than 10 s', [...times(9, 4_000), ...times(9, 3_700)], {}],
    ['by one fix', [3_000, 6_000, 3_000], {}],
    ['without a limit', times(30, 9_000), { overspeedCms: 0 }],
    ['without speeds', times(30, null), {}],
  ])('is none %s', (_name, speeds, bounds) => {
    expect(told(driven(speeds), bounds)).toEqual([]);
  });

  it('that nobody sees the end of ended with the last fix', () => {
    const kinds = told(driven(times(20, 4_000)), {}, 3_600_000).filter(
      ({ kind }) => kind === 'overspeedEnded',
    );
    expect(kinds).toMatchObject([{ second: 19 }]);
  });

  it('that ended in a silence is told late, also where the vehicle turns up far away', () => {
    const fixes = [...driven(times(20, 4_000)), ...stand(4_000, 4_040, 900_000)];
    const { outputs, flags } = fold(fixes);
    expect(flags.slice(-8)).toEqual([...times(5, fixFlags.jump), 0, 0, 0]);
    expect(eventsOf(outputs)).toMatchObject([
      { kind: 'overspeedStarted', isLate: false },
      { kind: 'overspeedEnded', isLate: true },
    ]);
  });

  it('of a late fix is late', () => {
    for (const flags of [fixFlags.late, fixFlags.backfill]) {
      const events = eventsOf(fold(driven(times(20, 4_000), { flags })).outputs);
      expect(events).toMatchObject([{ isLate: true }]);
    }
  });
});

describe('harsh driving', () => {
  it.each([
    [
      'braking',
      [2_000, 2_000, 1_550, 1_100],
      'harshBraking',
      2,
      { fromCms: 2_000, toCms: 1_550, cms2: -450 },
    ],
    [
      'acceleration',
      [0, 100, 500, 900],
      'harshAcceleration',
      2,
      { fromCms: 100, toCms: 500, cms2: 400 },
    ],
  ])('%s is told once for as long as it goes on', (_name, speeds, kind, second, data) => {
    expect(told(driven(speeds))).toEqual([{ kind, second, data }]);
  });

  it('is told again after a pause', () => {
    const speeds = [2_000, 1_500, 1_450, 950];
    expect(told(driven(speeds)).map(({ second }) => second)).toEqual([1, 3]);
  });

  it.each([
    ['gentle', [2_000, 1_610, 1_220], {}],
    ['impossible', [3_000, 1_000, 900], {}],
    ['switched off', [2_000, 1_500, 1_000], { harshBrakingCms2: 0 }],
    ['unknown', [2_000, null, null, null, 500], {}],
  ])('is not %s', (_name, speeds, bounds) => {
    expect(told(driven(speeds), bounds)).toEqual([]);
  });

  it('is not between fixes that are too near to each other or too far apart', () => {
    const near = [0, 0.1, 0.2, 0.3].map((second, index) =>
      fixAt(second, second * 20, 0, { speedCms: 2_000 - index * 90 }),
    );
    expect(told(near)).toEqual([]);
    const far = [fixAt(0, 0, 0, { speedCms: 3_000 }), fixAt(4, 60, 0, { speedCms: 0 })];
    expect(told(far)).toEqual([]);
  });

  it('is seen in ten fixes a second as well', () => {
    const fixes = Array.from({ length: 20 }, (_, index) =>
      fixAt(index / 10, index * 1.5, 0, { speedCms: 2_000 - index * 50 }),
    );
    expect(told(fixes)).toMatchObject([{ kind: 'harshBraking', second: 0.5 }]);
  });
});
