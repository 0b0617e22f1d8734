import { expect, it } from 'vitest';
import { isOriginAllowed } from '../../src/server/origin.ts';

const host = 'fleet.example:7070';

it.each([
  ['', [], true],
  ['', ['https://a.example'], true],
  ['http://fleet.example:7070', [], true],
  ['https://fleet.example:7070', [], true],
  ['http://fleet.example', [], false],
  ['https://evil.example', [], false],
  ['null', [], false],
  ['https://a.example', ['https://a.example'], true],
  ['https://a.example.evil', ['https://a.example'], false],
  ['http://a.example', ['https://a.example'], false],
  ['http://fleet.example:7070', ['https://a.example'], false],
  ['https://evil.example', ['*'], true],
])('a page of %j where %j are allowed: %s', (origin, origins, isAllowed) => {
  expect(isOriginAllowed({ origin, host }, origins)).toBe(isAllowed);
});
