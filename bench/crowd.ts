/**
 * The subscribers of the bench together: those that read the fleet, those that read an area, and those that
 * stop reading right after the answer to their subscribe.
 * Invariant: every frame of every reader is read and held against the plan; none is sampled. The time of a
 * frame is taken when the process has it, before it is read.
 * Bound: `connectionsOfUser` connections a user; `settleDeadlineMs` for what is still on its way at the end.
 */
import { toMessagePack } from '../src/wire/messagepack.ts';
import { frameTypes } from '../src/wire/types.ts';
import { createAreaReader, type AreaReader } from './areareader.ts';
import { coveredOf } from './areas.ts';
import { createFleetPlan, type FleetPlanOptions } from './fleetplan.ts';
import {
  createFleetReader,
  createReaderTally,
  type FleetReader,
  type ReaderTally,
} from './fleetreader.ts';
import { createFrameBook, readContent, readPositions, type Content } from './frames.ts';
import {
  createLatencies,
  summaryOf,
  wallMs,
  type Latencies,
  type LatencySummary,
} from './latency.ts';
import { openMany, type LoadSocket } from './socket.ts';
import { openSubscriber, type SubscribeAnswer } from './subscriber.ts';

export interface CrowdOptions extends FleetPlanOptions {
  readonly url: string;
  readonly fleetReaders: number;
  readonly areas: readonly string[];
  readonly stalledReaders: number;
  readonly isCompressed: boolean;
}

export interface CrowdBeginOptions {
  readonly startMs: number;
  readonly steps: number;
  /** Steps before it are a warm-up. */
  readonly firstStep: number;
  /** The first step of the second half of what is measured. */
  readonly secondHalfStep: number;
  /** What is received between these is counted as delivered in the measured time. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface CrowdResult {
  readonly fleet: ReaderTally;
  /** Fixes that the fleet reader with the fewest, and the one with the most, was told of. */
  readonly fleetFixes: { readonly fewest: number; readonly most: number };
  readonly areas: ReaderTally;
  /** Fixes inside of the areas, and vehicles that were told as left, over all area readers. */
  readonly areaExpected: number;
  readonly areaLeft: number;
  readonly latency: LatencySummary;
  readonly firstHalf: LatencySummary;
  readonly secondHalf: LatencySummary;
  readonly areaLatency: LatencySummary;
  readonly delivered: Delivered;
  /** As they came over the wire to the readers of the fleet, since `begin`. */
  readonly wireBytes: number;
  readonly framesDecoded: number;
  readonly framesShared: number;
  /** Sockets that were closed, and frames that nobody asked for. */
  readonly failures: readonly string[];
}

/** In the measured time. */
export interface Delivered {
  messages: number;
  positions: number;
}

export interface Crowd {
  /**
   * Lets each stalled reader ask for so many snapshots. The kernel takes some MB for a reader that has
   * stopped before the engine sees it: filled with snapshots, and not by half a minute of positions.
   */
  fillStalled(snapshots: number): void;
  begin(options: CrowdBeginOptions): void;
  /** Resolves when all has come that must, or will not. */
  settle(): Promise<CrowdResult>;
}

const connectionsOfUser = 40;
const placedDeadlineMs = 30_000;
const settleDeadlineMs = 10_000;
const lookMs = 20;

