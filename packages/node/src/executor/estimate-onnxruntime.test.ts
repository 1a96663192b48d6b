import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  convNet,
  crossEntropy,
  episodes,
  key,
  type Learner,
  labelledExamples,
  maml,
  meanSquaredError,
  mlp,
  random,
  sgd,
  sinusoids,
  type Task,
  type TaskSource,
} from "@innerloop/core";
import { meanMetaGradient } from "@innerloop/core/learners";
import { sampleTasks } from "@innerloop/core/training";
import {
  compile,
  type Estimate,
  encode,
  estimateModel,
  type Graph,
  type LoweredModel,
  leaves,
  lower,
  loweringProfiles,
  sizeOf,
  type Tree,
  trace,
} from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { loadOnnxruntime } from "./onnxruntime.js";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";

const { InferenceSession, Tensor } = await loadOnnxruntime();
const folder = mkdtempSync(join(tmpdir(), "innerloop-profile-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Bytes that are allocated for intermediate values and results when most are, by onnxruntime's own profile of a run. */
async function profiledPeak(model: LoweredModel): Promise<number> {
  const session = await InferenceSession.create(encode(model), {
    intraOpNumThreads: 1,
    graphOptimizationLevel: "disabled",
    enableMemPattern: false,
    enableProfiling: true,
    profileFilePrefix: join(folder, "run"),
    logSeverityLevel: 3,
  });
  const feeds = Object.fromEntries(
    model.inputs.map(({ dtype, shape }, i) => {
      const size = sizeOf(shape);
      const data = dtype === "int32" ? new Int32Array(size) : new Float32Array(size).fill(0.5);
      return [`input${i}`, new Tensor(dtype as "float32", data as Float32Array, shape)];
    }),
  );
  await session.run(feeds);
  session.endProfiling();
  await session.release();
  const [file] = readdirSync(folder).filter((name) => name.startsWith("run"));
  const events = JSON.parse(readFileSync(join(folder, file!), "utf8")) as {
    readonly cat: string;
    readonly args: { readonly mem_bytes_requested_in_use?: string };
  }[];
  rmSync(join(folder, file!));
  return Math.max(...events.map(({ cat, args }) => (cat === "Node" ? Number(args.mem_bytes_requested_in_use) : 0)));
}

function images(): TaskSource {
  const draw = random(0, 1);
  const classes = Array.from({ length: 5 }, (_, c) => ({
    name: `class ${c}`,
    count: 2,
    examples: Uint8Array.from({ length: 2 * 784 }, () => draw.integer(256)),
  }));
  return episodes(labelledExamples({ name: "noise", exampleShape: [28, 28, 1], classes }), {
    ways: 5,
    shots: 1,
    queries: 1,
  });
}

function metaGradient(learner: Learner, source: TaskSource, tasks: number, recompute = 0): Graph {
  const program = (params: Tree, batch: Task): Tree => {
    const { loss, gradient } = meanMetaGradient(learner, params, batch, undefined, { recompute });
    return { loss, gradient };
  };
  return trace(program, [learner.init(key(0)), sampleTasks(source, 1, 0, tasks)]).graph;
}

const curves = (steps: number): Learner =>
  maml({ model: mlp({ sizes: [1, 40, 40, 1] }), loss: meanSquaredError, inner: sgd({ learningRate: 0.01 }), steps });
const pictures = (steps: number, downsampling: "stride" | "pool" = "stride"): Learner =>
  maml({
    model: convNet({ imageShape: [28, 28, 1], ways: 5, filters: 8, downsampling }),
    loss: crossEntropy,
    inner: sgd({ learningRate: 0.4 }),
    steps,
  });

describe("the estimate of memory is what onnxruntime allocates", () => {
  test.each([
    ["sinusoid, 1 step", () => metaGradient(curves(1), sinusoids({ shots: 10 }), 25)],
    ["sinusoid, 5 steps", () => metaGradient(curves(5), sinusoids({ shots: 10 }), 25)],
    ["convolutions, 1 step", () => metaGradient(pictures(1), images(), 4)],
    ["convolutions, 3 steps", () => metaGradient(pictures(3), images(), 2)],
    ["convolutions and pooling", () => metaGradient(pictures(1, "pool"), images(), 2)],
    ["convolutions, 4 steps computed again", () => metaGradient(pictures(4), images(), 2, 1)],
  ] as const)("%s", async (_name, graphOf) => {
    const model = lower(graphOf(), loweringProfiles.cpu);
    const estimate: Estimate = estimateModel(model);
    const bytes = model.inputs.reduce((total, { shape }) => total + 4 * sizeOf(shape), 0);
    const planned = estimate.peakBytes - estimate.constantBytes - bytes;
    const measured = await profiledPeak(model);
    // Constants of up to 127 bytes are in the arena too; buffers of values of computed shape are not taken again.
    expect(Math.abs(planned / measured - 1)).toBeLessThan(0.01);
    expect(estimate.residentBytes).toBeGreaterThanOrEqual(estimate.peakBytes);
  });
});

describe("inner steps that are computed again", () => {
  test.each(["disabled", "all"] as const)(
    "give the same gradient, with onnxruntime's rewrites %s",
    async (graphOptimization) => {
      const executor = onnxruntimeExecutor({ graphOptimization });
      const learner = pictures(3);
      const params = learner.init(key(0));
      const batch = sampleTasks(images(), 1, 0, 2);
      const gradient = async (recompute: number): Promise<Tree> =>
        compile(
          (at: Tree, tasks: Task): Tree => meanMetaGradient(learner, at, tasks, undefined, { recompute }).gradient,
          { executor },
        )(params, batch);
      try {
        const [kept, again] = [leaves(await gradient(0)), leaves(await gradient(1))];
        expect(kept.some(({ data }) => (data as Float32Array).some((value) => value !== 0))).toBe(true);
        again.forEach((found, i) => {
          const expected = kept[i]!.data as Float32Array;
          if (graphOptimization === "disabled") expect(found.data).toEqual(expected);
          // Its rewrites fuse the two programs differently.
          else
            (found.data as Float32Array).forEach((value, j) => {
              expect(Math.abs(value - expected[j]!)).toBeLessThan(1e-4 * Math.max(1, Math.abs(expected[j]!)));
            });
        });
      } finally {
        await executor.close();
      }
    },
  );
});
