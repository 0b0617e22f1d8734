import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { emptyFix } from '../../src/live/vehicles.ts';
import { decodeDeviceFrame, decodeFix, decodeSubscriberFrame } from '../../src/wire/decode.ts';
import {
  encodeDeviceFrame,
  encodeDeviceReply,
  encodeSubscriberFrame,
  encodeSubscriberReply,
} from '../../src/wire/encode.ts';
import { parseJson } from '../../src/wire/json.ts';
import { parseMessagePack, type Parsed } from '../../src/wire/messagepack.ts';
import { readDeviceReply, readSubscriberReply } from '../../src/wire/reply.ts';
import { deviceFrame, deviceReply, subscriberFrame, subscriberReply, wireFix } from './frames.ts';

const packr = new Packr({ useRecords: false });
const pack = (value: unknown): Uint8Array => Uint8Array.from(packr.pack(value));
const parse = (message: Uint8Array | string): Parsed =>
  typeof message === 'string' ? parseJson(message) : parseMessagePack(message);

describe('round trips', () => {
  it('a device frame', () => {
    fc.assert(
      fc.property(deviceFrame, (frame) => {
        expect(decodeDeviceFrame(encodeDeviceFrame(frame), limits)).toEqual(frame);
      }),
    );
  });

  it('a reply to a device', () => {
    fc.assert(
      fc.property(deviceReply, (reply) => {
        expect(readDeviceReply(parse(encodeDeviceReply(reply)))).toEqual(reply);
      }),
    );
  });

  it.each(['messagepack', 'json'] as const)('a subscriber frame in %s', (codec) => {
    fc.assert(
      fc.property(subscriberFrame, (frame) => {
        expect(decodeSubscriberFrame(parse(encodeSubscriberFrame(frame, codec)), limits)).toEqual(
          frame,
        );
      }),
    );
  });

  it.each(['messagepack', 'json'] as const)('a reply to a subscriber in %s', (codec) => {
    fc.assert(
      fc.property(subscriberReply, (reply) => {
        expect(readSubscriberReply(parse(encodeSubscriberReply(reply, codec)))).toEqual(reply);
      }),
    );
  });

  it('unknown trailing elements are ignored', () => {
    expect(decodeDeviceFrame(pack([1, 7, 5, [], null, 'new', { field: 1 }]), limits)).toEqual({
      type: 1,
      seq: 7,
      baseMs: 5,
      fixes: [],
      vehicle: null,
    });
  });
});

