import type { Executor } from "@innerloop/graph";

/** For tests: an executor that counts the models that are loaded. */
export function countingLoads(inner: Executor): {
  readonly executor: Executor;
  /** Loads so far. */
  readonly loads: () => number;
  /** Models that are loaded now. */
  readonly open: () => number;
  /** Models that were loaded at once, at most. */
  readonly most: () => number;
} {
  const counts = { loads: 0, open: 0, most: 0 };
  const executor: Executor = {
    ...inner,
    async load(model, inputs, outputs, hints) {
      const session = await inner.load(model, inputs, outputs, hints);
      counts.loads++;
      counts.most = Math.max(counts.most, ++counts.open);
      return {
        run: (feeds) => session.run(feeds),
        async close() {
          counts.open--;
          await session.close();
        },
      };
    },
  };
  return { executor, loads: () => counts.loads, open: () => counts.open, most: () => counts.most };
}
