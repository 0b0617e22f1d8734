/** docs/protocol.md is normative: its examples are decoded here, and its table of codes is the code's. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { closeCodes, isTemporary, refusals, type RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { decodeDeviceFrame, decodeSubscriberFrame } from '../../src/wire/decode.ts';
import {
  encodeDeviceFrame,
  encodeDeviceReply,
  encodeSubscriberFrame,
  encodeSubscriberReply,
} from '../../src/wire/encode.ts';
import { parseJson } from '../../src/wire/json.ts';
import { parseMessagePack, toMessagePack, type Parsed } from '../../src/wire/messagepack.ts';
import { readDeviceReply, readSubscriberReply } from '../../src/wire/reply.ts';

const source = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
// Tables are padded by the formatter.
const text = source.replace(/ +/g, ' ');

interface Example {
  readonly name: string;
  readonly plane: string;
  readonly bytes: Uint8Array;
  readonly json: string;
}

const examples: Example[] = [...text.matchAll(/```frame (\S+)\n([\s\S]*?)\n```/g)].map((match) => {
  const lines = (match[2] ?? '').split('\n');
  const json = lines.pop() ?? '';
  const bytes = Uint8Array.from(Buffer.from(lines.join(''), 'hex'));
  return { name: json.slice(0, 60), plane: match[1] ?? '', bytes, json };
});

function decode(plane: string, parsed: Parsed): unknown {
  switch (plane) {
    case 'device':
      return decodeDeviceFrame(
        'value' in parsed ? toMessagePack(parsed.value) : new Uint8Array(0),
        limits,
      );
    case 'device-reply':
      return readDeviceReply(parsed);
    case 'subscriber':
      return decodeSubscriberFrame(parsed, limits);
    case 'subscriber-reply':
      return readSubscriberReply(parsed);
    default:
      throw new Error(`docs/protocol.md: unknown plane ${plane}`);
  }
}

function encode(plane: string, frame: never): Uint8Array | string {
  switch (plane) {
    case 'device':
      return encodeDeviceFrame(frame);
    case 'device-reply':
      return encodeDeviceReply(frame);
    case 'subscriber':
      return encodeSubscriberFrame(frame, 'messagepack');
    default:
      return encodeSubscriberReply(frame, 'messagepack');
  }
}

describe('docs/protocol.md', () => {
  it('has an example of every frame type', () => {
    const types = new Set(examples.map(({ json }) => (JSON.parse(json) as number[])[0]));
    const all = [1, 2, 3, 4, 5, 9, 16, 17, 18, 19, 20, 21, 32, 33, 34, 48, 49, 50, 51, 52, 53, 54];
    expect([...types].toSorted((a, b) => (a ?? 0) - (b ?? 0))).toEqual(all);
  });

  it.each(examples)('$plane $name', ({ plane, bytes, json }) => {
    const fromBytes = decode(plane, parseMessagePack(bytes));
    expect(fromBytes).not.toBeNull();
    expect(fromBytes).not.toHaveProperty('refused');
    expect(fromBytes).toEqual(decode(plane, parseJson(json)));
    // Encoded again it is the same frame; optional elements that are nil may come back.
    const again = parseMessagePack(
      Uint8Array.from(encode(plane, fromBytes as never) as Uint8Array),
    );
    expect(decode(plane, again)).toEqual(fromBytes);
  });

  it('lists every refusal', () => {
    const rows = (Object.keys(refusals) as RefusalName[]).map((name) => {
      const { code, message } = refusals[name];
      return `| ${code} | \`${name}\` | ${message}${isTemporary(name) ? ' (temporary)' : ''} |`;
    });
    for (const row of rows) expect(text).toContain(row);
  });

  it('lists every close code', () => {
    for (const code of Object.values(closeCodes)) expect(text).toContain(`| ${code} |`);
  });
});
