/**
 * `npm run bench -- flame PROFILE --out FILE`: a CPU profile of V8 as a flame graph, in one SVG without a script.
 * Invariant: a pure function of the profile; the width of a frame is its share of the time in which anything ran, its
 * callees stand on it, and time without work is left out.
 * Bound: frames under `shareMin` are not drawn, so that a graph has some hundred of them.
 * Source of the format: Chrome DevTools protocol, Profiler.Profile.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from '../src/cli/command.ts';
import { escaped } from './plot.ts';

export interface Profile {
  readonly nodes: readonly ProfileNode[];
  /** Ids of nodes, one a sample. */
  readonly samples: readonly number[];
  /** Microseconds from the sample before, one a sample. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** One function under one caller. */
export interface Frame {
  readonly name: string;
  readonly owner: keyof typeof hues;
  /** With that of its callees. */
  timeUs: number;
  readonly callees: Map<string, Frame>;
}

const idle = '(idle)';
const profilerFile = 'bench/profile.js';
const shareMin = 0.004;
const width = 1_200;
const rowHeight = 17;
const headHeight = 26;
const characterWidth = 6.4;
/** The engine's own functions, those of packages and of Node, and what is not JavaScript. */
const hues = { engine: 210, library: 35, native: 0 } as const;

/** The calls from the top, each function once under its caller. */
export function framesOf({ nodes, samples, timeDeltas }: Profile): Frame {
  const selfUs = new Map<number, number>();
  for (const [index, id] of samples.entries()) {
    selfUs.set(id, (selfUs.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const root: Frame = { name: 'all', owner: 'native', timeUs: 0, callees: new Map() };

  function add(id: number, caller: Frame): number {
    const node = byId.get(id);
    if (node === undefined || isLeftOut(node)) return 0;
    const name = nameOf(node);
    let frame = caller.callees.get(name);
    if (frame === undefined) {
      frame = { name, owner: ownerOf(node), timeUs: 0, callees: new Map() };
      caller.callees.set(name, frame);
    }
    let timeUs = selfUs.get(id) ?? 0;
    for (const child of node.children ?? []) timeUs += add(child, frame);
    frame.timeUs += timeUs;
    return timeUs;
  }

  for (const child of nodes[0]?.children ?? []) root.timeUs += add(child, root);
  return root;
}

/** What is no work, and the profiler's own. */
function isLeftOut({ callFrame: { functionName, url } }: ProfileNode): boolean {
  return functionName === idle || url.endsWith(profilerFile);
}

function ownerOf({ callFrame: { url } }: ProfileNode): Frame['owner'] {
  if (url === '') return 'native';
  return url.startsWith('node:') || url.includes('/node_modules/') ? 'library' : 'engine';
}

function nameOf({ callFrame: { functionName, url } }: ProfileNode): string {
  const file = url.split('/').slice(-2).join('/');
  const name = functionName === '' ? '(anonymous)' : functionName;
  return file === '' ? name : `${name} ${file}`;
}

/** Callees above their callers, the widest first. */
export function flameSvg(root: Frame, title: string): string {
  const boxes: string[] = [];
  let depthMax = 0;

  function draw(frame: Frame, x: number, depth: number): void {
    depthMax = Math.max(depthMax, depth);
    const boxWidth = (width * frame.timeUs) / root.timeUs;
    boxes.push(boxOf(frame, frame.timeUs / root.timeUs, x, boxWidth, depth));
    let at = x;
    const callees = [...frame.callees.values()].toSorted((one, two) => two.timeUs - one.timeUs);
    for (const callee of callees) {
      if (callee.timeUs / root.timeUs < shareMin) continue;
      draw(callee, at, depth + 1);
      at += (width * callee.timeUs) / root.timeUs;
    }
  }

  if (root.timeUs > 0) draw(root, 0, 0);
  const height = headHeight + (depthMax + 1) * rowHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" font-size="11" font-family="monospace">`,
    `<text x="4" y="16" font-size="13">${escaped(title)}</text>`,
    `<g transform="translate(0 ${height})">`,
    ...boxes,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function boxOf(
  { name, owner }: Frame,
  share: number,
  x: number,
  boxWidth: number,
  depth: number,
): string {
  const y = -(depth + 1) * rowHeight;
  const fits = Math.floor((boxWidth - 6) / characterWidth);
  const label = fits < 4 ? '' : name.slice(0, fits);
  const box = `x="${x.toFixed(1)}" y="${y}" width="${boxWidth.toFixed(1)}" height="${rowHeight - 1}"`;
  return [
    `<g><title>${escaped(name)}: ${(share * 100).toFixed(1)} %</title>`,
    `<rect ${box} fill="hsl(${hues[owner]} 60% 80%)"/>`,
    `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escaped(label)}</text></g>`,
  ].join('');
}

export const flameCommand: Command = {
  name: 'flame',
  operands: ['PROFILE'],
  summary: 'a flame graph (SVG) of a CPU profile that a suite has written with --profile',
  options: {
    out: { type: 'string', value: 'FILE', help: 'where to write it (default: PROFILE.svg)' },
    title: { type: 'string', value: 'TEXT', help: 'what it is of' },
  },
  async run(input) {
    const path = input.operands[0] as string;
    const root = framesOf(JSON.parse(readFileSync(path, 'utf8')) as Profile);
    const out = input.text('out') ?? `${path}.svg`;
    writeFileSync(out, flameSvg(root, input.text('title') ?? path));
    process.stdout.write(`${out}\n`);
    return 0;
  },
};
