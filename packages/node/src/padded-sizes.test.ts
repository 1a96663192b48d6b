/** Runs that adapt to sets of many sizes: what they compile, what they keep, and whom they pad for. */

import {
  key,
  type Layer,
  type Loss,
  maml,
  meanOverRows,
  meanSquaredError,
  mlp,
  presentMean,
  Run,
  random,
  sgd,
  sinusoids,
  specOf,
} from "@innerloop/core";
import { TrainedLearner } from "@innerloop/core/training";
import {
  compile,
  div,
  type Executor,
  mean,
  mul,
  sub,
  sum,
  type Tensor,
  type Tree,
  tensor,
  toNumbers,
} from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { countingLoads } from "./executor/counting-loads.fixture.js";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const native = onnxruntimeExecutor();
afterAll(() => native.close());

const tasks = sinusoids({ shots: 10, queries: 10 });
const network = mlp({ sizes: [1, 16, 1], activation: "tanh" });

function runOf(
  setting: { readonly model?: Layer; readonly loss?: Loss; readonly learningRate?: number; readonly steps?: number },
  executor: Executor = native,
): Run<Tree> {
  const { learningRate = 0.01, ...others } = setting;
  const learner = maml({
    model: network,
    loss: meanSquaredError,
    inner: sgd({ learningRate }),
    steps: 2,
    ...others,
  });
  const parts = { iteration: 0, reason: "finished", tasks: { train: tasks, validation: tasks }, seed: 0 } as const;
  return new Run({ ...parts, learner, params: learner.init(key(1)), executor }) as unknown as Run<Tree>;
}

const columns = (rows: number, seed: number): Tensor => {
  const source = random(seed, rows);
  return tensor(
    Float32Array.from({ length: rows }, () => source.uniform(-2, 2)),
    [rows, 1],
  );
};

test("forty sizes are a few programs, and none of them is loaded after release()", async () => {
  const { executor, loads, open } = countingLoads(native);
  const run = runOf({}, executor);
  const predicted = async (rows: number): Promise<Tensor> =>
    (await run.adapt({ x: columns(rows, 1), y: columns(rows, 2) })).predict(columns(rows + 3, 3));
  for (let rows = 1; rows <= 40; rows++) expect((await predicted(rows)).shape).toEqual([rows + 3, 1]);
  // 1, 2, 3, 4, 6, 8, 10 as in training, 12, 16, 24, 32, 48, twice, and what was tried out.
  expect(loads()).toBeLessThan(28);
  const before = loads();
  const again = await predicted(33);
  expect(loads()).toBe(before);
  await run.release();
  expect(open()).toBe(0);
  expect((await predicted(33)).data).toEqual(again.data);
  await run.release();
});

test("a loss of one's own is padded for where it takes the mask or is declared a mean over rows, and works where not", async () => {
  const plain: Loss = (prediction, y) => mean(mul(sub(prediction, y), sub(prediction, y)));
  const masked: Loss = (prediction, y, present) => presentMean(mul(sub(prediction, y), sub(prediction, y)), present);
  const loadsOf = async (loss: Loss) => {
    const { executor, loads } = countingLoads(native);
    const run = runOf({ loss }, executor);
    const predicted = async (rows: number) =>
      toNumbers(await (await run.adapt({ x: columns(rows, 1), y: columns(rows, 2) })).predict(columns(10, 3)));
    const first = await predicted(11);
    const before = loads();
    await predicted(12);
    return { first, more: loads() - before };
  };
  const found = {
    plain: await loadsOf(plain),
    masked: await loadsOf(masked),
    declared: await loadsOf(meanOverRows(plain)),
  };
  // 11 and 12 are both padded to 12, or are two programs.
  expect([found.masked.more, found.declared.more, found.plain.more]).toEqual([0, 0, 1]);
  for (const { first } of [found.masked, found.declared])
    first.forEach((value, i) => {
      expect(value).toBeCloseTo(found.plain.first[i]!, 5);
    });
});

describe("sets are not padded for", () => {
  /** Every row looks at the mean of all. */
  const centred: Layer = {
    ...network,
    apply: (params, x, context) => network.apply(params, sub(x, mean(x, 0)), context),
  };
  /** Not a mean over rows. */
  const total: Loss = (prediction, y) => sum(mul(sub(prediction, y), sub(prediction, y)));
  const overRoot: Loss = (prediction, y) => div(total(prediction, y), Math.sqrt(prediction.shape[0]!));

  test.each([
    ["a model that looks at other rows", { model: centred }],
    ["a loss that is a sum over rows", { loss: total }],
    ["a loss with a scale of the number of rows", { loss: overRoot }],
    ["such a loss and many small steps", { loss: overRoot, learningRate: 1e-6, steps: 50 }],
  ])("%s", async (_, setting) => {
    const run = runOf(setting);
    await requirePlainAnswers(run, run);
  });

  test("such a model, where the first set was one row that is like padding", async () => {
    const { learner, params } = runOf({ model: centred });
    const spec = specOf(tasks);
    const trained = new TrainedLearner({ learner, params, spec, executor: native, sampledSupport: () => undefined });
    await (await trained.adapt({ x: [[0]], y: [[0]] })).predict(columns(3, 3));
    await requirePlainAnswers({ learner, params }, trained);
  });

  /** Five examples and three inputs, beside the same without padding. */
  async function requirePlainAnswers(
    { learner, params }: Pick<Run<Tree>, "learner" | "params">,
    trained: Pick<Run<Tree>, "adapt">,
  ): Promise<void> {
    const [x, y, asked] = [columns(5, 1), columns(5, 2), columns(3, 3)];
    const found = await (await trained.adapt({ x, y })).predict(asked);
    const plain = compile(
      (theta: Tree, support: { x: Tensor; y: Tensor }, query: Tensor) =>
        learner.predict(learner.adapt(theta, support), query),
      { executor: native },
    );
    const expected = await plain(params, { x, y }, asked);
    found.data!.forEach((value, i) => {
      expect(Number(value)).toBeCloseTo(Number(expected.data![i]), 5);
    });
  }
});
