/**
 * `/metrics`: the plain counters in Prometheus' text format, by prom-client, with its process figures.
 * Invariant: reading changes nothing; every counter of `metrics.ts` appears, whether it rose or not.
 * Bound: a fixed set of names and labels.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { counterHelp, type CounterName, type Metrics } from '../metrics.ts';

/** A figure of the engine's state, read when `/metrics` is asked. */
export interface GaugeSource {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

/** The Prometheus name of a counter: `fixesReceived` is `fleetwire_fixes_received_total`. */
export function prometheusName(name: string): string {
  return `fleetwire_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`;
}

export function createExposition(metrics: Metrics, gauges: readonly GaugeSource[]): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of Object.keys(counterHelp) as CounterName[]) {
    new Counter({
      name: prometheusName(name),
      help: counterHelp[name],
      registers: [registry],
      collect() {
        this.reset();
        this.inc(metrics.counters[name]);
      },
    });
  }
  labelled(registry, 'fleetwire_refused_total', 'Refusals by reason', 'reason', metrics.refused);
  labelled(registry, 'fleetwire_closed_total', 'Closes by code', 'code', metrics.closed);
  for (const { name, help, read } of gauges) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  }
  return registry;
}

function labelled(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  counts: Readonly<Record<string, number>>,
): void {
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [key, count] of Object.entries(counts)) this.inc({ [label]: key }, count);
    },
  });
}
