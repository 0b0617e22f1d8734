/** Inputs of the state machines for the tests: arbitrary ones, and what any sequence of them has to leave. */
import fc from 'fast-check';
import type { CaseState, Machine } from '../../src/fleet/machine.ts';
import { isMap } from '../../src/fleet/shape.ts';

export const nowMs = 1_700_000_000_000;

export interface Course<State> {
  /** After each event. */
  readonly states: readonly State[];
  readonly events: readonly string[];
  /** What became of each input. */
  readonly outcomes: readonly string[];
}

/** What comes of the inputs, one after the other. */
export function runAll<State extends CaseState, Input>(
  machine: Machine<State, Input>,
  inputs: readonly Input[],
): Course<State> {
  const states: State[] = [];
  const events: string[] = [];
  const outcomes: string[] = [];
  for (const input of inputs) {
    const step = machine.step(states.at(-1) ?? null, input);
    if ('state' in step) {
      states.push(step.state);
      events.push(step.event);
      outcomes.push(step.event);
    } else {
      outcomes.push('refused' in step ? step.refused : 'repeat');
    }
  }
  return { states, events, outcomes };
}

/** Holds for every machine and every sequence of inputs. */
export function holdsForAll<State extends CaseState, Input>(
  machine: Machine<State, Input>,
  inputs: fc.Arbitrary<Input>,
  check: (states: readonly State[]) => void = () => undefined,
): void {
  fc.assert(
    fc.property(fc.array(inputs, { maxLength: 40 }), (sequence) => {
      const { states, outcomes } = runAll(machine, sequence);
      states.forEach((state, index) => {
        if (state.revision !== index + 1) throw new Error('a revision is missing');
        if (machine.read(JSON.parse(JSON.stringify(state))) === null || !isMap(state)) {
          throw new Error('a state cannot be read back');
        }
        const isLast = index === states.length - 1;
        if (!machine.isOpen(state) && !isLast && machine.isOpen(states[index + 1] as State)) {
          throw new Error('what was closed is open again');
        }
      });
      check(states);
      const again = runAll(machine, structuredClone(sequence));
      if (JSON.stringify(again) !== JSON.stringify({ ...again, states, outcomes })) {
        throw new Error('the same inputs have other states');
      }
      // Each input that was taken is a repeat right after.
      for (const [index, input] of sequence.entries()) {
        const before = runAll(machine, sequence.slice(0, index + 1));
        const taken = before.outcomes.at(-1) === before.events.at(-1);
        const last = before.states.at(-1);
        if (!taken || last === undefined) continue;
        const step = machine.step(last, input);
        if ('refused' in step)
          throw new Error(`${before.outcomes.at(-1)}: refused when sent again`);
      }
    }),
    { numRuns: 300 },
  );
}
