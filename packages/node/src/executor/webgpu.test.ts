import { Worker } from "node:worker_threads";
import {
  convNet,
  crossEntropy,
  episodes,
  key,
  type Learner,
  labelledExamples,
  maml,
  random,
  sgd,
  type Task,
} from "@innerloop/core";
import { uniformInGraph } from "@innerloop/core/layers";
import { meanMetaGradient } from "@innerloop/core/learners";
import { sampleTasks } from "@innerloop/core/training";
import { compile, encode, leaves, lower, namedLeaves, type Tensor, type Tree, tensor, typesOf } from "@innerloop/graph";
import { exampleGraph, exampleRows, referenceOutputs, requireClose } from "@innerloop/graph/testing";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { handWrittenModels } from "./hand-written-models.fixture.js";
import { loadOnnxruntime } from "./onnxruntime.js";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";
import { webgpuMissing } from "./webgpu.fixture.js";

const { InferenceSession } = await loadOnnxruntime();
const missing = await webgpuMissing();
beforeEach((context) => {
  if (missing) context.skip(missing);
});

const gpu = onnxruntimeExecutor({ device: "webgpu" });
const cpu = onnxruntimeExecutor();
afterAll(() => Promise.all([gpu.close(), cpu.close()]));

describe("WebGPU computes what the reference interpreter does, with first and second derivatives", () => {
  const tolerance = 1e-5;
  /** What is smaller is compared as if it were this large: it may be left over from numbers near 1. */
  const smallest = 0.01;

  test.each(exampleRows)("%s", async (_label, _name, example) => {
    const { graph, feeds } = exampleGraph(example, "float32");
    const load = () => gpu.load(encode(lower(graph, gpu.profile)), typesOf(graph.inputs), typesOf(graph.outputs));
    if (graph.outputs.some(({ dtype }) => dtype === "float64")) {
      await expect(load()).rejects.toThrow(/^IL404 WebGPU: it has no float64, and the model has float64\[/);
      return;
    }
    const session = await load();
    const found = await session.run(feeds);
    await session.close();
    referenceOutputs(graph, feeds).forEach((expected, i) => {
      const values = Float64Array.from(found[i] as ArrayLike<number | bigint>, Number);
      requireClose(`output ${i}`, values, expected, tolerance, Math.max(smallest, ...expected.map(Math.abs)));
    });
  });
});

describe("a second-order meta-gradient of images", () => {
  const draw = random(0, 1);
  const classes = Array.from({ length: 8 }, (_, c) => ({
    name: `class ${c}`,
    count: 2,
    examples: Uint8Array.from({ length: 2 * 784 }, () => draw.integer(256)),
  }));
  const data = labelledExamples({ name: "noise", exampleShape: [28, 28, 1], classes });
  const tasks = sampleTasks(episodes(data, { ways: 5, shots: 1, queries: 1 }), 1, 0, 2);

  const gradientOf =
    (learner: Learner) =>
    (params: Tree, given: Task): Tree => {
      const { loss, gradient } = meanMetaGradient(learner, params, given, tensor(new Int32Array(2)));
      return { loss, gradient };
    };

  test.each([
    ["Omniglot's network", { filters: 64, downsampling: "stride", steps: 1 }],
    ["with pooling, 2 steps", { filters: 4, downsampling: "pool", steps: 2 }],
  ] as const)("%s: that of the CPU, the same bits again, and all on the GPU", async (_, { steps, ...shape }) => {
    const model = convNet({ imageShape: [28, 28, 1], ways: 5, ...shape });
    const learner = maml({ model, loss: crossEntropy, inner: sgd({ learningRate: 0.4 }), steps });
    const params = learner.init(key(0));
    const [program, reference] = [gpu, cpu].map((executor) => compile(gradientOf(learner), { executor }));
    const [found, expected] = [await program!(params, tasks), await reference!(params, tasks)];
    const names = namedLeaves(found).map(([name]) => name);
    // Before a normalisation the true gradient of a bias is 0; both have what rounding leaves of numbers like these.
    const smallest = 0.01;
    leaves(expected).forEach((leaf, i) => {
      const values = leaf.data as Float32Array;
      const scale = values.reduce((most, x) => Math.max(most, Math.abs(x)), smallest);
      requireClose(names[i]!, leaves(found)[i]!.data as Float32Array, values, 1e-4, scale);
    });
    const again = await program!(params, tasks);
    expect(leaves(again).map(({ data }) => data)).toEqual(leaves(found).map(({ data }) => data));
    // onnxruntime refuses a model of which some operator would run on the CPU, as the one for the CPU has.
    const [own, other] = await Promise.all([program!, reference!].map((each) => each.prepare(params, tasks)));
    const entirely = {
      executionProviders: ["webgpu"],
      extra: { session: { disable_cpu_ep_fallback: "1" } },
    } as const;
    await (await InferenceSession.create(own!.model, entirely)).release();
    await expect(InferenceSession.create(other!.model, entirely)).rejects.toThrow("fallback to CPU EP");
  });
});

test("draws the same random numbers as the CPU", async () => {
  const draw = (seed: Tensor) => uniformInGraph(seed, "mask", [4, 25]);
  const [found, expected] = await Promise.all(
    [gpu, cpu].map((executor) => compile(draw, { executor })(tensor(7, [], "int32"))),
  );
  expect(found!.data).toEqual(expected!.data);
});

describe("the executor of a GPU", () => {
  test.each(handWrittenModels)(
    "computes $name, or refuses it",
    async ({ name, bytes, inputs, outputs, feeds, results }) => {
      const load = gpu.load(bytes, inputs, outputs);
      if (name.startsWith("float64")) {
        await expect(load).rejects.toMatchObject({ code: "IL404" });
        return;
      }
      const session = await load;
      const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;
      const given = feeds.map((feed, i) => {
        const { dtype } = inputs[i]!;
        if (dtype === "int64") return BigInt64Array.from(feed, BigInt);
        return arrays[dtype as keyof typeof arrays].from(feed);
      });
      const found = await session.run(given);
      expect(found.map((output) => Array.from(output as ArrayLike<number | bigint>, Number))).toEqual(results);
      await session.close();
    },
  );

  test("keeps results from later runs and changed feeds, and survives a run that fails", async () => {
    const { bytes, inputs, outputs } = handWrittenModels[0]!;
    const session = await gpu.load(bytes, inputs, outputs);
    const feed = Float32Array.of(0, 1, 2, 3, 4, 5);
    const first = await session.run([feed]);
    feed.fill(-1);
    await session.run([feed]);
    expect(first).toEqual([Float32Array.of(3, 4, 5, 6, 7, 8), Float32Array.of(0, 1, 2, 3, 4, 5)]);
    const unfit = await gpu.load(bytes, [{ dtype: "float32", shape: [7] }], outputs);
    await expect(unfit.run([new Float32Array(7)])).rejects.toMatchObject({ code: "IL403" });
    await unfit.close();
    expect((await session.run([new Float32Array(6)]))[0]).toEqual(new Float32Array(6).fill(3));
    await session.close();
  });

  test("closes with runs under way, opens again, and ends", async () => {
    const { bytes, inputs, outputs } = handWrittenModels[0]!;
    const executor = onnxruntimeExecutor({ device: "webgpu" });
    const session = await executor.load(bytes, inputs, outputs);
    const run = session.run([new Float32Array(6)]);
    await executor.close();
    expect((await run)[0]).toEqual(new Float32Array(6).fill(3));
    await expect(executor.load(bytes, inputs, outputs)).rejects.toThrow("IL403 load");
    await expect(executor.ready()).rejects.toThrow("closed");
    const next = onnxruntimeExecutor({ device: "webgpu" });
    await next.ready();
    await next.close();
  });

  test("is refused to a second thread", async () => {
    const module = new URL("../../dist/executor/onnxruntime-executor.js", import.meta.url).href;
    const script = `
      const { parentPort } = await import("node:worker_threads");
      const { onnxruntimeExecutor } = await import(${JSON.stringify(module)});
      const failure = await onnxruntimeExecutor({ device: "webgpu" }).ready().then(() => "none", (error) => error.message);
      parentPort.postMessage(failure);
    `;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), { execArgv: [] });
    const message = await new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject));
    expect(message).toMatch(/^IL404 WebGPU: onnxruntime shares one GPU between all threads/);
    await worker.terminate();
  });
});
