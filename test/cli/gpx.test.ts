import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGpxParser, readGpx, type GpxBounds, type TrackPoint } from '../../src/cli/gpx.ts';
import { journeyFile } from '../../src/cli/journey.ts';
import { limits } from '../../src/limits.ts';
import { readTrack } from '../support/gpx.ts';

function parse(pieces: readonly string[], bounds: GpxBounds = limits): readonly TrackPoint[] {
  const parser = createGpxParser(bounds);
  for (const piece of pieces) parser.write(piece);
  return parser.end();
}

function failureOf(pieces: readonly string[]): Error | undefined {
  try {
    parse(pieces);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

const point = (inner: string, attributes = 'lat="52.6" lon="-8.6"'): string =>
  `<trkpt ${attributes}>${inner}</trkpt>`;
const time = '<time>2019-02-18T07:45:50Z</time>';
const gpx = (inner: string): string => `<gpx>\n<trk>\n<trkseg>\n${inner}\n</trkseg></trk></gpx>`;
const expected: TrackPoint = {
  timeMs: 1_550_475_950_000,
  latitude: 52.6,
  longitude: -8.6,
  altitude: null,
};

describe('the real journey', () => {
  it('has 2,144 points, each as the file has it to 1e-7 degree', async () => {
    const points = await readGpx(journeyFile);
    expect(points).toHaveLength(2_144);
    const wire = points.map(({ timeMs, latitude, longitude }) => ({
      timeMs,
      latE7: Math.round(latitude * 1e7),
      lonE7: Math.round(longitude * 1e7),
    }));
    expect(wire).toEqual(readTrack());
    expect(points[0]?.altitude).toBe(19.5);
    expect(points.every(({ altitude }) => altitude !== null)).toBe(true);
  });
});

describe('what a file may be like', () => {
  it.each([
    [
      'a declaration, comments and a byte order mark',
      `\uFEFF<?xml version="1.0"?>\n<!-- a > b -->\n${gpx(point(time))}`,
    ],
    ['a prefix for its names', gpx(point(time)).replaceAll(/<(\/?)(\w)/g, '<$1g:$2')],
    ['single quotes and other attributes', gpx(point(time, "hdop='1>0' lon='-8.6'  lat = '52.6'"))],
    ['a time with a zone', gpx(point('<time>2019-02-18T08:45:50+01:00</time>'))],
    ['a time without a zone, which is UTC', gpx(point('<time>2019-02-18T07:45:50</time>'))],
    ['a time with a fraction', gpx(point('<time>\n 2019-02-18T07:45:50.000Z </time>'))],
    [
      'extensions with the same names',
      gpx(point(`${time}<extensions><time>no</time><ele>no</ele></extensions>`)),
    ],
    [
      'waypoints and routes, which are no track',
      gpx(`<wpt lat="1" lon="1"/>${point(time)}<rtept lat="2" lon="2"></rtept>`),
    ],
    ['CDATA with tags in it', gpx(`<name><![CDATA[<trkpt> ]] >]]></name>${point(time)}`)],
  ])('%s', (_, text) => {
    expect(parse([text])).toEqual([expected]);
  });

  it('reads the same wherever it is cut', () => {
    const text = `<?xml version="1.0"?><!-- c -->${gpx(point(`<ele>19.5</ele>${time}`) + point(time))}`;
    const whole = parse([text]);
    expect(whole).toHaveLength(2);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 30 }), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        expect(parse(at.slice(1).map((end, index) => text.slice(at[index], end)))).toEqual(whole);
      }),
    );
    expect(parse(text.split(''))).toEqual(whole);
  });
});

describe('what is refused, with its line', () => {
  it.each([
    ['nothing', '', 1, 'no XML element'],
    ['no XML', 'hello', 1, 'text outside'],
    ['another XML', '\n<html></html>', 2, 'not a GPX file'],
    ['no point', gpx(''), 3, 'no track point'],
    ['no latitude', gpx(point(time, 'lon="1"')), 4, 'no lat within'],
    ['a latitude that is none', gpx(point(time, 'lat="x" lon="1"')), 4, 'no lat within'],
    ['a latitude out of range', gpx(point(time, 'lat="90.1" lon="1"')), 4, '-90 to 90'],
    ['a longitude out of range', gpx(point(time, 'lat="1" lon="-181"')), 4, '-180 to 180'],
    ['no time', gpx(point('<ele>1</ele>')), 4, 'no <time>'],
    ['a time that is none', gpx(point('<time>yesterday</time>')), 4, '"yesterday" is no time'],
    ['a month that is none', gpx(point('<time>2019-13-01T00:00:00Z</time>')), 4, 'is no time'],
    ['an elevation that is none', gpx(point(`<ele>high</ele>${time}`)), 4, 'no elevation'],
    ['a tag that is not closed', `<gpx>\n${point(time)}\n<trk>`, 3, 'ends inside <trk>'],
    ['a tag that is closed wrongly', '<gpx>\n<trk>\n</gpx>', 3, '</gpx> closes <trk>'],
    ['a tag that is cut off', `<gpx>\n${point(time)}\n<trkpt lat="1`, 3, 'ends inside a tag'],
    ['a comment that does not end', '<gpx>\n<!-- never', 2, 'ends inside a tag'],
    ['a second element', `${gpx(point(time))}\n<gpx></gpx>`, 6, 'second element'],
    ['a tag inside a tag', '<gpx>\n<trk <name>', 2, 'starts inside a tag'],
    ['a tag without a name', '<gpx>\n< >', 2, 'no name'],
  ])('%s', (_, text, line, message) => {
    for (const pieces of [[text], text.split('')]) {
      const error = failureOf(pieces);
      expect(error).toMatchObject({ name: 'XmlError', line });
      expect(error?.message).toContain(message);
    }
  });

  it('more points or longer tags than the bounds allow', () => {
    const bounds = { ...limits, trackPointsMax: 2 };
    expect(parse([gpx(point(time).repeat(2))], bounds)).toHaveLength(2);
    expect(() => parse([gpx(point(time).repeat(3))], bounds)).toThrow('more than 2 track points');
    const long = { ...limits, trackTokenCharsMax: 1_000 };
    const endless = Array.from({ length: 50 }, () => 'x'.repeat(100));
    expect(() => parse(['<gpx a="', ...endless], long)).toThrow('longer than 1000');
    expect(() =>
      parse(['<gpx><!--', ...endless, '-->', `${gpx(point(time))}</gpx>`], long),
    ).not.toThrow();
  });

  it('is FILE_UNREADABLE with the file and the line', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'fleetwire-gpx-'));
    try {
      const file = join(dir, 'bad.gpx');
      await writeFile(file, gpx(point('')));
      await expect(readGpx(file)).rejects.toMatchObject({
        code: 'FILE_UNREADABLE',
        message: `${file}:4: a track point has no <time>`,
      });
      await expect(readGpx(join(dir, 'none.gpx'))).rejects.toMatchObject({
        code: 'FILE_UNREADABLE',
      });
      await expect(readGpx(dir)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('throws nothing but its own error, whatever the text', () => {
    const fragments = fc.constantFrom(
      '<gpx>',
      '</gpx>',
      '<trkpt lat="1" lon="2">',
      '</trkpt>',
      time,
      '<',
      '>',
      '"',
      '<!--',
      '-->',
      '<?',
      '/>',
      'x',
      '\n',
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fragments, fc.string({ maxLength: 5 })), { maxLength: 40 }),
        (pieces) => {
          expect([undefined, 'XmlError']).toContain(failureOf(pieces)?.name);
        },
      ),
    );
  });
});
