import { type Executor, GraphError, toTypedArray } from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { handWrittenModels } from "./hand-written-models.fixture.js";
import { checkWithOnnx, onnxCheckerMissing } from "./onnx-checker.fixture.js";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";
import { webExecutor } from "./web-executor.fixture.js";
import { workerPoolExecutor } from "./worker-pool-executor.js";

test("the official checker accepts what we encode", (context) => {
  const missing = onnxCheckerMissing();
  if (missing) context.skip(missing);
  expect(checkWithOnnx(handWrittenModels.map(({ bytes }) => bytes))).toEqual([]);
  const broken = handWrittenModels[0]!.bytes.slice(0, -1);
  expect(checkWithOnnx([broken])).toHaveLength(1);
});

const executors: Record<string, () => Executor> = {
  "in this thread": () => onnxruntimeExecutor(),
  "in this thread, optimized": () => onnxruntimeExecutor({ threads: 2, graphOptimization: "all" }),
  "worker pool": () => workerPoolExecutor({ workers: 2 }),
  web: webExecutor,
};

describe.each(Object.entries(executors))("executor: %s", (_, make) => {
  const executor = make();
  afterAll(() => executor.close());

  test.each(handWrittenModels)("computes $name", async ({ bytes, inputs, outputs, feeds, results }) => {
    const session = await executor.load(bytes, inputs, outputs);
    const given = feeds.map((feed, i) => toTypedArray(feed, inputs[i]!.dtype));
    const expected = results.map((result, i) => toTypedArray(result, outputs[i]!.dtype));
    expect(await session.run(given)).toEqual(expected);
    // The feeds are still the caller's, unchanged.
    expect(given).toEqual(feeds.map((feed, i) => toTypedArray(feed, inputs[i]!.dtype)));
    await session.close();
  });

  const { bytes, inputs, outputs } = handWrittenModels.find(({ name }) => name === "float32[2,3] plus a constant")!;
  const open = () => executor.load(bytes, inputs, outputs);
  const counting = (from: number) => Float32Array.from({ length: 6 }, (_, i) => from + i);

  test("results are the caller's: later runs and changed feeds leave them alone", async () => {
    const session = await open();
    const feed = counting(0);
    const first = await session.run([feed]);
    feed.fill(-1);
    for (let i = 0; i < 20; i++) await session.run([feed]);
    expect(first).toEqual([counting(3), counting(0)]);
    (first[0] as Float32Array).fill(7);
    expect(await session.run([counting(0)])).toEqual([counting(3), counting(0)]);
    await session.close();
  });

  test("takes windows of larger arrays, shared memory, and one array twice", async () => {
    const session = await open();
    const window = Float32Array.from({ length: 100 }, (_, i) => i).subarray(40, 46);
    expect(await session.run([window])).toEqual([counting(43), counting(40)]);
    const shared = new Float32Array(new SharedArrayBuffer(24));
    shared.set(counting(5));
    const feed = counting(9);
    const results = await Promise.all([session.run([shared]), session.run([feed]), session.run([feed])]);
    expect(results).toEqual([
      [counting(8), counting(5)],
      [counting(12), counting(9)],
      [counting(12), counting(9)],
    ]);
    await session.close();
  });

  test("refuses feeds that do not fit, and says what it wants", async () => {
    const session = await open();
    const fails = (feeds: Parameters<typeof session.run>[0], message: string) =>
      expect(session.run(feeds)).rejects.toThrow(message);
    await fails([], "IL402 run: 0 arrays for a model of 1 inputs");
    await fails([new Float32Array(5)], "input 0 is Float32Array of 5, the model takes float32[2, 3]");
    await fails([new Float64Array(6)], "Give a Float32Array of 6");
    await session.close();
  });

  test("a model that cannot be loaded, or run, is an IL403", async () => {
    for (const broken of [new Uint8Array(0), new Uint8Array([1, 2, 3]), bytes.slice(0, 60)]) {
      const error = await executor.load(broken, inputs, outputs).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(GraphError);
      expect(error).toMatchObject({ code: "IL403" });
    }
    // The model's own input has another shape than was declared.
    const session = await executor.load(bytes, [{ dtype: "float32", shape: [7] }], outputs);
    await expect(session.run([new Float32Array(7)])).rejects.toMatchObject({ code: "IL403" });
    await session.close();
  });

  test("close() waits for runs; a closed session refuses more", async () => {
    const session = await open();
    const run = session.run([counting(0)]);
    await session.close();
    await session.close();
    expect(await run).toEqual([counting(3), counting(0)]);
    await expect(session.run([counting(0)])).rejects.toThrow("IL403 run");
  });
});
