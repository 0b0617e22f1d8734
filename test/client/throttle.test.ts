import { describe, expect, it } from 'vitest';
import { createThrottle } from '../../src/client/throttle.ts';
import { createManualClock } from '../support/clock.ts';

function setup() {
  const clock = createManualClock();
  let resumed = 0;
  const throttle = createThrottle(clock, () => resumed++);
  return { clock, throttle, resumed: () => resumed };
}

describe('throttle', () => {
  it('holds for as long as it is told and then lets one frame ask', () => {
    const { clock, throttle, resumed } = setup();
    expect(throttle.allows).toBe(true);
    throttle.slowDown(2_000);
    clock.advance(1_999);
    expect(throttle.allows).toBe(false);
    clock.advance(1);
    expect(resumed()).toBe(1);
    expect(throttle.allows).toBe(true);
    throttle.sent(8);
    expect(throttle.allows).toBe(false);
    throttle.acked(7);
    expect(throttle.allows).toBe(false);
    throttle.acked(8);
    expect(throttle.allows).toBe(true);
    expect(resumed()).toBe(2);
  });

  it('holds again when the frame that asked is answered by another slow-down', () => {
    const { clock, throttle } = setup();
    throttle.slowDown(100);
    clock.advance(100);
    throttle.sent(1);
    throttle.slowDown(100);
    throttle.acked(1);
    expect(throttle.allows).toBe(false);
    clock.advance(100);
    expect(throttle.allows).toBe(true);
  });

  it('does not forget a hold over a new connection, but asks anew on it', () => {
    const { clock, throttle } = setup();
    throttle.slowDown(100);
    throttle.restart();
    expect(throttle.allows).toBe(false);
    clock.advance(100);
    throttle.sent(5);
    throttle.restart();
    expect(throttle.allows).toBe(true);
    throttle.sent(1);
    expect(throttle.allows).toBe(false);
  });

  it('leaves no timer behind', () => {
    const { clock, throttle, resumed } = setup();
    throttle.slowDown(100);
    throttle.slowDown(200);
    expect(clock.timers).toBe(1);
    throttle.close();
    expect(clock.timers).toBe(0);
    expect(resumed()).toBe(0);
  });
});
