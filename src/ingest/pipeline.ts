/**
 * The way of one fix, from a device's frame to the acks: all control flow between the stages is here.
 *
 *   frame -> decode -> validate -> lane -> fold -> row bytes -> journal -> (durable) ack 1
 *                                           |                      \-> drain -> (stored) ack 2
 *                                           \-> live
 *
 * Invariant: a frame is acked only after the journal holds all its accepted fixes durably; what is refused
 * or repeated is acked with its neighbours. Nothing here waits: completions come back as positions.
 * Bound: what is in flight per device (`framesInFlightMax`) and in the journal (`isFull`); `storedAcksPerTurnMax` acks of
 * what is stored in a turn.
 */
import type { Clock, Timer } from '../clock.ts';
import { isTemporary, refusals, type RefusalName } from '../errors.ts';
import type { Courier } from '../fleet/courier.ts';
import { countFiltered, isOutdated } from '../fleet/filter.ts';
import type { Folds } from '../fleet/folds.ts';
import type { Hearing } from '../fleet/hearing.ts';
import { homeOf, isVehicleId, speaksFor } from '../identity.ts';
import type { Journal } from '../journal/journal.ts';
import { rowBytesMax, type Limits } from '../limits.ts';
import { eventRecordKind } from '../live/event.ts';
import type { Presence } from '../live/presence.ts';
import { emptyFix, type Vehicle, type Vehicles } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import { appendRow, clearRows, createRows, type Rows } from '../store/row.ts';
import { statusRecordKind } from '../store/status.ts';
import { decodeDeviceFrame, decodeFix, type Refused } from '../wire/decode.ts';
import { ackLevels, fixFlags, frameTypes, type Fix } from '../wire/types.ts';
import type { DeviceFrame, PositionsFrame, RefreshFrame } from '../wire/types.ts';
import { type Connection, createDevice, type Device } from './device.ts';
import { chooseLane, type Lane } from './lanes.ts';
import { validateFix } from './validate.ts';

/** Kinds of journal records; a number never changes its meaning. */
export const recordKinds = {
  live: 1,
  backfill: 2,
  event: eventRecordKind,
  status: statusRecordKind,
  /** Rows of the live lane of a frame whose other rows are the next record, of kind `backfill`. */
  liveOfBoth: 5,
} as const;

export interface PipelineOptions {
  readonly journal: Journal;
  readonly vehicles: Vehicles;
  readonly presence: Pick<Presence, 'connected' | 'disconnected' | 'heard'>;
  /** Who speaks for which vehicle. */
  readonly courier: Pick<Courier, 'connected' | 'disconnected'>;
  /** Takes frames of everything but positions. */
  readonly hearing: Hearing;
  /** Judges each live fix, and tells what follows from it. */
  readonly folds: Pick<Folds, 'take' | 'late'>;
  /** Called for each live fix, after the vehicle has moved. */
  readonly onLive: (vehicle: Vehicle) => void;
  readonly ackFirst: 'journaled' | 'stored';
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Limits;
}

export interface Pipeline {
  /** A device has connected. */
  open(connection: Connection): Device;
  /** A binary message of a device; the bytes are only read during the call. */
  receive(device: Device, bytes: Uint8Array): void;
  /** A text message of a device: the plane is binary. */
  refuseText(device: Device): void;
  /** The journal is durable up to `position`. */
  onDurable(position: number): void;
  /** The database holds everything up to `position`. */
  onStored(position: number): void;
}

