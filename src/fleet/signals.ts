/**
 * What the attributes of fixes and status frames say: ignition, battery, power, tampering.
 * Invariant: an event is a change. What is heard of for the first time changes nothing, but for what is bad at once: a
 * low battery, tampering. A low battery is told again only after it was charged.
 * Bound: seven fields; text is parsed only where it holds one of these names.
 */
import type { Limits } from '../limits.ts';
import { signalNames } from '../store/status.ts';
import type { Fix, Plain, PlainMap } from '../wire/types.ts';
import { eventAt, type Emit, type Moment } from './output.ts';

export type SignalBounds = Pick<Limits, 'lowBatteryPercent' | 'batteryHysteresisPercent'>;

export type Switch = 'unknown' | 'off' | 'on';

export interface Signals {
  ignition: Switch;
  ignitionSinceMs: number;
  power: Switch;
  isBatteryLow: boolean;
  isTampered: boolean;
  /** Of the newest fix or status that was taken. */
  signalsAtMs: number;
  /** Of the newest status that has changed something. */
  signalsChangedMs: number;
}

const namePattern = new RegExp(`"(?:${signalNames.join('|')})"`);

/** The attributes of a fix that mean something here; `null` where there are none. */
export function signalsIn({ attributes, attributesMap }: Fix): PlainMap | null {
  if (attributesMap !== null) return hasSignals(attributesMap) ? attributesMap : null;
  if (attributes === null || !namePattern.test(attributes)) return null;
  return JSON.parse(attributes) as PlainMap;
}

/** The same of what is parsed already. */
export function hasSignals(attributes: PlainMap): boolean {
  return signalNames.some((name) => Object.hasOwn(attributes, name));
}

export function stepSignals(
  signals: Signals,
  attributes: PlainMap,
  vehicle: string,
  at: Moment,
  bounds: SignalBounds,
  emit: Emit,
): void {
  signals.signalsAtMs = at.timeMs;
  stepIgnition(signals, switchOf(attributes['ignition']), vehicle, at, emit);
  stepBattery(signals, attributes['batteryLevel'], vehicle, at, bounds, emit);
  const power = switchOf(attributes['power']);
  if (power !== 'unknown') {
    const isCut = power === 'off' && signals.power === 'on';
    signals.power = power;
    if (isCut) emit(eventAt(vehicle, at, 'powerCut', '', {}));
  }
  const tamper = switchOf(attributes['tamper']);
  if (tamper !== 'unknown') {
    const isNew = tamper === 'on' && !signals.isTampered;
    signals.isTampered = tamper === 'on';
    if (isNew) emit(eventAt(vehicle, at, 'tamper', '', {}));
  }
}

/** Devices say true and false, 1 and 0, or the volts of their supply. */
function switchOf(value: Plain | undefined): Switch {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'number') return value > 0 ? 'on' : 'off';
  return 'unknown';
}

function stepIgnition(
  signals: Signals,
  ignition: Switch,
  vehicle: string,
  at: Moment,
  emit: Emit,
): void {
  if (ignition === 'unknown' || ignition === signals.ignition) return;
  const isChange = signals.ignition !== 'unknown';
  signals.ignition = ignition;
  signals.ignitionSinceMs = at.timeMs;
  if (!isChange) return;
  emit(eventAt(vehicle, at, ignition === 'on' ? 'ignitionOn' : 'ignitionOff', '', {}));
}

function stepBattery(
  signals: Signals,
  percent: Plain | undefined,
  vehicle: string,
  at: Moment,
  bounds: SignalBounds,
  emit: Emit,
): void {
  if (typeof percent !== 'number') return;
  if (signals.isBatteryLow) {
    signals.isBatteryLow = percent < bounds.lowBatteryPercent + bounds.batteryHysteresisPercent;
  } else if (percent < bounds.lowBatteryPercent) {
    signals.isBatteryLow = true;
    emit(eventAt(vehicle, at, 'batteryLow', '', { percent }));
  }
}
