/**
 * GPX files to track points: `<trkpt lat lon>` with its `<ele>` and `<time>`, in the order of the file.
 * Invariant: a file that is read yields every track point, each with a place and a time; anything else is
 * `FILE_UNREADABLE` with the file and the line.
 * Bound: `trackPointsMax` points; the file is read in pieces and never held whole.
 * Source: the GPX 1.1 schema (topografix.com): decimal degrees WGS-84, metres, xsd:dateTime.
 */
import { createReadStream } from 'node:fs';
import { FleetwireError, messageOf } from '../errors.ts';
import { limits, type Limits } from '../limits.ts';
import { createXmlScanner, XmlError } from './xml.ts';

export interface TrackPoint {
  /** Unix ms. */
  readonly timeMs: number;
  /** Degrees. */
  readonly latitude: number;
  readonly longitude: number;
  /** Metres; `null` where the file has none. */
  readonly altitude: number | null;
}

export type GpxBounds = Pick<Limits, 'trackPointsMax' | 'trackTokenCharsMax'>;

export interface GpxParser {
  /** Throws `XmlError` on what no GPX file holds. */
  write(piece: string): void;
  end(): readonly TrackPoint[];
}

/** Reads the track of a file; throws `FILE_UNREADABLE`. */
export async function readGpx(
  file: string,
  bounds: GpxBounds = limits,
): Promise<readonly TrackPoint[]> {
  const parser = createGpxParser(bounds);
  try {
    for await (const piece of createReadStream(file, 'utf8')) parser.write(piece as string);
    return parser.end();
  } catch (error) {
    const place = error instanceof XmlError ? `${file}:${error.line}` : file;
    throw new FleetwireError('FILE_UNREADABLE', `${place}: ${messageOf(error)}`, { cause: error });
  }
}

/** A point while its element is open. */
interface Draft {
  readonly line: number;
  readonly latitude: number;
  readonly longitude: number;
  altitude: string | null;
  time: string | null;
}

export function createGpxParser(bounds: GpxBounds): GpxParser {
  const points: TrackPoint[] = [];
  const path: string[] = [];
  let draft: Draft | null = null;
  let line = 1;
  const scanner = createXmlScanner({ onOpen, onClose, onText }, bounds.trackTokenCharsMax);

  return {
    write: (piece) => scanner.write(piece),
    end() {
      scanner.end();
      if (points.length === 0) throw new XmlError(line, 'the file holds no track point (<trkpt>)');
      return points;
    },
  };

  function onOpen(qualifiedName: string, attributes: string, at: number): void {
    line = at;
    const name = localName(qualifiedName);
    if (path.length === 0 && name !== 'gpx') throw new XmlError(at, 'this is not a GPX file');
    path.push(name);
    if (name !== 'trkpt') return;
    if (points.length >= bounds.trackPointsMax) {
      throw new XmlError(at, `the file holds more than ${bounds.trackPointsMax} track points`);
    }
    const latitude = degrees(attributes, 'lat', 90, at);
    const longitude = degrees(attributes, 'lon', 180, at);
    draft = { line: at, latitude, longitude, altitude: null, time: null };
  }

  function onText(text: string): void {
    // Only its own children: extensions have elements of the same names.
    if (draft === null || path.at(-2) !== 'trkpt') return;
    if (path.at(-1) === 'ele') draft.altitude = (draft.altitude ?? '') + text;
    if (path.at(-1) === 'time') draft.time = (draft.time ?? '') + text;
  }

  function onClose(qualifiedName: string): void {
    path.pop();
    if (draft === null || localName(qualifiedName) !== 'trkpt') return;
    points.push(finish(draft));
    draft = null;
  }
}

function finish(draft: Draft): TrackPoint {
  const { latitude, longitude } = draft;
  if (draft.time === null) throw new XmlError(draft.line, 'a track point has no <time>');
  const timeMs = parseTime(draft.time.trim());
  if (timeMs === null) {
    throw new XmlError(
      draft.line,
      `"${draft.time.trim()}" is no time such as 2019-02-18T07:45:50Z`,
    );
  }
  const altitude = draft.altitude === null ? null : Number(draft.altitude.trim() || 'x');
  if (altitude !== null && !Number.isFinite(altitude)) {
    throw new XmlError(draft.line, `"${draft.altitude ?? ''}" is no elevation in metres`);
  }
  return { timeMs, latitude, longitude, altitude };
}

function degrees(attributes: string, name: string, most: number, line: number): number {
  const pattern = new RegExp(`(?:^|\\s)${name}\\s*=\\s*["']\\s*([-+0-9.eE]+)\\s*["']`);
  const value = Number(pattern.exec(attributes)?.[1] ?? 'x');
  if (Number.isFinite(value) && Math.abs(value) <= most) return value;
  throw new XmlError(line, `a track point has no ${name} within -${most} to ${most} degrees`);
}

const timePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(Z|[+-]\d{2}:\d{2})?$/;

/** xsd:dateTime; GPX says UTC, so that is what a time without a zone is. */
function parseTime(text: string): number | null {
  const match = timePattern.exec(text);
  if (match === null) return null;
  const timeMs = Date.parse(match[1] === undefined ? `${text}Z` : text);
  return Number.isNaN(timeMs) ? null : timeMs;
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