describe('untrusted bytes', () => {
  /** What decoding may allocate beyond the frame: generous, but far from what a length field claims. */
  const allocationBytesMax = 64 * 1024 * 1024;

  it('never throw, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
        const frame = decodeDeviceFrame(bytes, limits);
        const request = decodeSubscriberFrame(parseMessagePack(bytes), limits);
        expect(typeof frame).toBe('object');
        expect(typeof request).toBe('object');
        readDeviceReply(parseMessagePack(bytes));
        readSubscriberReply(parseMessagePack(bytes));
      }),
      { numRuns: 3_000 },
    );
  });

  it('never throw when a good frame is cut or one of its bytes changed', () => {
    fc.assert(
      fc.property(deviceFrame, fc.nat(), fc.nat({ max: 255 }), (frame, at, byte) => {
        const bytes = Uint8Array.from(encodeDeviceFrame(frame));
        const cut = decodeDeviceFrame(bytes.subarray(0, at % bytes.length), limits);
        expect('refused' in cut).toBe(true);
        bytes[at % bytes.length] = byte;
        decodeDeviceFrame(bytes, limits);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['a list of 4 billion', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a map of 4 billion', [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ['a text of 2 GiB', [0xdb, 0x7f, 0xff, 0xff, 0xff]],
    ['bytes of 2 GiB', [0xc6, 0x7f, 0xff, 0xff, 0xff]],
    ['lists in lists, 64 KiB deep', Array.from({ length: 65_536 }, () => 0x91)],
    ['wide lists in lists', Array.from({ length: 65_536 }, () => 0x9f)],
    [
      'lists that each claim 64 Ki',
      Array.from({ length: 65_535 }, (_, i) => (i % 3 ? 0xff : 0xdc)),
    ],
  ])('do not allocate for what they claim: %s', (_name, bytes) => {
    const before = process.memoryUsage().rss;
    expect(decodeDeviceFrame(Uint8Array.from(bytes), limits)).toEqual({
      refused: 'notMessagePack',
      id: null,
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(allocationBytesMax);
  });

  it('one message does not change how the next is read', () => {
    // A record definition and its use, which `useRecords` would understand.
    const definition = Uint8Array.from([0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61]);
    decodeDeviceFrame(definition, limits);
    expect(parseMessagePack(Uint8Array.from([0x40]))).toEqual({ value: 64 });
  });
});

const seqOf = (value: unknown): number | null => (typeof value === 'number' ? value : null);

describe('refusals of device frames', () => {
  const cases: [string, Uint8Array, RefusalName, number | null][] = [
    ['nothing', new Uint8Array(0), 'emptyFrame', null],
    ['bytes after the value', Uint8Array.from([0x93, 1, 1, 1, 1]), 'trailingBytes', null],
    ['a cut value', Uint8Array.from([0x94, 1, 1]), 'notMessagePack', null],
    ['a map', pack({ type: 1 }), 'notAFrame', null],
    ['a number', pack(1), 'notAFrame', null],
    ['an empty array', pack([]), 'notAFrame', null],
    ['a type that is text', pack(['1', 1, 0, []]), 'notAFrame', null],
    ['a type that is NaN', pack([Number.NaN, 1, 0, []]), 'notAFrame', null],
    ['an unknown type without seq', pack([99, 'x']), 'unknownType', null],
    ['an unknown type with seq', pack([99, 4]), 'unknownType', 4],
    ['a type of the other plane', pack([32, 1, 'fleet']), 'unknownType', 1],
    ['no seq', pack([1]), 'badSeq', null],
    ['seq 0', pack([1, 0, 0, []]), 'badSeq', null],
    ['seq 1.5', pack([1, 1.5, 0, []]), 'badSeq', null],
    ['a negative seq', pack([1, -1, 0, []]), 'badSeq', null],
    ['a seq beyond 2^53', pack([1, 2 ** 53, 0, []]), 'badSeq', null],
    ['a base that is text', pack([1, 1, 'now', []]), 'malformedFrame', 1],
    ['a base that is NaN', pack([1, 1, Number.NaN, []]), 'malformedFrame', 1],
    ['fixes that are a map', pack([1, 1, 0, {}]), 'malformedFrame', 1],
    ['a vehicle that is a number', pack([1, 1, 0, [], 5]), 'malformedFrame', 1],
    [
      'too many fixes',
      pack([1, 1, 0, Array.from({ length: limits.fixesPerFrameMax + 1 }, () => [0, 0, 0])]),
      'tooManyFixes',
      1,
    ],
    ['a trip without an action', pack([2, 3, 'trip']), 'malformedFrame', 3],
    ['an emergency without a place', pack([3, 3, 'id', 'sos', 1]), 'malformedFrame', 3],
    ['a status that is a list', pack([4, 3, 1, []]), 'malformedFrame', 3],
    ['a status with a NUL', pack([4, 3, 1, { a: 'x\0' }]), 'malformedFrame', 3],
    ['an answer without a status', pack([5, 3, 'id']), 'malformedFrame', 3],
    ['a token that is a number', pack([9, 5]), 'malformedFrame', null],
    ['a token that is too long', pack([9, 'x'.repeat(9_000)]), 'malformedFrame', null],
  ];

  it.each(cases)('%s', (_name, bytes, refused, id) => {
    expect(decodeDeviceFrame(bytes, limits)).toEqual({ refused, id: seqOf(id) });
  });
});

describe('refusals of subscriber frames', () => {
  it.each<[string, unknown, RefusalName, number | null]>([
    ['no request number', [32], 'badRequestId', null],
    ['request 0', [32, 0, 'fleet'], 'badRequestId', null],
    ['an unknown type', [77, 3], 'unknownType', 3],
    ['a device frame', [1, 1, 0, []], 'unknownType', 1],
    ['no topic', [32, 1], 'malformedFrame', 1],
    ['a topic that is too long', [32, 1, 'x'.repeat(200)], 'malformedFrame', 1],
    ['options that are a list', [32, 1, 'fleet', []], 'malformedFrame', 1],
    ['parameters that are a date', [34, 1, 'm', new Date(0)], 'malformedFrame', 1],
  ])('%s', (_name, frame, refused, id) => {
    expect(decodeSubscriberFrame(parse(pack(frame)), limits)).toEqual({ refused, id });
  });

  it('JSON that is none', () => {
    expect(decodeSubscriberFrame(parseJson('{'), limits)).toEqual({ refused: 'notJson', id: null });
    expect(decodeSubscriberFrame(parseJson(''), limits)).toEqual({
      refused: 'emptyFrame',
      id: null,
    });
  });

  it('depth that would overflow the stack', () => {
    const deep = `[34,1,"m",${'['.repeat(20_000)}${']'.repeat(20_000)}]`;
    expect(decodeSubscriberFrame(parseJson(deep), limits)).toEqual({
      refused: 'malformedFrame',
      id: 1,
    });
  });
});

describe('decodeFix', () => {
  const decode = (raw: unknown) => {
    const fix = emptyFix(0);
    return { refused: decodeFix(raw, 1_000, fix, limits), fix };
  };

  it('adds the base to the time and fills in what is missing', () => {
    expect(decode([5, 1, 2]).fix).toEqual({ ...emptyFix(1_005), latE7: 1, lonE7: 2 });
  });

  it('reads every valid fix', () => {
    fc.assert(
      fc.property(wireFix, (raw) => {
        const { refused, fix } = decode(raw);
        expect(refused).toBeNull();
        expect(fix.speedCms).toBe(raw[3] ?? null);
        expect(fix.satellites).toBe(raw[7] ?? null);
        expect(fix.attributes).toBe(raw[8] ? JSON.stringify(raw[8]) : null);
        expect(fix.attributesMap).toBe(raw[8] ?? null);
      }),
    );
  });

  it('keeps no attributes of the fix before', () => {
    const fix = emptyFix(0);
    decodeFix([5, 1, 2, 1, 1, 1, 1, 1, { ignition: true }], 0, fix, limits);
    decodeFix([6, 1, 2], 0, fix, limits);
    expect(fix).toEqual({ ...emptyFix(6), latE7: 1, lonE7: 2 });
  });

  it.each<[string, unknown, RefusalName]>([
    ['no array', { lat: 1 }, 'fixMalformed'],
    ['nil', null, 'fixMalformed'],
    ['two elements', [0, 0], 'fixMalformed'],
    ['a text', ['0', 0, 0], 'fixNotInteger'],
    ['a latitude that is NaN', [0, Number.NaN, 0], 'fixNotInteger'],
    ['a longitude that is infinite', [0, 0, Number.POSITIVE_INFINITY], 'fixNotInteger'],
    ['degrees instead of integers', [0, 52.6, -8.6], 'fixNotInteger'],
    ['a latitude that is nil', [0, null, 0], 'fixNotInteger'],
    ['a speed that is text', [0, 0, 0, 'fast'], 'fixNotInteger'],
    ['satellites that are true', [0, 0, 0, 1, 1, 1, 1, true], 'fixNotInteger'],
    ['attributes that are a list', [0, 0, 0, 1, 1, 1, 1, 1, []], 'attributesMalformed'],
    ['attributes that are a date', [0, 0, 0, 1, 1, 1, 1, 1, new Date()], 'attributesMalformed'],
    ['a NUL', [0, 0, 0, 1, 1, 1, 1, 1, { a: '\0' }], 'attributesMalformed'],
    ['a NUL in a key', [0, 0, 0, 1, 1, 1, 1, 1, { '\0': 1 }], 'attributesMalformed'],
    ['half a surrogate', [0, 0, 0, 1, 1, 1, 1, 1, { a: '\ud800' }], 'attributesMalformed'],
    ['an infinite number', [0, 0, 0, 1, 1, 1, 1, 1, { a: Infinity }], 'attributesMalformed'],
    ['a big integer', [0, 0, 0, 1, 1, 1, 1, 1, { a: 1n }], 'attributesMalformed'],
    ['too deep', [0, 0, 0, 1, 1, 1, 1, 1, { a: { b: { c: { d: 1 } } } }], 'attributesTooLarge'],
    ['too long', [0, 0, 0, 1, 1, 1, 1, 1, { a: 'é'.repeat(600) }], 'attributesTooLarge'],
    [
      'too many keys',
      [0, 0, 0, 1, 1, 1, 1, 1, Object.fromEntries(Array.from({ length: 33 }, (_, i) => [i, i]))],
      'attributesTooLarge',
    ],
  ])('refuses %s', (_name, raw, refused) => {
    expect(decode(raw).refused).toBe(refused);
  });
});