/** Resolves when every reader has the first position of every vehicle that it is to see. */
export async function openCrowd(options: CrowdOptions): Promise<Crowd> {
  const plan = createFleetPlan(options);
  const book = createFrameBook(plan);
  const fleet: FleetReader[] = [];
  const areas: AreaReader[] = [];
  const fleetTally = createReaderTally();
  const areaTally = createReaderTally();
  const firstHalf = createLatencies();
  const secondHalf = createLatencies();
  const areaLatency = createLatencies();
  const delivered: Delivered = { messages: 0, positions: 0 };
  const failures: string[] = [];
  let run: CrowdBeginOptions | null = null;
  let wireBytesBefore = 0;
  let stalledRequests = 0;

  function latenciesOf(step: number): Latencies | null {
    if (run === null || step < run.firstStep) return null;
    return step < run.secondHalfStep ? firstHalf : secondHalf;
  }

  function areaLatenciesOf(step: number): Latencies | null {
    return run === null || step < run.firstStep ? null : areaLatency;
  }

  function count(content: Content, nowMs: number): void {
    if (run === null || nowMs < run.fromMs || nowMs >= run.toMs) return;
    delivered.messages += 1;
    if (content.kind === 'positions') delivered.positions += content.positions.length;
  }

  function fail(content: Content): void {
    failures.push(`unasked: ${content.kind === 'other' ? content.text : content.kind}`);
  }

  function conflated(tally: ReaderTally, skipped: number): void {
    tally.notices += 1;
    tally.skipped += skipped;
  }

  const open = {
    url: options.url,
    plan,
    isCompressed: options.isCompressed,
    isStalled: false,
    onClosed: (reason: string) => void failures.push(`closed: ${reason}`),
  };

  function openFleetReader(index: number): Promise<LoadSocket> {
    const reader = createFleetReader({ plan, tally: fleetTally, latenciesOf });
    let place = -1;
    fleet.push(reader);
    return openSubscriber({
      ...open,
      user: `fleet-${Math.floor(index / connectionsOfUser)}`,
      topic: 'fleet',
      onAnswer: ({ snapshot }, nowMs) => reader.receive(readPositions(snapshot, plan), nowMs),
      onMessage(bytes, nowMs) {
        const frame = book.read(bytes, place);
        const { content } = frame;
        place = frame.place;
        count(content, nowMs);
        if (content.kind === 'positions') reader.receive(content.positions, nowMs);
        else if (content.kind === 'conflated') conflated(fleetTally, content.skipped);
        else if (content.kind !== 'state') fail(content);
      },
    });
  }

  async function openAreaReader(topic: string, index: number): Promise<LoadSocket> {
    let reader: AreaReader | null = null;
    return openSubscriber({
      ...open,
      user: `area-${Math.floor(index / connectionsOfUser)}`,
      topic,
      onAnswer(answer: SubscribeAnswer, nowMs) {
        const covered = coveredOf(answer['area']);
        if (covered === null) throw new Error(`${topic}: the answer does not say what it covers`);
        reader = createAreaReader({
          plan,
          covered,
          tally: areaTally,
          book,
          latenciesOf: areaLatenciesOf,
        });
        areas.push(reader);
        reader.receive(readPositions(answer['snapshot'], plan), nowMs);
      },
      onMessage(bytes, nowMs) {
        const content = readContent(bytes, plan);
        count(content, nowMs);
        if (content.kind === 'positions') reader?.receive(content.positions, nowMs);
        else if (content.kind === 'left') reader?.leave(content.vehicles);
        else if (content.kind === 'conflated') conflated(areaTally, content.skipped);
        else fail(content);
      },
    });
  }

  function openStalledReader(index: number): Promise<LoadSocket> {
    return openSubscriber({
      ...open,
      isStalled: true,
      user: `stalled-${Math.floor(index / connectionsOfUser)}`,
      topic: 'fleet',
      onAnswer: () => undefined,
      onMessage: () => undefined,
    });
  }

  async function until(isTrue: () => boolean, deadlineMs: number): Promise<boolean> {
    const endMs = wallMs() + deadlineMs;
    while (!isTrue()) {
      if (wallMs() > endMs) return false;
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
    return true;
  }

  const fleetSockets = await openMany(options.fleetReaders, openFleetReader);
  await openMany(options.areas.length, (index) =>
    openAreaReader(options.areas[index] ?? '', index),
  );
  const stalledSockets = await openMany(options.stalledReaders, openStalledReader);
  const isPlaced = await until(
    () => [...fleet, ...areas].every((reader) => reader.isPlaced),
    placedDeadlineMs,
  );
  if (!isPlaced) throw new Error('a snapshot is not whole');
  const wireBytes = (): number => fleetSockets.reduce((sum, socket) => sum + socket.bytesRead, 0);
  if (fleetSockets.some(({ isCompressed }) => isCompressed !== options.isCompressed)) {
    throw new Error('the engine and the subscribers do not agree on permessage-deflate');
  }

  function result(): CrowdResult {
    const fixes = fleet.map((reader) => reader.fixes);
    for (const reader of areas) reader.finish();
    return {
      fleet: fleetTally,
      fleetFixes: { fewest: Math.min(...fixes), most: Math.max(...fixes) },
      areas: areaTally,
      areaExpected: areas.reduce((sum, { expected }) => sum + expected, 0),
      areaLeft: areas.reduce((sum, { left }) => sum + left, 0),
      latency: summaryOf(firstHalf, secondHalf),
      firstHalf: summaryOf(firstHalf),
      secondHalf: summaryOf(secondHalf),
      areaLatency: summaryOf(areaLatency),
      delivered,
      wireBytes: wireBytes() - wireBytesBefore,
      framesDecoded: book.decoded,
      framesShared: book.shared,
      failures: [...failures],
    };
  }

  return {
    fillStalled(snapshots) {
      for (const socket of stalledSockets) {
        for (let round = 0; round < snapshots; round++) {
          stalledRequests += 2;
          socket.send(toMessagePack([frameTypes.unsubscribe, stalledRequests, 'fleet']));
          socket.send(toMessagePack([frameTypes.subscribe, stalledRequests + 1, 'fleet']));
        }
      }
    },
    begin(begun) {
      run = begun;
      plan.begin(begun.startMs, begun.steps);
      // Worked out now, and not while the last frames come in.
      for (const reader of areas) reader.begin();
      wireBytesBefore = wireBytes();
    },
    async settle() {
      const fixes = plan.vehicles * plan.steps;
      await until(() => fleet.every((reader) => reader.fixes >= fixes), settleDeadlineMs);
      await until(() => areas.every((reader) => reader.isDone), settleDeadlineMs);
      return result();
    },
  };
}
