/** Roles of parameters and objectives of one's own, trained by the real executor. */
import {
  adamW,
  chain,
  clipByGlobalNorm,
  frozen,
  key,
  type Layer,
  maml,
  meanSquaredError,
  type Objective,
  random,
  sgd,
  train,
} from "@innerloop/core";
import { batchNorm, linear, sequential, tanh, traitsOf } from "@innerloop/core/layers";
import { decodeSafetensors, metaStep, outerOptimizer, type TaskBatch } from "@innerloop/core/training";
import { leaves, mul, namedLeaves, sub, sum, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { MemoryStore, sinusoidRun } from "./training-sinusoid.fixture.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const valuesOf = (tree: Tree): Record<string, number[]> =>
  Object.fromEntries(namedLeaves(tree).map(([path, leaf]) => [path, Array.from(leaf.data as Float32Array)]));

describe("a frozen layer", () => {
  const features = sequential([linear({ inputs: 1, outputs: 8 }), batchNorm({ channels: 8, mode: "running" })]);
  const model = sequential([frozen(features), tanh(), linear({ inputs: 8, outputs: 1 })]) as Layer;
  const learner = maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.02 }) });
  const optimizer = chain(clipByGlobalNorm(1), adamW({ learningRate: 0.05, weightDecay: 0.3 }));
  const still = [...traitsOf(learner)].filter(([, { role }]) => role === "fixed").map(([path]) => path);
  const options = (store: MemoryStore, iterations: number) => ({
    ...sinusoidRun(executor),
    learner,
    optimizer,
    iterations,
    checkpoints: { store, every: 1, resume: true },
  });

  test.each([8, 3])("stays bit for bit, %i tasks at once, also when the run is resumed", async (chunkSize) => {
    const [whole, parted] = [new MemoryStore(), new MemoryStore()];
    const run = await train({ ...options(whole, 6), chunkSize });
    const [before, after] = [valuesOf(learner.init(key(3))), valuesOf(run.params)];
    expect(still).toHaveLength(6);
    for (const path of Object.keys(before)) {
      if (still.includes(path)) expect(after[path], path).toEqual(before[path]);
      else expect(after[path], path).not.toEqual(before[path]);
    }
    const { tensors } = decodeSafetensors((await whole.load("last"))!);
    const kept = Object.keys(tensors).filter((name) => name.startsWith("optimizer/"));
    expect(kept.sort()).toEqual([
      "optimizer/count",
      "optimizer/first/2/bias",
      "optimizer/first/2/weight",
      "optimizer/second/2/bias",
      "optimizer/second/2/weight",
    ]);
    const stopped = new AbortController();
    await train({
      ...options(parted, 6),
      chunkSize,
      signal: stopped.signal,
      onEvent: (event) => {
        if (event.type === "iteration" && event.iteration === 3) stopped.abort();
      },
    });
    await train({ ...options(parted, 6), chunkSize });
    expect(await parted.load("last")).toEqual(await whole.load("last"));
  });

  test("may hold what another training has made", async () => {
    const given = features.init(key(7));
    const other = maml({
      model: sequential([frozen(features, given), linear({ inputs: 8, outputs: 1 })]),
      loss: meanSquaredError,
      inner: sgd({ learningRate: 0.02 }),
    });
    const run = await train({ ...sinusoidRun(executor), learner: other, optimizer, iterations: 2 });
    const after = valuesOf(run.params);
    for (const [path, values] of Object.entries(valuesOf(given))) expect(after[`0/${path}`]).toEqual(values);
  });
});

describe("an objective of one's own", () => {
  type Bowl = { readonly centre: Tensor };
  const bowl: Objective<Bowl> = (params, { centre }) => {
    const away = sub((params as { readonly at: Tensor }).at, centre);
    return { loss: mul(sum(mul(away, away)), 0.5) };
  };
  const learner = maml({
    objective: bowl,
    init: () => ({ at: tensor([3, -3]) }),
    inner: sgd({ learningRate: 0.1 }),
    steps: 2,
  });
  /** Tasks whose centres lie around (1, 2). */
  const batchAt = (iteration: number): TaskBatch<{ readonly support: Bowl; readonly query: Bowl }> => {
    const draw = random(1, iteration);
    const centre = tensor(Array.from({ length: 4 }, () => [1 + draw.normal(0, 0.1), 2 + draw.normal(0, 0.1)]));
    return {
      tasks: { support: { centre }, query: { centre } },
      keys: tensor([0, 0, 0, 0], [4], "int32"),
      iteration: tensor(iteration),
    };
  };

  test.each([4, 3])("is trained by metaStep, %i tasks at once", async (chunkSize) => {
    const optimizer = sgd({ learningRate: 0.5 });
    const step = metaStep({ learner, optimizer, executor, metaBatchSize: 4, chunkSize });
    let params: Tree = learner.init(key(0));
    let state = outerOptimizer(learner, optimizer).init(params);
    const losses: number[] = [];
    for (let i = 0; i < 30; i++) {
      const next = await step(params, state, batchAt(i));
      params = next.params;
      state = next.optimizer;
      losses.push(next.loss);
    }
    expect(losses[0]).toBeGreaterThan(5);
    expect(losses.at(-1)).toBeLessThan(0.05);
    const [x, y] = Array.from(leaves(params)[0]!.data as Float32Array);
    expect(Math.hypot(x! - 1, y! - 2)).toBeLessThan(0.2);
  });

  test("metaStep refuses an optimizer's state that has entries for what is fixed, and says where to start", async () => {
    const model = sequential([frozen(linear({ inputs: 1, outputs: 2 })), linear({ inputs: 2, outputs: 1 })]) as Layer;
    const of = maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.1 }) });
    const optimizer = adamW({ learningRate: 0.1 });
    const step = metaStep({ learner: of, optimizer, executor, metaBatchSize: 1 });
    const params = of.init(key(0));
    const examples = { x: tensor([[[1]]]), y: tensor([[[2]]]) };
    const batch = {
      tasks: { support: examples, query: examples },
      keys: tensor([0], [1], "int32"),
      iteration: tensor(0),
    };
    await expect(step(params, optimizer.init(params), batch)).rejects.toThrow(
      /^ILR101 optimizer: state of .* Start from outerOptimizer\(learner, optimizer\)\.init\(params\)/,
    );
    const { params: after } = await step(params, outerOptimizer(of, optimizer).init(params), batch);
    expect(valuesOf(after)["0/weight"]).toEqual(valuesOf(params)["0/weight"]);
    expect(valuesOf(after)["1/weight"]).not.toEqual(valuesOf(params)["1/weight"]);
  });
});

test("a checkpoint of before there were roles or chains is read by the same names", () => {
  // Names and shapes as the version before this one wrote them for adam behind a clipped gradient.
  const { learner } = sinusoidRun(executor);
  const params = learner.init(key(3));
  const clipped = chain(clipByGlobalNorm(10), adamW({ learningRate: 1e-3 }));
  const names = namedLeaves(outerOptimizer(learner, clipped).init(params)).map(([name]) => name);
  const ofParams = namedLeaves(params).map(([name]) => name);
  expect(names).toEqual([
    "count",
    ...ofParams.map((name) => `first/${name}`),
    ...ofParams.map((name) => `second/${name}`),
  ]);
});
