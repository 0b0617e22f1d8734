import { describe, expect, it } from 'vitest';
import { createProgress, showEverySecond } from '../../src/cli/progress.ts';
import { createManualClock } from '../support/clock.ts';

function stream(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, columns: 20, written, write: (text: string) => written.push(text) };
}

describe('progress', () => {
  it('writes one line over and over on a terminal, cut to its width', () => {
    const terminal = stream(true);
    const progress = createProgress(terminal);
    progress.update('first');
    progress.update('a line that is too long for it');
    progress.note('stays');
    progress.finish();
    expect(terminal.written).toEqual([
      '\r\x1b[2Kfirst',
      '\r\x1b[2Ka line that is too ',
      '\r\x1b[2K',
      'stays\n',
    ]);
  });

  it('writes plain lines elsewhere', () => {
    const file = stream(false);
    const progress = createProgress(file);
    progress.update('first');
    progress.note('stays');
    progress.finish();
    expect(file.written).toEqual(['first\n', 'stays\n']);
  });

  it('shows a line a second until it is stopped', () => {
    const clock = createManualClock();
    const file = stream(false);
    let second = 0;
    const stop = showEverySecond(clock, createProgress(file), () => `${++second}`);
    clock.advance(3_500);
    stop();
    clock.advance(3_000);
    expect(file.written).toEqual(['1\n', '2\n', '3\n']);
    expect(clock.timers).toBe(0);
  });
});
