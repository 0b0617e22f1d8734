/**
 * The process of the subscribers: a script that answers the calls of the suite about one crowd.
 * Invariant: one crowd a process; it ends with its channel.
 */
import { answerCalls } from './child.ts';
import {
  openCrowd,
  type Crowd,
  type CrowdBeginOptions,
  type CrowdOptions,
  type CrowdResult,
} from './crowd.ts';

let crowd: Crowd | null = null;

export type SubscribersCalls = {
  readonly open: (options: CrowdOptions) => Promise<void>;
  readonly fillStalled: (snapshots: number) => Promise<void>;
  readonly begin: (options: CrowdBeginOptions) => Promise<void>;
  readonly settle: (options: null) => Promise<CrowdResult>;
};

function opened(): Crowd {
  if (crowd === null) throw new Error('subscribers: not open');
  return crowd;
}

const calls: SubscribersCalls = {
  async open(options) {
    crowd = await openCrowd(options);
  },
  async fillStalled(snapshots) {
    opened().fillStalled(snapshots);
  },
  async begin(options) {
    opened().begin(options);
  },
  async settle() {
    return opened().settle();
  },
};

answerCalls(calls);
