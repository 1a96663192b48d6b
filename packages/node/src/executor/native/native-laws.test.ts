import { type TypedArray, typesOf, writeNativeModel } from "@innerloop/graph";
import { describe, expect } from "vitest";
import { compilers } from "./c-compilers.fixture.js";
import { compiledLaws } from "./compiled-laws.fixture.js";
import { nativeExecutor } from "./native-executor.js";

describe.each(compilers)("native programs, %s", (_, compiler) => {
  compiledLaws({
    // The least calls are shared, and the bits are those of one thread.
    run: async (graph, feeds) => {
      const executors = [1, 3].map((threads) => nativeExecutor({ native: { compiler }, threads }));
      try {
        const { bytes } = writeNativeModel(graph, { ...compiler.target, sharedFrom: 0 });
        const runs = executors.map(async (executor) => {
          const session = await executor.load(bytes, typesOf(graph.inputs), typesOf(graph.outputs));
          return session.run(feeds);
        });
        const [found, shared] = (await Promise.all(runs)) as [readonly TypedArray[], readonly TypedArray[]];
        found.forEach((array, i) => {
          const bytesOf = ({ buffer }: TypedArray) => Buffer.from(buffer as ArrayBuffer);
          expect(bytesOf(array).equals(bytesOf(shared[i]!)), `output ${i} of three threads`).toBe(true);
        });
        return found;
      } finally {
        await Promise.all(executors.map((executor) => executor.close()));
      }
    },
    executor: () => nativeExecutor({ native: { compiler } }),
    draws: 100,
  });
});
