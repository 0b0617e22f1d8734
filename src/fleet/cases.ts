/**
 * Inputs of cases, and what comes of them: each is stepped, announced, and in force once it is durable.
 * Invariant: inputs of one case go one after the other, the next from the state that the last has left, for an
 * announcement may be refused. What is in force has an event in the journal, and only that.
 * Bound: `caseInputsMax` inputs wait for one case; cases by their docket.
 */
import type { RefusalName } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Announcer } from '../live/announcer.ts';
import type { Metrics } from '../metrics.ts';
import type { Clock } from '../clock.ts';
import type { Case, Docket, Place } from './docket.ts';
import type { CaseState, Machine } from './machine.ts';

export type Outcome<State> =
  { readonly state: State; readonly isRepeat: boolean } | { readonly refused: RefusalName };

export type Settle<State> = (outcome: Outcome<State>) => void;

/** Why the caller may not do this to a case that is in this state; null where it may. */
export type Guard<State> = (state: State) => RefusalName | null;

/** What a topic has of a case that is not in memory; null for nothing, undefined where it cannot be read now. */
export type Look<State> = (place: Place, tell: (found: State | null | undefined) => void) => void;

export interface CasesOptions<State extends CaseState, Input> {
  readonly machine: Machine<State, Input>;
  readonly docket: Docket<State>;
  readonly announcer: Pick<Announcer, 'announce'>;
  /** Without it, what is not in memory is not there. */
  readonly look?: Look<State>;
  /** A new state with what else is known by then. */
  readonly complete?: (one: Case<State>, state: State) => State;
  /** The state is in force, and was announced as `event`. */
  readonly onChange?: (one: Case<State>, state: State, event: string) => void;
  /** Taken although the journal is full for everything else. */
  readonly isUrgent?: (state: State) => boolean;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'caseInputsMax'>;
}

export interface Cases<Input, State> {
  /**
   * Calls `settle` once, at once or later; after a stop of the announcer it may be never. A refusal is counted by
   * whoever passes it on.
   */
  put(place: Place, input: Input, settle?: Settle<State>, guard?: Guard<State>): void;
  find(place: Place): State | null;
}

interface Job<State, Input> {
  readonly input: Input;
  readonly settle: Settle<State>;
  readonly guard: Guard<State>;
}

interface Line<State, Input> {
  readonly jobs: Job<State, Input>[];
  isBusy: boolean;
  isTurning: boolean;
}

const ignore = (): void => undefined;
const allow = (): null => null;

export function createCases<State extends CaseState, Input>(
  options: CasesOptions<State, Input>,
): Cases<Input, State> {
  const { machine, docket, announcer, clock, bounds } = options;
  const { counters } = options.metrics;
  const lines = new Map<Case<State>, Line<State, Input>>();

  function put(
    place: Place,
    input: Input,
    settle: Settle<State> = ignore,
    guard: Guard<State> = allow,
  ): void {
    const known = docket.find(place);
    const one = known ?? docket.begin(place);
    if (one === null) return settle({ refused: 'tooManyCases' });
    const line = lines.get(one) ?? { jobs: [], isBusy: false, isTurning: false };
    if (line.jobs.length >= bounds.caseInputsMax) return settle({ refused: 'tooManyEvents' });
    lines.set(one, line);
    line.jobs.push({ input, settle, guard });
    if (known === null && options.look !== undefined) lookUp(one, line, options.look);
    else turn(one, line);
  }

  function lookUp(one: Case<State>, line: Line<State, Input>, look: Look<State>): void {
    line.isBusy = true;
    look(one, (found) => {
      line.isBusy = false;
      if (found === undefined) {
        for (const { settle } of line.jobs.splice(0)) settle({ refused: 'topicUnavailable' });
      } else if (found !== null) {
        docket.apply(one, found);
      }
      turn(one, line);
    });
  }

  // What is announced may be answered at once: a loop, for a long line would be as deep a stack.
  function turn(one: Case<State>, line: Line<State, Input>): void {
    if (line.isTurning) return;
    line.isTurning = true;
    while (!line.isBusy) {
      const job = line.jobs.shift();
      if (job === undefined) break;
      run(one, line, job);
    }
    line.isTurning = false;
    if (line.isBusy || line.jobs.length > 0) return;
    lines.delete(one);
    if (one.state === null) docket.drop(one);
  }

  function run(one: Case<State>, line: Line<State, Input>, job: Job<State, Input>): void {
    const barred = one.state === null ? null : job.guard(one.state);
    if (barred !== null) return job.settle({ refused: barred });
    const step = machine.step(one.state, job.input);
    if ('refused' in step) return job.settle(step);
    if ('isRepeat' in step) {
      counters.casesRepeated += 1;
      if (one.state === null) throw new Error(`${one.topic}: ${one.id} repeats nothing`);
      return job.settle({ state: one.state, isRepeat: true });
    }
    line.isBusy = true;
    const { event } = step;
    const state = options.complete?.(one, step.state) ?? step.state;
    const about = { subject: machine.subjectOf(state), isOpen: machine.isListed(state) };
    // An id of this revision is known to the topic where the case is not, because it was closed long ago.
    const id = `${state.id}:${state.revision}`;
    const announced = { id, event, data: state, timeMs: clock.nowMs(), ...about };
    announcer.announce(
      one.tenant,
      one.topic,
      announced,
      (outcome) => {
        line.isBusy = false;
        if ('refused' in outcome) job.settle(outcome);
        else finish(one, { state, event }, outcome.isRepeat, job.settle);
        turn(one, line);
      },
      options.isUrgent?.(state) ?? false,
    );
  }

  function finish(
    one: Case<State>,
    { state, event }: { readonly state: State; readonly event: string },
    isRepeat: boolean,
    settle: Settle<State>,
  ): void {
    if (isRepeat) {
      counters.casesRepeated += 1;
    } else {
      counters.casesApplied += 1;
      docket.apply(one, state);
      options.onChange?.(one, state, event);
    }
    settle({ state, isRepeat });
  }

  return { put, find: (place) => docket.find(place)?.state ?? null };
}
