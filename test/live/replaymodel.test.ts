/** One replay, whatever its caller, its client and the database do: held against what a reader may count on. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openStage, startMs, turn, type Stage, type Told } from './replaystage.ts';

type Command =
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'seek'; readonly part: number }
  | { readonly kind: 'speed'; readonly speed: number }
  | { readonly kind: 'pause' | 'resume' | 'stall' | 'drain' | 'answer' };

const kind = <Kind extends Command['kind']>(...kinds: Kind[]) => fc.constantFrom(...kinds);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: kind('advance'), ms: fc.nat(100_000) }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('answer') }) },
  fc.record({ kind: kind('seek'), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ kind: kind('speed'), speed: fc.constantFrom(0, 0.1, 1, 7.3, 60, 1_000) }),
  fc.record({ kind: kind('pause', 'resume', 'stall', 'drain') }),
);

/** How far the track may be at the most: it goes on while it is not paused, and jumps over silences. */
function createReader(stage: Stage, timesMs: readonly number[], firstSpeed: number) {
  const { clock } = stage;
  let speed = firstSpeed;
  let isPaused = false;
  let hasEnded = false;
  /** Of the fixes: the one that comes next. */
  let next = 0;
  /** Of what is told: what is checked by now. */
  let checked = 0;
  /** Where the track was at `sinceMs`; nothing is known before the first fix. */
  let placeMs = Infinity;
  let sinceMs = 0;

  const placeAt = (atMs: number): number => placeMs + (isPaused ? 0 : (atMs - sinceMs) * speed);

  function rebase(): void {
    placeMs = placeAt(clock.monotonicMs());
    sinceMs = clock.monotonicMs();
  }

  function check(): void {
    for (const one of stage.told.slice(checked)) {
      checked += 1;
      expect(hasEnded).toBe(false);
      if ('timesMs' in one) checkFixes(one);
      else checkEvent(one);
    }
    // One read at a time, whatever is asked for.
    expect(stage.reads.length).toBeLessThanOrEqual(1);
  }

  function checkFixes({ atMs, timesMs: shown }: Extract<Told, { timesMs: unknown }>): void {
    expect(isPaused).toBe(false);
    expect(shown).toEqual(timesMs.slice(next, next + shown.length));
    next += shown.length;
    const lastMs = shown.at(-1) ?? NaN;
    const isFirst = placeMs === Infinity;
    // It comes alone, for nothing says yet how far another would be.
    if (isFirst && speed > 0) expect(shown).toHaveLength(1);
    if (isFirst || speed === 0) {
      placeMs = lastMs;
      sinceMs = atMs;
    }
    expect(lastMs).toBeLessThanOrEqual(placeAt(atMs) + 1e-3);
  }

  function checkEvent({ event, data }: Extract<Told, { event: string }>): void {
    if (event === 'ended') {
      hasEnded = true;
      if (data['reason'] === 'complete') expect(next).toBe(timesMs.length);
    } else {
      // Told in whole ms.
      placeMs += Number(data['toMs']) - Number(data['fromMs']) + 1;
    }
  }

  function seek(part: number): void {
    const lastMs = timesMs.at(-1) ?? startMs;
    const toMs = startMs + Math.floor((lastMs - startMs) * part);
    next = timesMs.findIndex((timeMs) => timeMs >= toMs);
    placeMs = Infinity;
    stage.call((replay) => replay.seek(toMs));
  }

  async function apply(one: Command): Promise<void> {
    rebase();
    switch (one.kind) {
      case 'advance':
        clock.advance(one.ms);
        break;
      case 'seek':
        seek(one.part);
        break;
      case 'speed':
        ({ speed } = one);
        stage.call((replay) => replay.setSpeed(one.speed));
        break;
      case 'pause':
        isPaused = true;
        stage.call((replay) => replay.pause());
        break;
      case 'resume':
        isPaused = false;
        stage.call((replay) => replay.resume());
        break;
      case 'stall':
        stage.stall();
        break;
      case 'drain':
        stage.drain();
        break;
      case 'answer':
        stage.reads.shift()?.answer();
        await turn();
    }
    check();
  }

  return {
    get hasEnded() {
      return hasEnded;
    },
    apply,
    check,
    /** Left alone it comes to its end. */
    async finish(): Promise<void> {
      await apply({ kind: 'speed', speed: 0 });
      await apply({ kind: 'drain' });
      await apply({ kind: 'resume' });
      await stage.settle();
      check();
      expect(hasEnded).toBe(true);
      expect(next).toBe(timesMs.length);
    },
  };
}

const gapMs = fc.oneof(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 4e6 }));

it('every fix from a seek on comes once, in order, and none before its time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(gapMs, { minLength: 1, maxLength: 60 }),
      fc.constantFrom(0, 0.1, 1, 10, 1_000),
      fc.array(command, { maxLength: 40 }),
      async (gapsMs, speed, commands) => {
        let timeMs = startMs;
        const timesMs = gapsMs.map((gap) => (timeMs += gap));
        const stage = openStage(timesMs, speed);
        const reader = createReader(stage, timesMs, speed);
        stage.replay.play();
        reader.check();
        for (const one of commands) if (!reader.hasEnded) await reader.apply(one);
        if (!reader.hasEnded) await reader.finish();
        expect(stage.ends).toBe(1);
        expect(stage.clock.timers).toBe(0);
      },
    ),
    { numRuns: 500 },
  );
});
