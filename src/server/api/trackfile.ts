/**
 * A track as text: JSON, GeoJSON, GPX 1.1, CSV, KML 2.2 with Google's tracks.
 * Invariant: what is begun and ended is a whole document of its format, however many fixes it has. Ids need no
 * escaping: they have letters, digits and . _ : - only.
 * Bound: a text for each page; GeoJSON and KML, which have times and places apart, hold what comes last.
 * Sources: RFC 7946; the GPX 1.1 schema; RFC 4180; OGC KML 2.3, Track.
 */
import type { TrackFix } from '../../store/track.ts';

export const formats = ['json', 'geojson', 'gpx', 'csv', 'kml'] as const;
export type Format = (typeof formats)[number];

export interface TrackFile {
  readonly contentType: string;
  begin(): string;
  page(fixes: readonly TrackFix[]): string;
  /** `next` is the cursor of the fixes that follow, where there are some. */
  end(next: string | null): string;
}

export function createTrackFile(format: Format, vehicle: string): TrackFile {
  return makers[format](vehicle);
}

const makers: Readonly<Record<Format, (vehicle: string) => TrackFile>> = {
  json: createJson,
  geojson: createGeojson,
  gpx: createGpx,
  csv: createCsv,
  kml: createKml,
};

/** Texts joined by commas, over several calls. */
function createJoiner(): (texts: readonly string[]) => string {
  let isFirst = true;
  return (texts) => {
    if (texts.length === 0) return '';
    const joined = (isFirst ? '' : ',') + texts.join(',');
    isFirst = false;
    return joined;
  };
}

function createJson(vehicle: string): TrackFile {
  const join = createJoiner();
  return {
    contentType: 'application/json',
    begin: () => `{"vehicle":"${vehicle}","fixes":[`,
    page: (fixes) => join(fixes.map(fixJson)),
    end: (next) => `],"next":${JSON.stringify(next)}}\n`,
  };
}

// The database's JSON is JSON: it is not parsed to be written again.
function fixJson({ attributes, ...fix }: TrackFix): string {
  return `${JSON.stringify(fix).slice(0, -1)},"attributes":${attributes ?? 'null'}}`;
}

// A line has two places or more: of one fix it has that twice, of none there is no geometry.
function createGeojson(vehicle: string): TrackFile {
  const join = createJoiner();
  const timesMs: number[] = [];
  let only: string | null = null;
  return {
    contentType: 'application/geo+json',
    begin: () => '{"type":"Feature","geometry":',
    page(fixes) {
      if (fixes.length === 0) return '';
      const start = timesMs.length === 0 ? '{"type":"LineString","coordinates":[' : '';
      const places = fixes.map(placeJson);
      only = timesMs.length === 0 && places.length === 1 ? (places[0] ?? null) : null;
      for (const { timeMs } of fixes) timesMs.push(timeMs);
      return start + join(places);
    },
    end() {
      const twice = only === null ? '' : join([only]);
      const close = timesMs.length === 0 ? 'null' : `${twice}]}`;
      const times = JSON.stringify(timesMs);
      return `${close},"properties":{"vehicle":"${vehicle}","timesMs":${times}}}\n`;
    },
  };
}

function placeJson({ longitude, latitude, altitude }: TrackFix): string {
  const height = altitude === null ? '' : `,${altitude}`;
  return `[${longitude},${latitude}${height}]`;
}

function createGpx(vehicle: string): TrackFile {
  return {
    contentType: 'application/gpx+xml',
    begin: () =>
      `${xmlHeader}<gpx version="1.1" creator="Fleetwire" xmlns="http://www.topografix.com/GPX/1/1">\n` +
      `<trk><name>${vehicle}</name><trkseg>\n`,
    page: (fixes) => fixes.map(gpxPoint).join(''),
    end: () => '</trkseg></trk></gpx>\n',
  };
}

function gpxPoint({ latitude, longitude, altitude, timeMs, satellites }: TrackFix): string {
  const ele = altitude === null ? '' : `<ele>${altitude}</ele>`;
  const sat = satellites === null ? '' : `<sat>${satellites}</sat>`;
  return `<trkpt lat="${latitude}" lon="${longitude}">${ele}<time>${isoTime(timeMs)}</time>${sat}</trkpt>\n`;
}

const csvColumns =
  'time,latitude,longitude,speed_m_s,course_deg,altitude_m,accuracy_m,satellites,flags,attributes';

function createCsv(): TrackFile {
  return {
    contentType: 'text/csv; charset=utf-8; header=present',
    begin: () => `${csvColumns}\r\n`,
    page: (fixes) => fixes.map(csvLine).join(''),
    end: () => '',
  };
}

function csvLine(fix: TrackFix): string {
  const { latitude, longitude, speed, course, altitude, accuracy, satellites, flags } = fix;
  const numbers = [latitude, longitude, speed, course, altitude, accuracy, satellites, flags];
  const attributes = fix.attributes === null ? '' : `"${fix.attributes.replaceAll('"', '""')}"`;
  return `${isoTime(fix.timeMs)},${numbers.map((value) => value ?? '').join(',')},${attributes}\r\n`;
}

function createKml(vehicle: string): TrackFile {
  const coordinates: string[] = [];
  return {
    contentType: 'application/vnd.google-earth.kml+xml',
    begin: () =>
      `${xmlHeader}<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">\n` +
      `<Document><Placemark><name>${vehicle}</name><gx:Track>\n`,
    page(fixes) {
      for (const { longitude, latitude, altitude } of fixes) {
        coordinates.push(`<gx:coord>${longitude} ${latitude} ${altitude ?? 0}</gx:coord>\n`);
      }
      return fixes.map(({ timeMs }) => `<when>${isoTime(timeMs)}</when>\n`).join('');
    },
    end: () => `${coordinates.join('')}</gx:Track></Placemark></Document></kml>\n`,
  };
}

const xmlHeader = '<?xml version="1.0" encoding="UTF-8"?>\n';

function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
