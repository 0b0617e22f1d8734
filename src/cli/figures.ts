/**
 * The engine's counters, read from its `/metrics`.
 * Invariant: a counter that the engine does not have reads as 0; an engine that does not answer in time
 * gives no figures at all, never half of them.
 */

export interface Figures {
  readonly fixesReceived: number;
  readonly fixesAccepted: number;
  readonly fixesLive: number;
  readonly rowsStored: number;
  readonly positionsPublished: number;
}

const timeoutMs = 2_000;

/** `url` is the engine's, `http://HOST:PORT`; `null` where it does not answer. */
export async function readFigures(url: string): Promise<Figures | null> {
  let text: string;
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
    text = await response.text();
  } catch {
    // A busy engine answers the next time; a dead one is noticed by its process.
    return null;
  }
  return {
    fixesReceived: counter(text, 'fleetwire_fixes_received_total'),
    fixesAccepted: counter(text, 'fleetwire_fixes_accepted_total'),
    fixesLive: counter(text, 'fleetwire_fixes_live_total'),
    rowsStored: counter(text, 'fleetwire_rows_stored_total'),
    positionsPublished: counter(text, 'fleetwire_positions_published_total'),
  };
}

function counter(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}
