import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { promisify } from "node:util";
import { adam, key, maml, meanSquaredError, mlp, sgd, sinusoids } from "@innerloop/core";
import { metaStep, taskBatch } from "@innerloop/core/training";
import {
  type CompileOptions,
  compile,
  type Executor,
  gather,
  greater,
  type input,
  leaves,
  matmul,
  mul,
  sum,
  tensor,
  toNumbers,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { workerPoolExecutor } from "../worker-pool-executor.js";
import { compilers } from "./c-compilers.fixture.js";
import { nativeExecutor } from "./native-executor.js";

type Tensor = ReturnType<typeof input>;
const waves = (shape: readonly [number, number], step: number) =>
  tensor(
    Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i * step)),
    shape,
  );

describe.each(compilers)("runs of %s", (_, compiler) => {
  test("have the bits of one thread by any number of threads and places, in the order in which they were asked for", async () => {
    const f = (x: Tensor) => sum(mul(x, x), 1);
    const x = waves([64, 999], 1);
    const executors = [
      nativeExecutor({ native: { compiler } }),
      nativeExecutor({ native: { compiler }, threads: 3 }),
      nativeExecutor({ native: { compiler }, places: 3 }),
      workerPoolExecutor({ workers: 2, native: { compiler } }),
    ];
    const expected = toNumbers(await compile(f, { executor: executors[0]! })(x));
    for (const executor of executors) {
      const run = compile(f, { executor });
      const settled: number[] = [];
      const found = await Promise.all(
        Array.from({ length: 8 }, async (_, i) => {
          const result = toNumbers(await run(x));
          settled.push(i);
          return result;
        }),
      );
      for (const each of found) expect(each).toEqual(expected);
      if (executor.parallelism === 1) expect(settled).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    }
    await Promise.all(executors.map((executor) => executor.close()));
  });

  test("that are alone and small are done by the calling thread, if it has nothing else to do, with the same bits and errors", async () => {
    const made = (use: Pick<CompileOptions, "alone" | "meanwhile">) => {
      const executor = nativeExecutor({ native: { compiler }, places: 2 });
      const f = (x: Tensor, at: Tensor) => gather(sum(mul(x, x), 1), at, 0);
      return { executor, use, run: compile(f, { executor, ...use }) };
    };
    const [alone, beside, busy] = [made({ alone: true }), made({}), made({ alone: true, meanwhile: true })];
    const x = waves([64, 99], 1);
    const index = (n: number) => tensor(Int32Array.of(3, n), [2]);
    const expected = toNumbers(await beside.run(x, index(7)));
    for (const { run } of [alone, busy]) {
      expect(toNumbers(await run(x, index(7)))).toEqual(expected);
      await expect(run(x, index(64))).rejects.toMatchObject({
        code: "IL403",
        message: expect.stringContaining("out of the range"),
      });
    }
    if (process.platform === "linux") {
      const threads = () => readdirSync("/proc/self/task").length;
      const started = async ({ executor, use }: ReturnType<typeof made>): Promise<number> => {
        const another = compile((y: Tensor) => mul(y, 3), { executor, ...use });
        await another.prepare(x);
        const before = threads();
        await another(x);
        return threads() - before;
      };
      expect([await started(alone), await started(beside), await started(busy)]).toEqual([0, 1, 1]);
    }
    await Promise.all([alone, beside, busy].map(({ executor }) => executor.close()));
    await expect(alone.run(x, index(7))).rejects.toMatchObject({ code: "IL403" });
  });

  test("read arrays on shared memory where they are", async () => {
    const executor = nativeExecutor({ native: { compiler }, places: 2 });
    const shared = new Float32Array(new SharedArrayBuffer(4 * 100));
    shared.fill(0.5);
    const double = compile((x: Tensor) => mul(x, 2), { executor });
    expect(toNumbers(await double(tensor(shared, [100])))).toEqual(new Array(100).fill(1));
    await executor.close();
  });

  test("write where results were given back, and nowhere else", async () => {
    const executor = nativeExecutor({ native: { compiler }, places: 2 });
    const double = compile((x: Tensor) => mul(x, 2), { executor });
    const [x, y] = [waves([200, 100], 1), waves([200, 100], 2)];
    const first = await double(x);
    const kept = await double(x);
    const expected = toNumbers(kept);
    const own = new Float32Array(x.size).fill(7);
    executor.recycle!([first.data!, first.data!, own]);
    const [second, third] = [await double(y), await double(y)];
    expect(second.data).toBe(first.data);
    expect(third.data).not.toBe(first.data);
    expect(toNumbers(second)).toEqual(toNumbers(third));
    expect(toNumbers(kept)).toEqual(expected);
    expect(own).toEqual(new Float32Array(x.size).fill(7));
    await executor.close();
  });

  test("write small results beside each other, those of each run where nobody else's are", async () => {
    const executor = nativeExecutor({ native: { compiler }, places: 2 });
    const split = compile((x: Tensor) => ({ half: mul(x, 0.5), positive: greater(x, 0), sum: sum(x, 0) }), {
      executor,
    });
    const [x, y] = [waves([3, 7], 1), waves([3, 7], 2)];
    const first = await split(x);
    const before = leaves(first).map(toNumbers);
    const second = await split(y);
    expect(leaves(first).map(toNumbers)).toEqual(before);
    for (const found of [first, second]) {
      const arrays = leaves(found).map(({ data }) => data!);
      expect(new Set(arrays.map(({ buffer }) => buffer)).size).toBe(1);
      expect(arrays.map(({ byteOffset }) => byteOffset)).toEqual([0, 128, 192]);
    }
    expect(first.half.data!.buffer).not.toBe(second.half.data!.buffer);
    // Nobody may write to a part of what others hold.
    executor.recycle!([first.half.data!]);
    expect((await split(x)).half.data!.buffer).not.toBe(first.half.data!.buffer);
    expect(toNumbers(first.half)).toEqual(toNumbers(x).map((value) => Math.fround(value * 0.5)));
    await executor.close();
  });

  test("of a meta-step leave no gradients of chunks behind, and its result is what it is without giving back", async () => {
    const pool = nativeExecutor({ native: { compiler }, places: 2 });
    const given = new Set<unknown>();
    const recycling: Executor = {
      ...pool,
      recycle: (results) => {
        for (const array of results) given.add(array);
        // What is left behind in them is nobody's.
        for (const array of results) (array as Float32Array).fill(Number.NaN);
        pool.recycle!(results);
      },
    };
    const learner = maml({
      model: mlp({ sizes: [1, 160, 160, 1] }),
      loss: meanSquaredError,
      inner: sgd({ learningRate: 0.01 }),
      steps: 1,
    });
    const optimizer = adam({ learningRate: 0.01 });
    const after = async (executor: Executor): Promise<number[]> => {
      const step = metaStep({ learner, optimizer, executor, metaBatchSize: 6, chunkSize: 2 });
      let params = learner.init(key(0));
      let state = optimizer.init(params);
      for (let i = 0; i < 4; i++)
        ({ params, optimizer: state } = await step(params, state, taskBatch(sinusoids({ shots: 5 }), 1, i, 6)));
      return leaves(params).flatMap(toNumbers);
    };
    const found = await after(recycling);
    // Three chunks of six gradients and a loss: in each step the same arrays.
    expect(given.size).toBe(3 * 7);
    expect(found).toEqual(await after({ ...pool, recycle: undefined }));
    await pool.close();
  });

  test("that are not done when their session is closed are waited for", async () => {
    const executor = nativeExecutor({ native: { compiler }, places: 2 });
    const product = compile((x: Tensor) => matmul(x, x), { executor });
    const x = waves([300, 300], 0.01);
    await product(x);
    const runs = Array.from({ length: 5 }, () => product(x));
    await new Promise(setImmediate);
    const closing = executor.close();
    const found = await Promise.allSettled([...runs, closing]);
    expect(found.map(({ status }) => status)).toEqual(new Array(6).fill("fulfilled"));
    await expect(product(x)).rejects.toMatchObject({ code: "IL403" });
  });
});