export function createPipeline(options: PipelineOptions): Pipeline {
  const { journal, vehicles, folds, metrics, clock, bounds } = options;
  const { counters } = metrics;
  const rowsBytesMax = bounds.fixesPerFrameMax * rowBytesMax(bounds);
  /** Rows of one frame, by lane, on their way to the journal; the buffers are reused. */
  const lanes = {
    live: createRows(rowsBytesMax),
    backfill: createRows(rowsBytesMax),
  };
  const fix = emptyFix(0);
  const { presence, courier, ackFirst } = options;
  const deviceOptions = { vehicles, presence, courier, metrics, bounds, ackFirst };
  let storedPosition = journal.committed;
  let awaitingJournal: Device[] = [];
  const awaitingStore: Device[] = [];
  let acking: Timer | null = null;

  function open(connection: Connection): Device {
    const device = createDevice(connection, deviceOptions);
    const { role, tenant, subject } = connection.identity;
    // One that has a position is connected from now on; another from its first fix on.
    const own = role === 'device' ? vehicles.find(tenant, subject) : null;
    if (own !== null) device.spoke(own);
    const home = homeOf(connection.identity);
    if (home !== null) device.speaksFor(home);
    return device;
  }

  function receive(device: Device, bytes: Uint8Array): void {
    if (device.isClosed) return;
    counters.framesReceived += 1;
    counters.bytesReceived += bytes.length;
    const frame = decodeDeviceFrame(bytes, bounds);
    if ('refused' in frame) {
      refuseFrame(device, frame);
    } else if (frame.type === frameTypes.refresh) {
      device.connection.refresh(frame.token);
    } else if (takeSeq(device, frame.seq)) {
      if (frame.type === frameTypes.positions) takePositions(device, frame);
      else hear(device, frame);
    }
  }

  // The ack waits for what the frame causes; what is refused for now is sent again after a reconnect.
  function hear(device: Device, frame: Exclude<DeviceFrame, PositionsFrame | RefreshFrame>): void {
    const { seq } = frame;
    const settle = device.session.defer(seq);
    awaitJournal(device);
    options.hearing.hear(device, frame, (refused, position) => {
      if (device.isClosed) return;
      if (refused === 'journalFull') return shed(device);
      if (refused !== null && isTemporary(refused)) {
        metrics.refused[refused] += 1;
        return device.close('insufficientState', refusals[refused].message);
      }
      if (refused !== null) device.refuse(seq, refused, null);
      // What has happened is durable, and part of it, where nothing else is said.
      settle(refused === null ? (position ?? journal.durable) : journal.end);
      advance(device, journal.durable);
      // Nothing may be left to store, and then no batch comes to carry the ack.
      if (journal.durable <= storedPosition) onStored(storedPosition);
    });
  }

  // A frame whose seq can be read is refused by itself; without one the device's encoder is broken.
  function refuseFrame(device: Device, frame: Refused): void {
    if (frame.id === null) {
      metrics.refused[frame.refused] += 1;
      device.close('badRequest', refusals[frame.refused].message);
    } else if (takeSeq(device, frame.id)) {
      consume(device, frame.id, frame.refused);
    }
  }

  // The device resends what was not acked after it has reconnected, so a wrong seq loses nothing.
  function takeSeq(device: Device, seq: number): boolean {
    const { session } = device;
    if (seq !== session.nextSeq) {
      const reason = seq > session.nextSeq ? 'seqSkipped' : 'seqRepeated';
      metrics.refused[reason] += 1;
      device.close('insufficientState', refusals[reason].message);
      return false;
    }
    if (session.framesInFlight >= bounds.framesInFlightMax) {
      metrics.refused.tooManyInFlight += 1;
      device.close('tooManyRequests', refusals.tooManyInFlight.message);
      return false;
    }
    return session.take(seq);
  }

  function consume(device: Device, seq: number, reason: RefusalName): void {
    device.refuse(seq, reason, null);
    markSeq(device, seq);
  }

  function takePositions(device: Device, frame: PositionsFrame): void {
    if (journal.isNearlyFull) {
      if (journal.isFull) return shed(device);
      device.slowDown(clock.monotonicMs());
    }
    const vehicleId = frame.vehicle ?? device.identity.subject;
    if (!isVehicleId(vehicleId)) return consume(device, frame.seq, 'badVehicleId');
    if (!speaksFor(device.identity, vehicleId)) {
      return consume(device, frame.seq, 'vehicleNotAllowed');
    }
    const vehicle = device.vehicle(vehicleId);
    takeFixes(device, frame, vehicle);
    if (vehicle.isTracked) device.spoke(vehicle);
    appendRows();
    markSeq(device, frame.seq);
  }

  function takeFixes(device: Device, frame: PositionsFrame, vehicle: Vehicle): void {
    const nowMs = clock.nowMs();
    let refusedIndexes: Map<RefusalName, number[]> | null = null;
    counters.fixesReceived += frame.fixes.length;
    for (let index = 0; index < frame.fixes.length; index++) {
      const reason =
        decodeFix(frame.fixes[index], frame.baseMs, fix, bounds) ?? validateFix(fix, nowMs, bounds);
      if (reason === null) {
        takeFix(vehicle, nowMs);
      } else {
        refusedIndexes ??= new Map();
        const indexes = refusedIndexes.get(reason);
        if (indexes === undefined) refusedIndexes.set(reason, [index]);
        else indexes.push(index);
      }
    }
    if (refusedIndexes !== null) device.refuseFixes(frame.seq, refusedIndexes);
  }

  function takeFix(vehicle: Vehicle, nowMs: number): void {
    const chosen = chooseLane(fix, vehicle.last, !vehicle.isFromTable, nowMs, bounds);
    const lane = chosen === 'live' ? foldedLane(vehicle, nowMs) : chosen;
    countLane(lane, fix);
    if (lane === 'repeated' || lane === 'conflicting') return;
    if (lane === 'backfill') markOutdated(nowMs);
    appendRow(lanes[lane], vehicle.keyBytes, fix, nowMs);
    if (lane === 'backfill') return folds.late(vehicle, fix);
    vehicles.move(vehicle, fix, nowMs);
    if (vehicle.state === 'idle') options.presence.heard(vehicle);
    options.onLive(vehicle);
  }

  // What the fold does not take is stored as it is, but nobody is shown it.
  function foldedLane(vehicle: Vehicle, nowMs: number): Lane {
    if (!vehicles.track(vehicle)) return untrackedLane();
    if (markOutdated(nowMs)) return 'backfill';
    const flag = folds.take(vehicle, fix);
    if (flag === 0) return 'live';
    countFiltered(flag, metrics);
    return 'backfill';
  }

  function markOutdated(nowMs: number): boolean {
    if (!isOutdated(fix.timeMs, nowMs, bounds)) return false;
    if ((fix.flags & fixFlags.outdated) === 0) countFiltered(fixFlags.outdated, metrics);
    fix.flags |= fixFlags.outdated;
    return true;
  }

  // A vehicle too many is kept like all others, but nobody is shown it.
  function untrackedLane(): Lane {
    counters.fixesUntracked += 1;
    fix.flags |= fixFlags.backfill;
    return 'backfill';
  }

  function countLane(lane: Lane, placed: Fix): void {
    if (lane === 'repeated') counters.fixesRepeated += 1;
    else if (lane === 'conflicting') counters.fixesConflicting += 1;
    else {
      counters.fixesAccepted += 1;
      if (lane === 'live') counters.fixesLive += 1;
      else counters.fixesBackfill += 1;
      if ((placed.flags & fixFlags.clockSkew) !== 0) counters.fixesFuture += 1;
      if ((placed.flags & fixFlags.late) !== 0) counters.fixesLate += 1;
    }
  }

  // A frame with rows of both lanes has two records to itself, so that a replay can put them in their order again.
  function appendRows(): void {
    const { live, backfill } = lanes;
    if (live.count > 0 && backfill.count > 0) {
      journal.append(recordKinds.liveOfBoth, live.count, bytesOf(live));
      journal.append(recordKinds.backfill, backfill.count, bytesOf(backfill));
    } else if (live.count > 0) {
      journal.gather(recordKinds.live, live.count, bytesOf(live));
    } else if (backfill.count > 0) {
      journal.gather(recordKinds.backfill, backfill.count, bytesOf(backfill));
    }
    clearRows(live);
    clearRows(backfill);
  }

  // Acks are cumulative: after a frame that was not taken, none of this connection may be acked again.
  function shed(device: Device): void {
    counters.framesShed += 1;
    metrics.refused.journalFull += 1;
    device.slowDown(clock.monotonicMs());
    device.close('tooManyRequests', refusals.journalFull.message);
  }

  function markSeq(device: Device, seq: number): void {
    device.session.mark(seq, journal.end, journal.taken);
    awaitJournal(device);
    // Nothing new was appended and all before is durable: no group will come to carry this ack.
    if (journal.end === journal.durable) onDurable(journal.durable);
  }

  function awaitJournal(device: Device): void {
    if (device.isAwaitingJournal) return;
    device.isAwaitingJournal = true;
    awaitingJournal.push(device);
  }

  /** Acks what the journal holds of one device. */
  function advance(device: Device, position: number): void {
    const reached = device.session.journaledUpTo(position);
    if (reached === null) return;
    counters.framesJournaled += reached.frames;
    if (options.ackFirst === 'journaled') device.ack(reached.seq, ackLevels.journaled);
    if (device.isAwaitingStore) return;
    device.isAwaitingStore = true;
    awaitingStore.push(device);
  }

  function onDurable(position: number): void {
    const devices = awaitingJournal;
    awaitingJournal = [];
    for (const device of devices) {
      advance(device, position);
      device.isAwaitingJournal = device.session.awaitsJournal && !device.isClosed;
      if (device.isAwaitingJournal) awaitingJournal.push(device);
    }
    // All of it is stored already, so no batch will come to carry these acks.
    if (position <= storedPosition) onStored(storedPosition);
  }

  function onStored(position: number): void {
    storedPosition = position;
    acking?.cancel();
    ackStored(awaitingStore.length);
  }

  /** Looks at the first `count` that wait: at some of them now, at the others in turns of their own. */
  function ackStored(count: number): void {
    const devices = awaitingStore.splice(0, Math.min(count, bounds.storedAcksPerTurnMax));
    for (const device of devices) {
      const reached = device.session.storedUpTo(storedPosition);
      if (reached !== null) {
        counters.framesStored += reached.frames;
        device.ack(reached.seq, ackLevels.stored);
      }
      device.isAwaitingStore = device.session.awaitsStore && !device.isClosed;
      if (device.isAwaitingStore) awaitingStore.push(device);
    }
    const left = count - devices.length;
    acking = left > 0 ? clock.after(0, () => ackStored(left)) : null;
  }

  return {
    open,
    receive,
    refuseText: (device) => refuseFrame(device, { refused: 'textFrame', id: null }),
    onDurable,
    onStored,
  };
}

function bytesOf({ bytes, length }: Rows): Uint8Array {
  return bytes.subarray(0, length);
}
