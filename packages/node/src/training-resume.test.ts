import { adam, type CheckpointStore, maml, meanAbsoluteError, meanSquaredError, sgd, train } from "@innerloop/core";
import { dropout, linear, sequential, tanh } from "@innerloop/core/layers";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { lineOf, MemoryStore, sinusoidRun } from "./training-sinusoid.fixture.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const model = sequential([
  linear({ inputs: 1, outputs: 8 }),
  tanh(),
  dropout({ rate: 0.1 }),
  linear({ inputs: 8, outputs: 1 }),
]);

/** All that a resumed run must take up: dropout, chunks, the optimizer's state and count, validation and the best one. */
const options = (store: CheckpointStore, chunkSize: number) => ({
  ...sinusoidRun(executor),
  learner: maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.01 }) }),
  iterations: 9,
  chunkSize,
  validation: { every: 3, count: 8 },
  checkpoints: { store, every: 4, resume: true },
});

describe.each([8, 3])("interrupted and resumed, %i tasks at once", (chunkSize) => {
  test("at every iteration: the last and the best checkpoint have the bytes of the uninterrupted run's", async () => {
    const whole = new MemoryStore();
    const wholeLines: string[] = [];
    await train({ ...options(whole, chunkSize), onEvent: (event) => wholeLines.push(lineOf(event)) });
    const [last, best] = [await whole.load("last"), await whole.load("best")];
    for (let stopAt = 0; stopAt <= 9; stopAt++) {
      const store = new MemoryStore();
      const lines: string[] = [];
      const controller = new AbortController();
      if (stopAt === 0) controller.abort();
      const first = await train({
        ...options(store, chunkSize),
        signal: controller.signal,
        onEvent: (event) => {
          lines.push(lineOf(event));
          if (event.type === "iteration" && event.iteration === stopAt) controller.abort();
        },
      });
      expect([first.reason, first.iteration]).toEqual([stopAt === 9 ? "finished" : "interrupted", stopAt]);
      expect(lines.at(-1)).toBe(`end ${stopAt} ${first.reason}`);
      const second = await train({ ...options(store, chunkSize), onEvent: (event) => lines.push(lineOf(event)) });
      expect([second.reason, second.iteration]).toEqual(["finished", 9]);
      expect(await store.load("last"), `stopped at ${stopAt}`).toEqual(last);
      expect(await store.load("best"), `stopped at ${stopAt}`).toEqual(best);
      // No update and no validation is done twice or left out.
      const work = (list: string[]): string[] => list.filter((line) => /^(iteration|validation|warning)/.test(line));
      expect(work(lines)).toEqual(work(wholeLines));
    }
  });

  test("killed at any moment: from every checkpoint that was ever the last one on disk", async () => {
    const whole = new MemoryStore();
    await train(options(whole, chunkSize));
    const last = await whole.load("last");
    for (let survived = 0; survived < whole.saved.length; survived++) {
      const store = new MemoryStore();
      store.saved.push(...whole.saved.slice(0, survived));
      await train(options(store, chunkSize));
      expect(await store.load("last"), `after ${survived} writes`).toEqual(last);
      expect(await store.load("best"), `after ${survived} writes`).toEqual(await whole.load("best"));
    }
  });
});

describe("resuming", () => {
  const store = new MemoryStore();
  const base = options(store, 8);

  test("without resume, a run starts anew whatever the store holds", async () => {
    await train(base);
    const lines: string[] = [];
    await train({ ...base, checkpoints: { store, every: 4 }, onEvent: (event) => lines.push(lineOf(event)) });
    expect(lines[0]).toBe("start 0");
  });

  test("on to more iterations is the run of so many", async () => {
    const more = new MemoryStore();
    await train({ ...options(more, 8), iterations: 14 });
    const lines: string[] = [];
    await train({ ...base, iterations: 14, onEvent: (event) => lines.push(lineOf(event)) });
    expect(lines[0]).toBe("start 9");
    // A run also validates at its end, so only what was learned is the same, not the count of validations.
    const params = (bytes: Uint8Array | undefined): Uint8Array =>
      bytes!.subarray(8 + Number(new DataView(bytes!.buffer).getBigUint64(0, true)));
    expect(params(await store.load("last"))).toEqual(params(await more.load("last")));
  });

  test("with another seed, optimizer, model or loss is refused with ILR202", async () => {
    const wider = sequential([linear({ inputs: 1, outputs: 9 }), tanh(), linear({ inputs: 9, outputs: 1 })]);
    await expect(train({ ...base, seed: 4 })).rejects.toThrow(/^ILR202 checkpoint: seed 3, this run has 4/);
    await expect(train({ ...base, optimizer: adam({ learningRate: 1e-3, beta1: 0 }) })).rejects.toThrow(/^ILR202/);
    await expect(train({ ...base, optimizer: sgd({ learningRate: 1e-3 }) })).rejects.toThrow(/^ILR202/);
    const learner = maml({ model: wider, loss: meanSquaredError, inner: sgd({ learningRate: 0.01 }) });
    await expect(train({ ...base, learner })).rejects.toThrow(/^ILR202/);
    const otherLoss = maml({ model, loss: meanAbsoluteError, inner: sgd({ learningRate: 0.01 }) });
    await expect(train({ ...base, learner: otherLoss })).rejects.toThrow(/^ILR202/);
  });

  test("from a damaged checkpoint is refused with ILR201", async () => {
    const damaged = new MemoryStore();
    const bytes = (await store.load("last"))!;
    damaged.saved.push({ name: "last", bytes: bytes.subarray(0, bytes.length - 3) });
    await expect(train({ ...base, checkpoints: { store: damaged, every: 4, resume: true } })).rejects.toThrow(
      /^ILR201/,
    );
  });

  test("a store that fails ends the run with its own error", async () => {
    const failing: CheckpointStore = {
      load: () => Promise.resolve(undefined),
      save: () => Promise.reject(new Error("disk full")),
    };
    await expect(train({ ...base, checkpoints: { store: failing, every: 4 } })).rejects.toThrow("disk full");
  });
});

test("the same seed gives the same bytes, another seed others", async () => {
  const bytesOf = async (seed: number): Promise<Uint8Array | undefined> => {
    const store = new MemoryStore();
    await train({ ...options(store, 8), seed });
    return store.load("last");
  };
  expect(await bytesOf(1)).toEqual(await bytesOf(1));
  expect(await bytesOf(1)).not.toEqual(await bytesOf(2));
});

test("memory stays flat over 2,000 iterations", async () => {
  const resident: number[] = [];
  await train({
    ...sinusoidRun(executor),
    iterations: 2000,
    onEvent: (event) => {
      if (event.type === "iteration" && event.iteration % 100 === 0) resident.push(process.memoryUsage().rss / 2 ** 20);
    },
  });
  expect(resident).toHaveLength(20);
  const highest = (list: number[]): number => Math.max(...list);
  // The heap breathes by tens of MB between collections; 10 KB kept per iteration would show as 15 MB.
  expect(highest(resident.slice(-5)) - highest(resident.slice(3, 8))).toBeLessThan(64);
});
