/** One replay: what it shows and when, how it is changed, what it waits for, how it ends. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { encodeTrackFix } from '../../src/live/tracks.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';
import { everySecond, fixAt, openStage, rows, seconds, startMs, turn } from './replaystage.ts';

describe('a replay', () => {
  it('shows a fix as vehicle:<id> has shown it', () => {
    const position = parseMessagePack(
      encodeTrackFix('bus-1', fixAt(startMs), 'messagepack') as Uint8Array,
    );
    expect(position).toEqual({
      value: [
        'bus-1',
        startMs,
        526291031,
        -86617230,
        124,
        null,
        195,
        null,
        9,
        { ignition: true },
        4,
        1,
      ],
    });
  });

  it.each([
    // speed, the moments of fixes at 5, 6 and 8 s: the first is due at once
    [1, [0, 1_000, 3_000]],
    [2, [0, 500, 1_500]],
    [0.1, [0, 10_000, 30_000]],
    // Not sooner than a tick after the last.
    [100, [0, limits.tickMs, 2 * limits.tickMs]],
    // In one frame.
    [0, [0, 0, 0]],
  ])('at speed %d shows fixes at %j', (speed, moments) => {
    const { replay, clock, shown, told, events } = openStage(seconds(5, 6, 8), speed);
    replay.play();
    clock.advance(60_000);
    expect(shown()).toEqual(seconds(5, 6, 8).map((timeMs, index) => [timeMs, moments[index]]));
    expect(events()).toEqual([
      ['ended', { reason: 'complete', shown: 3, lastMs: startMs + 8_000 }],
    ]);
    expect(told.at(-1)).toHaveProperty('event', 'ended');
    expect(clock.timers).toBe(0);
  });

  it('of nothing ends at once', () => {
    const stage = openStage([], 1);
    stage.replay.play();
    expect(stage.events()).toEqual([['ended', { reason: 'complete', shown: 0, lastMs: null }]]);
    expect(stage.ends).toBe(1);
  });

  it('is paused, sought and resumed', async () => {
    const stage = openStage(everySecond(60), 1);
    const { replay, clock, call } = stage;
    replay.play();
    clock.advance(2_500);
    call((one) => one.pause());
    expect(replay.state()).toEqual({
      isPaused: true,
      speed: 1,
      placeMs: startMs + 2_500,
      shown: 3,
      lastMs: startMs + 2_000,
    });
    clock.advance(50_000);
    call((one) => one.resume());
    clock.advance(499);
    expect(stage.shown()).toHaveLength(3);
    clock.advance(1);
    expect(stage.shown().at(-1)).toEqual([startMs + 3_000, 53_000]);
    // Between two fixes: the next is due at once.
    call((one) => one.seek(startMs + 30_500));
    expect(replay.state()).toMatchObject({ placeMs: startMs + 30_500 });
    await stage.settle();
    expect(stage.shown().at(-1)).toEqual([startMs + 31_000, 53_000]);
    call((one) => one.seek(startMs));
    call((one) => one.setSpeed(0));
    await stage.settle();
    expect(stage.shown().slice(5)).toEqual(everySecond(60).map((timeMs) => [timeMs, 53_000]));
  });

  it('is where it has shown all up to, when it goes on slower', async () => {
    const stage = openStage(everySecond(25), 0);
    stage.replay.play();
    stage.call((one) => one.setSpeed(1));
    expect(stage.replay.state()).toMatchObject({ placeMs: startMs + 9_000, shown: 10 });
    await stage.settle();
    stage.clock.advance(1_000);
    expect(stage.shown().at(-1)).toEqual([startMs + 10_000, 1_000]);
  });

  it('shortens a silence, says so, and lasts as long as is left of it', () => {
    const stage = openStage(seconds(0, 1, 3_601, 3_602), 1);
    stage.replay.play();
    stage.clock.advance(20_000);
    const moments = [0, 1_000, 11_000, 12_000];
    expect(stage.shown().map(([, atMs]) => atMs)).toEqual(moments);
    expect(stage.events()[0]).toEqual([
      'skipped',
      { fromMs: startMs + 1_000, toMs: startMs + 3_591_000 },
    ]);
    // Told when it begins, and once.
    expect(stage.told[2]).toMatchObject({ event: 'skipped', atMs: 1_000 });
    expect(stage.metrics.counters.replaySilencesShortened).toBe(1);
  });

  it('stands still while its client does not read', () => {
    const stage = openStage(seconds(0, 1, 2, 3), 1);
    stage.replay.play();
    stage.stall();
    stage.clock.advance(60_000);
    expect(stage.shown()).toHaveLength(1);
    // Still too much for it.
    stage.drain(limits.subscriberLowWaterBytes + 1);
    stage.clock.advance(5_000);
    expect(stage.shown()).toHaveLength(1);
    stage.drain();
    stage.clock.advance(2_000);
    // The second was due when it stopped; the others come after it at their pace.
    expect(stage.shown().map(([, atMs]) => atMs)).toEqual([0, 65_000, 66_000, 67_000]);
    expect(stage.metrics.counters.replaysStalled).toBe(1);
  });

  it('stands still while a page is read, one at a time', async () => {
    const stage = openStage(everySecond(25), 1);
    stage.replay.play();
    stage.clock.advance(20_000);
    expect(stage.shown()).toHaveLength(10);
    expect(stage.reads).toHaveLength(1);
    stage.call((one) => one.seek(startMs + 20_000));
    stage.call((one) => one.seek(startMs + 22_000));
    expect(stage.reads).toHaveLength(1);
    await stage.settle();
    stage.clock.advance(2_000);
    expect(stage.shown().slice(10)).toEqual(
      seconds(22, 23, 24).map((timeMs, index) => [timeMs, 20_000 + index * 1_000]),
    );
    expect(stage.events()).toEqual([
      ['ended', { reason: 'complete', shown: 13, lastMs: startMs + 24_000 }],
    ]);
  });

  it('ends where a page cannot be read', async () => {
    const stage = openStage(everySecond(25), 0);
    stage.replay.play();
    stage.reads.shift()?.fail();
    await turn();
    const end = { reason: 'historyUnavailable', shown: 10, lastMs: startMs + 9_000 };
    expect(stage.events()).toEqual([['ended', end]]);
    expect(stage.metrics.counters.replaysBroken).toBe(1);
    // A failure of what is of no use any more is none.
    const sought = openStage(everySecond(25), 0);
    sought.replay.play();
    sought.call((one) => one.seek(startMs + 24_000));
    sought.reads.shift()?.fail();
    await turn();
    await sought.settle();
    expect(sought.shown().at(-1)?.[0]).toBe(startMs + 24_000);
    expect(sought.events()).toEqual([
      ['ended', { reason: 'complete', shown: 11, lastMs: startMs + 24_000 }],
    ]);
  });

  it.each(['pause', 'stall'] as const)('ends after a %s that is too long', (kind) => {
    const stage = openStage(everySecond(10), 1);
    stage.replay.play();
    if (kind === 'stall') stage.stall();
    else stage.call((one) => one.pause());
    stage.clock.advance(limits.replayIdleMs - 1);
    // Whoever calls is there.
    stage.call((one) => one.seek(startMs + 5_000));
    stage.clock.advance(limits.replayIdleMs - 1);
    expect(stage.ends).toBe(0);
    stage.clock.advance(1_001);
    expect(stage.events()).toMatchObject([['ended', { reason: 'idle', shown: 1 }]]);
    expect(stage.ends).toBe(1);
    expect(stage.clock.timers).toBe(0);
  });

  it('is stopped without a word, also while a page is read', async () => {
    const stage = openStage(everySecond(25), 0);
    stage.replay.play();
    stage.call((one) => one.stop());
    stage.call((one) => one.stop());
    await stage.settle();
    expect(stage.shown()).toHaveLength(10);
    expect(stage.events()).toEqual([]);
    expect(stage.ends).toBe(1);
    expect(stage.clock.timers).toBe(0);
  });

  it('in time: none before it is due, none more than a tick after', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 59_999 }), { maxLength: rows - 1 }),
        fc.double({ min: 0.1, max: 1_000, noNaN: true }),
        (gaps, speed) => {
          let timeMs = startMs;
          const timesMs = [timeMs, ...gaps.map((gapMs) => (timeMs += gapMs))].slice(0, rows - 1);
          const stage = openStage(timesMs, speed);
          stage.replay.play();
          stage.clock.advance(60_000 * rows * 10);
          expect(stage.shown().map(([shownMs]) => shownMs)).toEqual(timesMs);
          for (const [shownMs, atMs] of stage.shown()) {
            const lateMs = atMs - (shownMs - startMs) / speed;
            expect(lateMs).toBeGreaterThan(-1e-6);
            expect(lateMs).toBeLessThanOrEqual(limits.tickMs + 1);
          }
        },
      ),
    );
  });
});
