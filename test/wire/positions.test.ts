import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/wire/json.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';
import { encodePosition, livePosition, positionFrames } from '../../src/wire/positions.ts';
import { readSubscriberReply } from '../../src/wire/reply.ts';
import { frameTypes } from '../../src/wire/types.ts';
import { livePositionFrame, validFix } from './frames.ts';

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
          const replies = frames.map(read);
          const seen = replies.flatMap((reply) =>
            reply?.type === frameTypes.livePositions ? reply.positions : [],
          );
          expect(seen).toEqual(positions);
          expect(replies.every((reply) => reply !== null)).toBe(true);
          const overhead = 2 * positions.length + 32;
          for (const frame of frames) {
            expect(frame.length).toBeLessThanOrEqual(Math.max(bytesMax, longest) + overhead);
          }
        },
      ),
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
        expect(read(frame ?? '')).toEqual({
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
