/** Bad frames and bad fixes of devices: each has a code, a sentence and a counter. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCodes, refusals, type RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { toMessagePack } from '../../src/wire/messagepack.ts';
import { openWitness, type Witness } from '../support/witness.ts';

const now = Date.now();
const good = [0, 526_000_000, -86_000_000];
const pack = (value: unknown): Uint8Array => Uint8Array.from(toMessagePack(value));

let witness: Witness;

beforeAll(async () => {
  witness = await openWitness();
});

afterAll(() => witness.cleanup());

describe('a frame without a readable seq closes its connection', () => {
  it.each<[string, Uint8Array | string, RefusalName]>([
    ['text', '[1,1,0,[]]', 'textFrame'],
    ['nothing', new Uint8Array(0), 'emptyFrame'],
    ['truncated MessagePack', pack([1, 1, now, [good]]).slice(0, -2), 'notMessagePack'],
    ['trailing bytes', Uint8Array.from([...pack([1, 1, now, [good]]), 0]), 'trailingBytes'],
    ['a map', pack({ type: 1 }), 'notAFrame'],
    ['an unknown type without seq', pack([99, 'x']), 'unknownType'],
    ['a seq that is text', pack([1, 'one', now, [good]]), 'badSeq'],
  ])('%s', async (_name, message, refused) => {
    await witness.counted(refused, async () => {
      const socket = await witness.ingest('veh-bad');
      socket.sendRaw(message);
      expect(await socket.closed).toEqual({
        code: closeCodes.badRequest,
        reason: refusals[refused].message,
      });
    });
  });
});

describe('a wrong seq closes the connection so that the device resends', () => {
  it.each<[string, number[], RefusalName]>([
    ['skips', [1, 3], 'seqSkipped'],
    ['repeats', [1, 1], 'seqRepeated'],
    ['starts at 2', [2], 'seqSkipped'],
  ])('%s', async (_name, seqs, refused) => {
    await witness.counted(refused, async () => {
      const socket = await witness.ingest('veh-seq');
      for (const seq of seqs) socket.send([1, seq, now, [good]]);
      expect(await socket.closed).toEqual({
        code: closeCodes.insufficientState,
        reason: refusals[refused].message,
      });
    });
  });
});

describe('a frame with a readable seq is refused by itself and acked', () => {
  it.each<[string, unknown[], RefusalName]>([
    ['an unknown type', [99, 1], 'unknownType'],
    ['an answer to no command', [5, 1, 'c-1', 'done'], 'unknownCommand'],
    ['a status of the far future', [4, 1, 2 * now, { ignition: true }], 'timeTooFarAhead'],
    ['fixes that are text', [1, 1, now, 'fixes'], 'malformedFrame'],
    ['a base that is NaN', [1, 1, Number.NaN, [good]], 'malformedFrame'],
    [
      'too many fixes',
      [1, 1, now, Array.from({ length: limits.fixesPerFrameMax + 1 }, () => good)],
      'tooManyFixes',
    ],
    ['a vehicle of somebody else', [1, 1, now, [good], 'veh-other'], 'vehicleNotAllowed'],
    ['a vehicle id with a slash', [1, 1, now, [good], 'a/b'], 'badVehicleId'],
  ])('%s', async (_name, frame, refused) => {
    await witness.counted(refused, async () => {
      const socket = await witness.ingest('veh-frame');
      socket.send(frame);
      const { code, message } = refusals[refused];
      expect(await socket.nextOf(18)).toEqual([18, 1, code, message]);
      expect((await socket.nextOf(17))[1]).toBe(1);
      await socket.close();
    });
  });
});

describe('a bad fix refuses itself by index and its neighbours go on', () => {
  it.each<[string, unknown, RefusalName]>([
    ['NaN', [0, Number.NaN, 0], 'fixNotInteger'],
    ['text', [0, 'north', 0], 'fixNotInteger'],
    ['no array', { lat: 1 }, 'fixMalformed'],
    ['too short', [0, 1], 'fixMalformed'],
    ['a latitude of 91 degrees', [0, 910_000_000, 0], 'latitudeRange'],
    ['a longitude of 181 degrees', [0, 0, 1_810_000_000], 'longitudeRange'],
    ['before 2000', [-now, 0, 0], 'timeTooOld'],
    ['in two years', [2 * 366 * 86_400_000, 0, 0], 'timeTooFarAhead'],
    ['a NUL in an attribute', [...good, 0, 0, 0, 0, 0, { a: '\0' }], 'attributesMalformed'],
  ])('%s', async (_name, bad, refused) => {
    await witness.counted(refused, async () => {
      const socket = await witness.ingest('veh-fix');
      const accepted = await witness.test.engine.counter('fleetwire_fixes_accepted_total');
      const at = Date.now() - 1_000;
      const frame = [1, 1, at, [good, bad, [1, 526_000_001, -86_000_000], bad]];
      if (refused === 'timeTooOld') frame[2] = now;
      socket.send(frame);
      const { code, message } = refusals[refused];
      expect(await socket.nextOf(18)).toEqual([18, 1, code, message, [1, 3]]);
      expect((await socket.nextOf(17))[1]).toBe(1);
      expect(await witness.test.engine.counter('fleetwire_fixes_accepted_total')).toBe(
        accepted + 2,
      );
      await socket.close();
    });
  });

  it('a fix from the future is kept, flagged, and not last known', async () => {
    const socket = await witness.ingest('veh-future');
    socket.send([1, 1, Date.now(), [[3_600_000, 10_000_000, 10_000_000], good]]);
    await socket.nextOf(17);
    const live = await witness.live();
    live.send([32, 1, 'vehicle:veh-future']);
    const [, , result] = (await live.next()) as [number, number, { snapshot: unknown[][] }];
    expect(result.snapshot).toHaveLength(1);
    expect(result.snapshot[0]?.slice(2, 4)).toEqual(good.slice(1));
    await socket.close();
    await live.close();
  });
});

describe('bounds of a connection', () => {
  it('a newer connection of the same device takes over, and the older is told not to return', async () => {
    await witness.counted('newerConnection', async () => {
      const older = await witness.ingest('veh-twice');
      const newer = await witness.ingest('veh-twice');
      expect(await older.closed).toEqual({
        code: closeCodes.duplicateSession,
        reason: refusals.newerConnection.message,
      });
      newer.send([1, 1, Date.now(), [good]]);
      expect((await newer.nextOf(17))[1]).toBe(1);
      await newer.close();
    });
  });

  it('an oversize frame ends it with 1006, as uWebSockets.js cannot send a code', async () => {
    const socket = await witness.ingest('veh-large');
    socket.sendRaw(new Uint8Array(limits.frameBytesMax + 1));
    expect((await socket.closed).code).toBe(1006);
    await witness.undisturbed();
  });

  it('more frames in flight than the hello allows', async () => {
    await witness.counted('tooManyInFlight', async () => {
      const socket = await witness.ingest('veh-flight');
      // All in one turn of the engine: none can be acked in between.
      for (let seq = 1; seq <= 2_000; seq++) socket.send([1, seq, now + seq, [good]]);
      expect((await socket.closed).code).toBe(closeCodes.tooManyRequests);
    });
  });
});
