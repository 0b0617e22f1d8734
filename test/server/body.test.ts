import { expect, it } from 'vitest';
import { readBody } from '../../src/server/body.ts';
import { createManualClock } from '../support/clock.ts';

const bounds = { apiBodyBytesMax: 10, apiBodyDeadlineMs: 1_000 };

function open(length = '') {
  const clock = createManualClock();
  let give: (chunk: ArrayBuffer, isLast: boolean) => void = () => undefined;
  const source = {
    onData(handler: typeof give) {
      give = handler;
    },
  };
  const reader = readBody(source, { clock, bounds, length });
  const send = (text: string | Uint8Array, isLast: boolean): void => {
    const bytes = Uint8Array.from(typeof text === 'string' ? Buffer.from(text) : text);
    give(bytes.buffer, isLast);
    // As the library does with what it has lent.
    bytes.fill(0);
  };
  return { clock, reader, send };
}

it('comes in pieces, which are taken back', async () => {
  const { reader, send, clock } = open('8');
  send('{"a"', false);
  send(': 1}', true);
  expect(await reader.body).toEqual({ text: '{"a": 1}' });
  expect(clock.timers).toBe(0);
});

it('may be empty', async () => {
  const { reader, send } = open();
  send('', true);
  expect(await reader.body).toEqual({ text: '' });
});

it('that says it is too large is refused before it comes', async () => {
  const { reader, send } = open('11');
  expect(await reader.body).toEqual({ refused: 'bodyTooLarge' });
  send('whatever', false);
});

it('that grows too large is refused, and what follows dropped', async () => {
  const { reader, send } = open();
  send('123456', false);
  send('78901', false);
  send('', true);
  expect(await reader.body).toEqual({ refused: 'bodyTooLarge' });
});

it('that does not come in time is refused', async () => {
  const { reader, send, clock } = open();
  send('12', false);
  clock.advance(1_000);
  expect(await reader.body).toEqual({ refused: 'bodyTooSlow' });
});

it('that is no text is refused', async () => {
  const { reader, send } = open();
  send(Uint8Array.from([0xff, 0xfe]), true);
  expect(await reader.body).toEqual({ refused: 'badBody' });
});

it('leaves no timer when it is given up', () => {
  const { reader, clock } = open();
  reader.cancel();
  expect(clock.timers).toBe(0);
});
