import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeSubscriberReply } from '../../src/wire/encode.ts';
import { parseJson } from '../../src/wire/json.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';
import {
  encodePosition,
  isPositionFrame,
  livePosition,
  positionFrames,
} from '../../src/wire/positions.ts';
import { readSubscriberReply } from '../../src/wire/reply.ts';
import { frameTypes } from '../../src/wire/types.ts';
import { livePositionFrame, subscriberReply, validFix } from './frames.ts';

describe.each(['messagepack', 'json'] as const)('position frames in %s', (codec) => {
  const read = (frame: Uint8Array | string) =>
    readSubscriberReply(typeof frame === 'string' ? parseJson(frame) : parseMessagePack(frame));

  it('hold every position once, in order, and stay within their bytes', () => {
    fc.assert(
      fc.property(
        fc.array(livePositionFrame, { maxLength: 40 }),
        fc.integer({ min: 1, max: 4_000 }),
        (positions, bytesMax) => {
          const encoded = positions.map((position) => encodePosition(position, codec));
          const longest = Math.max(0, ...encoded.map((position) => position.length));
          const frames = positionFrames('fleet', encoded, codec, bytesMax);
          const replies = frames.map(({ message }) => read(message));
          const seen = replies.flatMap((reply) =>
            reply?.type === frameTypes.livePositions ? reply.positions : [],
          );
          expect(seen).toEqual(positions);
          expect(replies.every((reply) => reply !== null)).toBe(true);
          const overhead = 2 * positions.length + 32;
          expect(frames.reduce((sum, frame) => sum + frame.positions, 0)).toBe(positions.length);
          for (const { message } of frames) {
            expect(message.length).toBeLessThanOrEqual(Math.max(bytesMax, longest) + overhead);
          }
        },
      ),
    );
  });

  it('are known by their first bytes, and nothing else is', () => {
    fc.assert(
      fc.property(livePositionFrame, subscriberReply, (position, reply) => {
        const bytes = (message: Uint8Array | string): Uint8Array =>
          typeof message === 'string' ? new TextEncoder().encode(message) : message;
        const [frame] = positionFrames('fleet', [encodePosition(position, codec)], codec, 1);
        expect(isPositionFrame(bytes(frame?.message ?? ''))).toBe(true);
        const other = bytes(encodeSubscriberReply(reply, codec));
        expect(isPositionFrame(other)).toBe(reply.type === frameTypes.livePositions);
      }),
    );
  });

  it('show a fix as it was decoded', () => {
    fc.assert(
      fc.property(validFix, fc.integer({ min: 1, max: 9 }), (fix, count) => {
        const [frame] = positionFrames(
          'vehicle:a',
          [encodePosition(livePosition('a', fix, count), codec)],
          codec,
          15_000,
        );
        expect(read(frame?.message ?? '')).toEqual({
          type: frameTypes.livePositions,
          topic: 'vehicle:a',
          positions: [
            [
              'a',
              fix.timeMs,
              fix.latE7,
              fix.lonE7,
              fix.speedCms,
              fix.courseCdeg,
              fix.altitudeDm,
              fix.accuracyDm,
              fix.satellites,
              fix.attributes === null ? null : JSON.parse(fix.attributes),
              fix.flags,
              count,
            ],
          ],
        });
      }),
    );
  });
});
