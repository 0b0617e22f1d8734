/**
 * One at a time, first come, first served: what keeps users of a single database session apart.
 * Invariant: between the end of `enter` and the call of what it returned nobody else is inside.
 * Bound: none of its own; whoever waits is bounded by its caller.
 */
export interface Gate {
  /** Resolves inside; the function that it returns leaves, and does nothing the second time. */
  enter(): Promise<() => void>;
  /** `work`, alone inside. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createGate(): Gate {
  let last: Promise<void> = Promise.resolve();

  async function enter(): Promise<() => void> {
    const before = last;
    let leave: () => void = () => undefined;
    last = new Promise((resolve) => {
      leave = resolve;
    });
    await before;
    return leave;
  }

  return {
    enter,
    async run(work) {
      const leave = await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
