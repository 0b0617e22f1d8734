/**
 * The process of a load: a script that holds the devices of several arms, and lets those of one send at a time.
 * Invariant: the devices of an arm stay connected from `open` to `close`, also while another arm is measured.
 * Bound: one crew a name; it ends with its channel.
 */
import { answerCalls } from './child.ts';
import {
  openCrew,
  type Crew,
  type CrewOptions,
  type CrewResult,
  type PaceOptions,
  type PressOptions,
} from './crew.ts';

const crews = new Map<string, Crew>();

export interface Named {
  readonly arm: string;
}

export type LoaderCalls = {
  readonly open: (options: Named & CrewOptions) => Promise<void>;
  readonly press: (options: Named & PressOptions) => Promise<CrewResult>;
  readonly pace: (options: Named & PaceOptions) => Promise<CrewResult>;
  readonly close: (options: Named) => Promise<void>;
};

function crewOf({ arm }: Named): Crew {
  const crew = crews.get(arm);
  if (crew === undefined) throw new Error(`loader: there is no arm ${arm}`);
  return crew;
}

const calls: LoaderCalls = {
  async open(options) {
    crews.set(options.arm, await openCrew(options));
  },
  press: async (options) => crewOf(options).press(options),
  pace: async (options) => crewOf(options).pace(options),
  async close(options) {
    crewOf(options).close();
    crews.delete(options.arm);
  },
};

answerCalls(calls);
