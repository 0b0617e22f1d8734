/** A past that is folded again while fixes come, and while engine and database fail: nothing is lost. */
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { expectInOrder, framesOf, isFullOnce, journey, worldOf } from './foldorder.ts';

describe('fixes that come while the past is folded again', () => {
  const hole = {
    before: [...journey.slice(0, 100), ...journey.slice(200, 300)],
    silenceMs: 0,
    late: journey.slice(100, 200),
  };
  // What comes from inside of it is further than the vehicle was known to be.
  const silence = {
    before: journey.slice(0, 240),
    silenceMs: 2 * limits.tripLapseMs,
    late: journey.slice(240, 300),
  };

  it.each([
    ['behind a hole', hole, 0],
    ['behind a silence', silence, 0],
    ['behind a hole, with a journal that is full', hole, 200],
    ['behind a silence, with a journal that is full', silence, 200],
  ])('lose nothing in a crash, whenever they come: %s', async (_name, life, refusals) => {
    for (let sendAt = 1; sendAt <= 12; sendAt++) {
      const world = worldOf();
      for (const frame of framesOf(life.before, 50)) world.send(frame);
      world.clock.advance(life.silenceMs);
      world.send(life.late);
      // What is late is marked, and the journal does not bring it back.
      world.disk.drain();
      await world.flush();
      const rest = framesOf(journey.slice(300), 300);
      let asked = 0;
      world.onAsk = () => {
        if (++asked !== sendAt) return;
        world.disk.isFull = isFullOnce(refusals);
        for (const frame of rest.splice(0)) world.send(frame);
      };
      await world.recompute();
      for (const frame of rest) world.send(frame);
      world.crash();
      world.disk.isFull = () => false;
      await world.settle();
      expectInOrder(world, journey);
      world.stop();
    }
  });

  it('lose nothing where the database has done more than it could answer', async () => {
    for (let lostAt = 1; lostAt <= 12; lostAt++) {
      const world = worldOf();
      for (const frame of framesOf(hole.before, 50)) world.send(frame);
      world.send(hole.late.slice(0, 1));
      world.disk.drain();
      await world.flush();
      let asked = 0;
      world.onAsk = () => {
        if (++asked === lostAt) world.send(hole.late.slice(1));
      };
      world.isLost = () => asked === lostAt;
      await world.recompute();
      world.onAsk = () => undefined;
      world.isLost = () => false;
      if (asked < lostAt) world.send(hole.late.slice(1));
      world.disk.drain();
      await world.flush();
      world.crash();
      await world.settle();
      expectInOrder(world, journey.slice(0, 300));
      world.stop();
    }
  });
});

describe('a trip that a silence has ended', () => {
  it('is not ended again after a crash, and is where it went on meanwhile', async () => {
    const world = worldOf();
    for (const frame of framesOf(journey.slice(0, 240), 50)) world.send(frame);
    world.disk.drain();
    await world.flush();
    world.clock.advance(2 * limits.tripLapseMs);
    world.crash();
    await world.settle();
    const isEnd = (id: string): boolean => id.startsWith('ended:');
    expect(world.disk.announced.filter(isEnd)).toHaveLength(1);
    world.send(journey.slice(240, 300));
    await world.settle();
    expect(world.disk.announced.filter(isEnd)).toHaveLength(2);
    expectInOrder(world, journey.slice(0, 300));
    world.stop();
  });
});