/** What a program of its own prints, in a process of its own, and how that ends. */
const run = async (text: string) => {
  const graph = new URL("../../../../graph/dist/index.js", import.meta.url).href;
  const node = new URL("../../../dist/index.js", import.meta.url).href;
  const script = `
    import { compile, matmul, tensor } from ${JSON.stringify(graph)};
    import { findCompiler, workerPoolExecutor } from ${JSON.stringify(node)};
    const executor = workerPoolExecutor({ workers: 2, native: { compiler: await findCompiler() } });
    const product = compile((x) => matmul(x, x), { executor });
    const x = tensor(new Float32Array(250_000).fill(1), [500, 500]);
    ${text}`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    timeout: 60_000,
  });
  return stdout;
};

describe.runIf(compilers.length > 0)("a process with native programs", () => {
  test("stays while a run is awaited, and ends by itself when none is, with nothing closed", async () => {
    expect(await run(`product(x).then((y) => console.log(y.data[0]));`)).toBe("500\n");
  });

  test("ends when it is told to while runs are at work", async () => {
    const found = await run(
      `await product(x); for (let i = 0; i < 9; i++) product(x); console.log("leaves"); process.exit(0);`,
    );
    expect(found).toBe("leaves\n");
  });

  test("ends a worker thread while its runs are at work", async () => {
    const found = await run(`
      import { Worker } from "node:worker_threads";
      const text = \`(async () => {
        const { compile, matmul, tensor } = await import(${JSON.stringify(new URL("../../../../graph/dist/index.js", import.meta.url).href)});
        const { findCompiler, workerPoolExecutor } = await import(${JSON.stringify(new URL("../../../dist/index.js", import.meta.url).href)});
        const executor = workerPoolExecutor({ workers: 2, native: { compiler: await findCompiler() } });
        const product = compile((x) => matmul(x, x), { executor });
        const x = tensor(new Float32Array(250_000).fill(1), [500, 500]);
        await product(x);
        for (let i = 0; i < 50; i++) product(x);
        (await import("node:worker_threads")).parentPort.postMessage("at work");
      })()\`;
      const worker = new Worker(text, { eval: true });
      worker.once("message", async (message) => {
        await worker.terminate();
        console.log(message, (await product(x)).data[0]);
      });`);
    expect(found).toBe("at work 500\n");
  });
});
