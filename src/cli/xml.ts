/**
 * A scanner for XML that comes in pieces: start tags, end tags and text, with their lines.
 * Invariant: where the pieces are cut makes no difference; what is not well formed is a `XmlError` with
 * its line. It resolves no entities and reads no DTD, so that there is nothing in a file to attack with.
 * Bound: one token is held, at most `tokenCharsMax` characters; comments and the like are not held.
 */

export class XmlError extends Error {
  override readonly name = 'XmlError';
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

export interface XmlEvents {
  /** `attributes` is the text between the name and the end of the tag. */
  onOpen(name: string, attributes: string, line: number): void;
  /** Also for a tag that closes itself. */
  onClose(name: string, line: number): void;
  onText(text: string): void;
}

export interface XmlScanner {
  write(piece: string): void;
  /** There is no more; throws when it ends inside something. */
  end(): void;
}

/** What is skipped, by how it starts; each ends with the text given. */
const skipped: readonly (readonly [start: string, end: string])[] = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
  ['<!', '>'],
];
const startCharsMax = 9;

export function createXmlScanner(events: XmlEvents, tokenCharsMax: number): XmlScanner {
  let held = '';
  let line = 1;
  /** What ends the part that is being skipped. */
  let skipUntil: string | null = null;
  const open: string[] = [];
  let hasEnded = false;

  return {
    write(piece) {
      held += piece;
      let at = 0;
      for (let next = step(at, false); next > at; next = step(at, false)) at = next;
      held = held.slice(at);
      if (held.length > tokenCharsMax)
        fail(`a tag or text is longer than ${tokenCharsMax} characters`);
    },
    end() {
      let at = 0;
      for (let next = step(at, true); next > at; next = step(at, true)) at = next;
      const name = open.at(-1);
      if (at < held.length || skipUntil !== null) fail('the file ends inside a tag');
      if (name !== undefined) fail(`the file ends inside <${name}>`);
      if (!hasEnded) fail('the file holds no XML element');
    },
  };

  /** Takes the next token at `at`; returns where the one after it starts, or `at` when it is not whole. */
  function step(at: number, isLast: boolean): number {
    if (at >= held.length) return at;
    if (skipUntil !== null) return skip(at, skipUntil);
    if (held[at] !== '<') return text(at, isLast);
    const isWhole = isLast || held.length - at >= startCharsMax || held.includes('>', at);
    if (!isWhole) return at;
    const found = skipped.find(([start]) => held.startsWith(start, at));
    if (found === undefined) return tag(at);
    skipUntil = found[1];
    return at + found[0].length;
  }

  function skip(at: number, until: string): number {
    const found = held.indexOf(until, at);
    if (found >= 0) {
      skipUntil = null;
      return advance(at, found + until.length);
    }
    // Its end may have begun in what is here.
    return advance(at, Math.max(at, held.length - until.length + 1));
  }

  function text(at: number, isLast: boolean): number {
    const end = held.indexOf('<', at);
    if (end < 0 && !isLast) return at;
    const content = held.slice(at, end < 0 ? held.length : end);
    if (open.length > 0) events.onText(content);
    else if (content.replace('\uFEFF', '').trim() !== '') fail('there is text outside the element');
    return advance(at, at + content.length);
  }

  function tag(at: number): number {
    const end = tagEnd(at + 1);
    if (end < 0) return at;
    const startLine = line;
    const content = held.slice(at + 1, end);
    const match = /^(\/?)([^\s/<>="']+)([^]*?)(\/?)$/.exec(content);
    const name = match?.[2];
    if (match === null || name === undefined) fail('a tag has no name');
    if (match[1] === '/') close(name, startLine);
    else {
      if (open.length === 0 && hasEnded) fail('there is a second element');
      open.push(name);
      events.onOpen(name, match[3] ?? '', startLine);
      if (match[4] === '/') close(name, startLine);
    }
    return advance(at, end + 1);
  }

  function close(name: string, startLine: number): void {
    const expected = open.pop();
    if (expected !== name) {
      fail(
        expected === undefined ? `</${name}> closes nothing` : `</${name}> closes <${expected}>`,
      );
    }
    if (open.length === 0) hasEnded = true;
    events.onClose(name, startLine);
  }

  /** The next `>` outside quotes, or -1. */
  function tagEnd(from: number): number {
    let quote = '';
    for (let at = from; at < held.length; at++) {
      const char = held[at] as string;
      if (quote !== '') {
        if (char === quote) quote = '';
      } else if (char === '>') return at;
      else if (char === '"' || char === "'") quote = char;
      else if (char === '<') fail('a tag starts inside a tag');
    }
    return -1;
  }

  function advance(from: number, to: number): number {
    for (let at = held.indexOf('\n', from); at >= 0 && at < to; at = held.indexOf('\n', at + 1))
      line++;
    return to;
  }

  function fail(message: string): never {
    throw new XmlError(line, message);
  }
}
