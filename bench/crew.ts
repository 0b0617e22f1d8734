/**
 * The devices of a load, one a vehicle: as fast as they are acked (closed loop), or each frame when it is due (open loop).
 * Invariant: every fix has a time of its own in its vehicle, so nothing sent is a repeat; a run ends when all that was
 * sent is stored. Latencies of the open loop run from the time at which a frame was due.
 * Bound: `vehicles` sockets, `framesInFlight` of each in the closed loop; `settleDeadlineMs` for what is not stored yet.
 */
import { createLatencies, summaryOf, wallMs, type LatencySummary } from './latency.ts';
import { openEngineSpeaker } from './enginespeaker.ts';
import { restSteps, stepMs } from './fixes.ts';
import { openSocketIoSpeaker } from './socketiospeaker.ts';
import { openMany } from './socket.ts';
import type { Speaker, SpeakerOptions } from './speaker.ts';
import { testToken } from '../test/support/engine.ts';

export interface CrewOptions {
  readonly speaks: 'engine' | 'socketio';
  readonly url: string;
  /** Names of vehicles begin with it. */
  readonly prefix: string;
  readonly vehicles: number;
  readonly fixesPerFrame: number;
  /** The time of the first fix of each vehicle; each is a step after the one before, or a rest after the last run. */
  readonly startMs: number;
}

export interface PressOptions {
  readonly seconds: number;
  readonly framesInFlight: number;
}

export interface PaceOptions {
  readonly seconds: number;
  /** Of all vehicles together. */
  readonly framesPerS: number;
  /** Seconds before the latencies begin. */
  readonly warmupS: number;
}

export interface CrewResult {
  readonly fixes: number;
  /** From the first send to the last that was due, to the last ack, to the last that was stored. */
  readonly sentS: number;
  readonly ackedS: number;
  readonly storedS: number;
  readonly bytesSent: number;
  readonly bytesRead: number;
  /** Of the open loop. */
  readonly late: LatencySummary;
  readonly ack: LatencySummary;
  readonly stored: LatencySummary;
}

export interface Crew {
  press(options: PressOptions): Promise<CrewResult>;
  pace(options: PaceOptions): Promise<CrewResult>;
  close(): void;
}

interface Member {
  readonly speaker: Speaker;
  seq: number;
  acked: number;
  stored: number;
  /** Of the next fix. */
  timeMs: number;
}

/** What one run has seen so far. */
interface Run {
  readonly startedMs: number;
  readonly onAck: ((member: Member, from: number) => void) | null;
  readonly onStored: ((member: Member, from: number) => void) | null;
}

const settleDeadlineMs = 120_000;
const lookMs = 5;
const speakers = { engine: openEngineSpeaker, socketio: openSocketIoSpeaker } as const;

