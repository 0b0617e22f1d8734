/**
 * What the final state of a run of `live` lacks: sentences, none where all is as it must be.
 * Invariant: exact numbers on both sides; nothing here is a matter of speed, but for what is only to be
 * expected when the machine stood still, which is said as it is.
 */
import { limits } from '../src/limits.ts';
import type { LiveLoad, LiveRun } from './livefigures.ts';

export function liveFailures(run: LiveRun): string[] {
  const { rows } = run;
  const { acked } = run.devices;
  return [
    ...loadFailures(run),
    ...unless(rows === acked, `acked ${acked} fixes, but ${rows} rows are stored`),
  ];
}

/** All but what the database has in the end. */
export function loadFailures(run: LiveLoad): string[] {
  const failures = [...deviceFailures(run), ...readerFailures(run), ...engineFailures(run)];
  for (const text of run.crowd.failures.slice(0, shownMax)) failures.push(`subscriber: ${text}`);
  return failures;
}

/** One broken run must not print thousands of the same. */
const shownMax = 10;

function deviceFailures({ settings, devices }: LiveLoad): string[] {
  const { sent, acked, refused, closed } = devices;
  const planned = settings.vehicles * (1 + settings.warmupS + settings.seconds);
  return [
    ...unless(sent === planned, `${planned} fixes were due, but ${sent} were sent`),
    ...unless(acked === sent, `sent ${sent} fixes, but ${acked} were acked`),
    ...unless(refused === 0, `${refused} frames of devices were refused`),
    ...unless(closed.length === 0, `${closed.length} devices were closed: ${closed[0] ?? ''}`),
  ];
}

function readerFailures({ settings, crowd }: LiveLoad): string[] {
  const { fleet, fleetFixes, areas, areaExpected } = crowd;
  const due = settings.vehicles * (settings.warmupS + settings.seconds);
  const got = areas.positions + areas.coalesced;
  const { fewest, most } = fleetFixes;
  return [
    ...unless(fewest === due, `a fleet reader got ${fewest} of ${due} fixes`),
    ...unless(most === due, `a fleet reader got ${most} fixes, but ${due} were sent`),
    ...unless(fleet.missed === 0, `fleet readers missed ${fleet.missed} fixes`),
    ...unless(fleet.unasked === 0, `fleet readers got ${fleet.unasked} repeats`),
    ...unless(fleet.notices === 0, `fleet readers were told ${fleet.notices} times of conflation`),
    ...unless(areas.missed === 0, `area readers missed ${areas.missed} fixes or leavings`),
    ...unless(areas.unasked === 0, `area readers got ${areas.unasked} frames too many`),
    ...unless(areas.notices === 0, `area readers were told ${areas.notices} times of conflation`),
    ...unless(
      got === areaExpected,
      `area readers got ${got} fixes, but ${areaExpected} were inside`,
    ),
  ];
}

function engineFailures({ settings, counters, waitingBytes }: LiveLoad): string[] {
  const { messagesDropped, closedSlow, feedsLagging } = counters;
  const waitingMin = settings.stalledReaders * limits.subscriberLowWaterBytes;
  const waitingMax = settings.stalledReaders * limits.subscriberBackpressureBytesMax;
  return [
    ...unless(messagesDropped === 0, `the engine dropped ${messagesDropped} messages`),
    ...unless(closedSlow === 0, `the engine closed ${closedSlow} subscribers as slow`),
    ...unless(waitingBytes <= waitingMax, `${waitingBytes} bytes wait in sockets`),
    // Else nobody stalled, and the run says nothing about those that do.
    ...unless(waitingBytes >= waitingMin, `only ${waitingBytes} bytes wait in sockets`),
    ...unless(
      feedsLagging <= settings.stalledReaders,
      `${feedsLagging} subscriptions lagged, but only ${settings.stalledReaders} were stalled`,
    ),
  ];
}

function unless(holds: boolean, sentence: string): readonly string[] {
  return holds ? [] : [sentence];
}
