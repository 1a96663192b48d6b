import { execFileSync } from "node:child_process";
import type { Worker } from "node:worker_threads";
import type { ExecutorSession, TypedArray } from "@innerloop/graph";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { handWrittenModels, longModel } from "./hand-written-models.fixture.js";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";
import { workerPoolExecutor } from "./worker-pool-executor.js";

const size = 256;
const { bytes, inputs, outputs } = longModel(size, 40);
const feed = (seed: number) => Float32Array.from({ length: size * size }, (_, i) => Math.sin(i * 0.7 + seed) / size);

/** The worker threads that were started, as Node tells of them. */
let workers: Worker[] = [];
const remember = (worker: Worker): void => void workers.push(worker);

beforeEach(() => {
  workers = [];
  process.on("worker", remember);
});
afterEach(() => {
  process.off("worker", remember);
});

async function withPool(count: number, body: (session: ExecutorSession) => Promise<void>): Promise<void> {
  const pool = workerPoolExecutor({ workers: count });
  try {
    await body(await pool.load(bytes, inputs, outputs));
  } finally {
    await pool.close();
  }
}

// Threads take a while to start where all cores are busy with other tests.
describe("workerPoolExecutor", () => {
  test("which worker ran does not show: the same bits in every pool, in any order, as in this thread", async () => {
    const alone = onnxruntimeExecutor();
    const session = await alone.load(bytes, inputs, outputs);
    const expected: TypedArray[] = [];
    for (let seed = 0; seed < 6; seed++) expected.push((await session.run([feed(seed)]))[0]!);
    await alone.close();
    for (const count of [1, 3]) {
      await withPool(count, async (session) => {
        const order = [3, 1, 5, 0, 4, 2, 2, 5];
        const results = await Promise.all(order.map((seed) => session.run([feed(seed)])));
        results.forEach((result, i) => {
          expect(Buffer.compare(bytesOf(result[0]!), bytesOf(expected[order[i]!]!)), `seed ${order[i]}`).toBe(0);
        });
      });
      expect(workers).toHaveLength(count);
      workers = [];
    }
  });

  test("a worker that dies is replaced and its run repeated", async () => {
    await withPool(1, async (session) => {
      const expected = await session.run([feed(1)]);
      const runs = [session.run([feed(1)]), session.run([feed(1)])];
      await workers[0]!.terminate();
      expect(await Promise.all(runs)).toEqual([expected, expected]);
      expect(workers).toHaveLength(2);
      // Dies of its own error this time, and idle.
      workers[1]!.postMessage(null);
      expect(await session.run([feed(1)])).toEqual(expected);
      expect(workers).toHaveLength(3);
    });
  });

  test("lasting arrays go to a worker once, until they are given back, and again to one that takes its place", async () => {
    const pool = workerPoolExecutor({ workers: 1 });
    try {
      const session = await pool.load(bytes, inputs, outputs);
      const [first, other] = [await session.run([feed(1)]), await session.run([feed(2)])];
      const array = feed(1);
      const giveBack = pool.lasting!([array]);
      expect(await session.run([array])).toEqual(first);
      // What nobody may do shows that it is not sent again.
      array.set(feed(2));
      expect(await session.run([array])).toEqual(first);
      expect(await session.run([feed(2)])).toEqual(other);
      await workers[0]!.terminate();
      expect(await session.run([array])).toEqual(other);
      array.set(feed(1));
      giveBack();
      expect(await session.run([array])).toEqual(first);
    } finally {
      await pool.close();
    }
  });

  test("a run whose worker dies twice fails; the pool goes on", async () => {
    await withPool(1, async (session) => {
      const kill = (worker: Worker): void => void worker.terminate();
      process.on("worker", kill);
      try {
        const run = session.run([feed(1)]);
        kill(workers[0]!);
        await expect(run).rejects.toThrow(/^IL403 run: the worker thread died, and so did its replacement/);
      } finally {
        process.off("worker", kill);
      }
      expect(await session.run([feed(1)])).toHaveLength(1);
    });
  });

  test("close() refuses runs that wait, and finishes the one under way", async () => {
    const pool = workerPoolExecutor({ workers: 1 });
    const session = await pool.load(bytes, inputs, outputs);
    const runs = [session.run([feed(0)]), session.run([feed(1)])];
    // The first run is on its way once the microtasks are through.
    await new Promise(setImmediate);
    const settled = Promise.allSettled(runs);
    await pool.close();
    const [first, second] = await settled;
    expect(first).toMatchObject({ status: "fulfilled" });
    expect(second).toMatchObject({ status: "rejected", reason: { code: "IL403" } });
    await expect(session.run([feed(0)])).rejects.toThrow("closed");
    await expect(pool.load(bytes, inputs, outputs)).rejects.toThrow("closed");
  });

  test("a small model runs in this thread alone, and in workers beside other runs, with the same bits", async () => {
    const pool = workerPoolExecutor({ workers: 2 });
    try {
      const bytesTaken = { peakBytes: 0, residentBytes: 0, constantBytes: 0 };
      const estimate = { operations: 4e7, matmulOperations: 4e7, nodes: 40, ...bytesTaken };
      const small = await pool.load(bytes, inputs, outputs, { estimate });
      const expected: TypedArray[] = [];
      for (let seed = 0; seed < 4; seed++) expected.push((await small.run([feed(seed)]))[0]!);
      expect(workers).toHaveLength(0);
      const together = await Promise.all([0, 1, 2, 3].map((seed) => small.run([feed(seed)])));
      together.forEach(([result], seed) => {
        expect(Buffer.compare(bytesOf(result!), bytesOf(expected[seed]!)), `seed ${seed}`).toBe(0);
      });
      expect(workers).toHaveLength(2);
      await small.close();
      await expect(small.run([feed(0)])).rejects.toThrow("IL403 run");
      const large = await pool.load(bytes, inputs, outputs, { estimate: { ...estimate, operations: 6e7 } });
      expect(Buffer.compare(bytesOf((await large.run([feed(2)]))[0]!), bytesOf(expected[2]!))).toBe(0);
      // Now as all are busy with the large one, a small one waits for a worker.
      const again = await pool.load(bytes, inputs, outputs, { estimate });
      const mixed = await Promise.all([large.run([feed(0)]), large.run([feed(1)]), again.run([feed(3)])]);
      expect(mixed.map(([result]) => Buffer.from(bytesOf(result!)))).toEqual(
        [0, 1, 3].map((seed) => Buffer.from(bytesOf(expected[seed]!))),
      );
      await expect(pool.load(bytes.slice(0, 60), inputs, outputs, { estimate })).rejects.toMatchObject({
        code: "IL403",
      });
    } finally {
      await pool.close();
    }
    await expect(pool.load(bytes, inputs, outputs)).rejects.toThrow("closed");
  });

  test("a model that runs alone is loaded by one worker, and computes the same", async () => {
    const pool = workerPoolExecutor({ workers: 2 });
    try {
      const shared = await pool.load(bytes, inputs, outputs);
      expect(workers).toHaveLength(2);
      const [expected] = await shared.run([feed(5)]);
      const alone = await pool.load(bytes, inputs, outputs, { alone: true });
      await Promise.all([shared.run([feed(1)]), shared.run([feed(2)])]);
      const [found] = await alone.run([feed(5)]);
      expect(Buffer.compare(bytesOf(found!), bytesOf(expected!))).toBe(0);
      expect(workers).toHaveLength(2);
    } finally {
      await pool.close();
    }
  });

  test("refuses a pool of no workers", () => {
    expect(() => workerPoolExecutor({ workers: 0 })).toThrow("IL102 workerPoolExecutor: 0 workers");
  });

  test("idle workers do not keep the process alive, busy ones do", () => {
    const script = `
      const { workerPoolExecutor } = await import(${JSON.stringify(built("worker-pool-executor.js"))});
      const type = { dtype: "float32", shape: [2, 3] };
      const model = Buffer.from(process.argv[1], "base64");
      const session = await workerPoolExecutor({ workers: 2 }).load(model, [type], [type, type]);
      session.run([new Float32Array(6)]).then(([sum]) => console.log(sum.join()));
    `;
    const model = Buffer.from(handWrittenModels[0]!.bytes).toString("base64");
    // Vitest cannot end a test that waits like this.
    const options = { timeout: 300_000, encoding: "utf8" } as const;
    expect(execFileSync(process.execPath, ["--input-type=module", "-e", script, model], options)).toBe("3,3,3,3,3,3\n");
  });
});

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const built = (file: string): string => new URL(`../../dist/executor/${file}`, import.meta.url).href;