export async function openCrew(options: CrewOptions): Promise<Crew> {
  const { fixesPerFrame, prefix } = options;
  const frameMs = fixesPerFrame * stepMs;
  let failure: Error | null = null;
  let run: Run | null = null;
  let unacked = 0;
  let unstored = 0;
  let bytesSent = 0;
  let lastAckMs = 0;
  let lastStoredMs = 0;

  async function openMember(vehicle: number): Promise<Member> {
    const name = `${prefix}${vehicle}`;
    const speakerOptions: SpeakerOptions = {
      url: options.url,
      vehicle,
      name,
      token: await testToken({ sub: name, role: 'device' }),
      fixesPerFrame,
      onAcked: (seq) => acked(member, seq),
      onStored: (seq) => stored(member, seq),
      onFailed: (error) => void (failure ??= error),
    };
    const speaker = await speakers[options.speaks](speakerOptions);
    const member: Member = {
      speaker,
      seq: 0,
      acked: 0,
      stored: 0,
      timeMs: options.startMs,
    };
    return member;
  }

  function acked(member: Member, seq: number): void {
    if (seq <= member.acked) return;
    const from = member.acked;
    unacked -= seq - from;
    member.acked = seq;
    lastAckMs = wallMs();
    run?.onAck?.(member, from);
  }

  function stored(member: Member, seq: number): void {
    // What is stored is acked too; of these levels may come one, the other, or both.
    acked(member, seq);
    const from = member.stored;
    unstored -= seq - from;
    member.stored = seq;
    lastStoredMs = wallMs();
    run?.onStored?.(member, from);
  }

  function send(member: Member): void {
    member.seq += 1;
    unacked += 1;
    unstored += 1;
    bytesSent += member.speaker.send(member.seq, member.timeMs);
    member.timeMs += frameMs;
  }

  async function until(isDone: () => boolean): Promise<void> {
    const deadlineMs = wallMs() + settleDeadlineMs;
    while (!isDone()) {
      if (failure !== null) throw failure;
      if (wallMs() > deadlineMs)
        throw new Error(`${unacked} frames not acked, ${unstored} not stored`);
      await sleep(lookMs);
    }
    if (failure !== null) throw failure;
  }

  /** Runs `work`, waits for the rest to be stored, and says what that took. */
  async function measured(
    hooks: Omit<Run, 'startedMs'>,
    work: () => Promise<void>,
  ): Promise<Counted> {
    const startedMs = wallMs();
    const before = { fixes: sentFrames(members), bytesRead: readBytes(members), bytesSent };
    for (const member of members) member.timeMs += restSteps * stepMs;
    run = { startedMs, ...hooks };
    await work();
    const sentMs = wallMs();
    await until(() => unstored === 0);
    run = null;
    return {
      fixes: (sentFrames(members) - before.fixes) * fixesPerFrame,
      sentS: (sentMs - startedMs) / 1_000,
      ackedS: (lastAckMs - startedMs) / 1_000,
      storedS: (lastStoredMs - startedMs) / 1_000,
      bytesSent: bytesSent - before.bytesSent,
      bytesRead: readBytes(members) - before.bytesRead,
    };
  }

  const members = await openMany(options.vehicles, openMember);
  return {
    async press({ seconds, framesInFlight }) {
      let isOver = false;
      const sendMore = (member: Member): void => {
        while (!isOver && member.seq - member.acked < framesInFlight) send(member);
      };
      const counted = await measured({ onAck: sendMore, onStored: null }, async () => {
        for (const member of members) sendMore(member);
        const endMs = wallMs() + seconds * 1_000;
        await until(() => wallMs() >= endMs);
        isOver = true;
      });
      const none = summaryOf();
      return { ...counted, late: none, ack: none, stored: none };
    },
    async pace({ seconds, framesPerS, warmupS }) {
      const late = createLatencies();
      const ack = createLatencies();
      const storedLatencies = createLatencies();
      const startMs = wallMs();
      const fromMs = startMs + warmupS * 1_000;
      const dueMs = (frame: number): number => startMs + (frame * 1_000) / framesPerS;
      const firsts = new Map(members.map((member, index) => [member, { index, seq: member.seq }]));
      const record =
        (latencies: typeof ack, upTo: (member: Member) => number) =>
        (member: Member, from: number): void => {
          const nowMs = wallMs();
          const first = firsts.get(member);
          if (first === undefined) return;
          for (let seq = from + 1; seq <= upTo(member); seq++) {
            const atMs = dueMs((seq - first.seq - 1) * members.length + first.index);
            if (atMs >= fromMs) latencies.record(nowMs - atMs);
          }
        };
      const hooks = {
        onAck: record(ack, (member) => member.acked),
        onStored: record(storedLatencies, (member) => member.stored),
      };
      const frames = Math.floor(seconds * framesPerS);
      const counted = await measured(hooks, async () => {
        for (let frame = 0; frame < frames; frame++) {
          const atMs = dueMs(frame);
          for (let aheadMs = atMs - wallMs(); aheadMs > 0; aheadMs = atMs - wallMs()) {
            if (failure !== null) throw failure;
            await sleep(aheadMs);
          }
          const member = members[frame % members.length] as Member;
          send(member);
          if (atMs >= fromMs) late.record(wallMs() - atMs);
        }
      });
      return {
        ...counted,
        late: summaryOf(late),
        ack: summaryOf(ack),
        stored: summaryOf(storedLatencies),
      };
    },
    close() {
      for (const { speaker } of members) speaker.end();
    },
  };
}

type Counted = Omit<CrewResult, 'late' | 'ack' | 'stored'>;

function sentFrames(members: readonly Member[]): number {
  return members.reduce((sum, { seq }) => sum + seq, 0);
}

function readBytes(members: readonly Member[]): number {
  return members.reduce((sum, { speaker }) => sum + speaker.bytesRead, 0);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
