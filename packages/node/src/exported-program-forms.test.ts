/** The forms of exported programs: names, types and notes that others rely on, and what is refused. */
import {
  anil,
  convNet,
  crossEntropy,
  key,
  type Learner,
  maml,
  meanSquaredError,
  mlp,
  random,
  reptile,
  sgd,
} from "@innerloop/core";
import { box, policyNetwork, policySurrogate, recurrentPolicy } from "@innerloop/core/reinforcement";
import type { TaskSpec } from "@innerloop/core/tasks";
import {
  type ExportOptions,
  exportPrograms,
  openSetAnswers,
  statusBits,
  TrainedLearner,
} from "@innerloop/core/training";
import { type PortableModel, type Tensor, type TensorsByName, type Tree, tensor, toNumbers } from "@innerloop/graph";
import { afterAll, describe, expect, test } from "vitest";
import { built, examplesOf } from "./catalogue-examples.fixture.js";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { openPortable } from "./executor/portable-models.fixture.js";

const native = onnxruntimeExecutor();
afterAll(() => native.close());

const imageSpec = {
  x: { shape: [8, 8, 1], dtype: "float32" },
  y: { shape: [], dtype: "int32", classes: { count: 3 } },
  support: { rows: 6 },
  query: { rows: 4 },
} as const satisfies TaskSpec;

type AnyOptions = Omit<ExportOptions, "learner"> & { readonly learner: unknown };
const exported = (options: AnyOptions) => exportPrograms(options as ExportOptions);

const of = (learner: Learner, spec: TaskSpec = imageSpec): AnyOptions =>
  ({ learner, params: learner.init(key(1)), spec }) as AnyOptions;
const adapting = (batchNorm: "support" | "transductive" | "running" = "support") =>
  built("maml", "classification", 3, batchNorm);

const slots = (list: PortableModel["inputs"]): string[] =>
  list.map(({ name, dtype, shape }) => `${name} ${dtype}[${shape}]`);
async function runOnce(
  model: PortableModel,
  feeds: Parameters<Awaited<ReturnType<typeof openPortable>>["run"]>[0],
): Promise<TensorsByName> {
  const session = await openPortable(model);
  const found = await session.run(feeds);
  await session.close();
  return found;
}

describe("names and types", () => {
  const prototypes = of(built("prototypical", "classification", 3, "support"));
  const { models, ways, support, padded } = exported(prototypes);

  test("of classes: int64 labels and steps, logits beside probabilities, any number of queries", () => {
    const taskOf = (rows: number | string) => [
      `support_inputs float32[${rows},8,8,1]`,
      `support_labels int64[${rows}]`,
      `support_mask float32[${rows}]`,
      "steps int64[]",
    ];
    const task = taskOf("support");
    const answers = ["logits float32[queries,3]", "probabilities float32[queries,3]"];
    const asked = "query_inputs float32[queries,8,8,1]";
    expect(slots(models.adapt.inputs)).toEqual(task);
    expect(slots(models.few_shot.inputs)).toEqual([...task, asked]);
    expect(slots(models.few_shot.outputs)).toEqual([...answers, "status int64[]"]);
    expect(slots(models.predict.outputs)).toEqual(answers);
    const state = slots(models.adapt.outputs).slice(0, -1);
    expect(slots(models.predict.inputs)).toEqual([...state, asked]);
    expect([ways, support, padded]).toEqual([3, 6, false]);
    for (const fixed of [{ padded: true }, { queries: 2 }]) {
      const made = exported({ ...prototypes, ...fixed });
      expect(slots(made.models.adapt.inputs)).toEqual(taskOf(6));
      expect(made.padded).toBe(true);
    }
  });

  test("of a prototypical network only prototypes and statistics are of the task", () => {
    const names = models.adapt.outputs.map(({ name }) => name);
    expect(names.filter((name) => !name.startsWith("state.statistics."))).toEqual([
      ...names.filter((name) => /^state\.(prototypes|absent|counts?)/.test(name)),
      "status",
    ]);
    expect(names.some((name) => name.startsWith("state.params"))).toBe(false);
  });

  test("of a head that adapts alone, no other parameters are of the task", () => {
    const learner = anil({
      model: mlp({ sizes: [2, 8, 8, 1] }),
      loss: meanSquaredError,
      inner: sgd({ learningRate: 0.1 }),
    });
    const spec: TaskSpec = {
      x: { shape: [2], dtype: "float32" },
      y: { shape: [1], dtype: "float32" },
      support: { rows: 5 },
      query: { rows: 5 },
    };
    const made = exported(of(learner, spec));
    expect(slots(made.models.adapt.inputs)[1]).toBe("support_targets float32[support,1]");
    const state = ["state.params.5.weight float32[8,1]", "state.params.5.bias float32[1]"];
    expect(slots(made.models.adapt.outputs)).toEqual([...state, "status int64[]"]);
    expect(slots(made.models.predict.outputs)).toEqual(["mean float32[queries,1]"]);
    expect(made.steps).toEqual({ usual: 1, fixed: undefined });
    expect(Object.keys(made.parameters)).toContain("parameters.1.weight");
  });

  test("of predictions with deviations these stand beside the means", () => {
    const learner = built("cnp", "regression", 1);
    const { x, y } = examplesOf("regression", 4, 1, false);
    const spec: TaskSpec = {
      x: { shape: x.shape.slice(1), dtype: "float32" },
      y: { shape: y.shape.slice(1), dtype: "float32" },
      support: { rows: 4 },
      query: { rows: 4 },
    };
    const { models: made } = exported(of(learner, spec));
    expect(slots(made.predict.outputs)).toEqual(["mean float32[queries,1]", "deviation float32[queries,1]"]);
  });
});

test.each(["logit", "probability", "energy"] as const)(
  "inputs are rejected by the rule of scores: %s",
  async (score) => {
    const prototypes = of(built("prototypical", "classification", 3, "support"));
    const { x, y } = examplesOf("classification", 6, 3, false);
    const asked = examplesOf("classification", 9, 3, false).x;
    const answered = async (threshold: number) => {
      const { models } = exported({ ...prototypes, openSet: { score, threshold } });
      expect(slots(models.predict.outputs).at(-1)).toBe("rejected bool[queries]");
      const { logits, rejected } = await runOnce(models.few_shot, {
        support_inputs: x,
        support_labels: tensor(toNumbers(y), [6], "int64"),
        support_mask: tensor(new Float32Array(6).fill(1)),
        steps: tensor([0], [], "int64"),
        query_inputs: asked,
      });
      return { rejected: Array.from(rejected!.data!, Boolean), logits: logits! };
    };
    const { logits } = await answered(0);
    const scores = openSetAnswers(logits, { score, threshold: 0 }).map((each) => each.score);
    const sorted = scores.toSorted((a, b) => a - b);
    // Between two of them: what is rounded otherwise is on the same side.
    const threshold = (sorted[3]! + sorted[5]!) / 2;
    const { rejected } = await answered(threshold);
    expect(rejected).toEqual(scores.map((each) => each < threshold));
    expect(rejected.filter(Boolean).length).toBeGreaterThan(2);
    expect(rejected.filter(Boolean).length).toBeLessThan(9);
  },
);

test("mini-batches of a step are chosen within the loop, of padded sets as of whole ones", async () => {
  const learner = reptile({
    model: mlp({ sizes: [2, 6, 1] }),
    loss: meanSquaredError,
    inner: sgd({ learningRate: 0.1 }),
    innerBatchSize: 3,
    steps: 4,
  });
  const params = learner.init(key(1));
  const spec: TaskSpec = {
    x: { shape: [2], dtype: "float32" },
    y: { shape: [1], dtype: "float32" },
    support: { rows: 8 },
    query: { rows: 2 },
  };
  const { models, padded } = exported({ learner, params, spec });
  // Which rows a mini-batch takes is written for so many.
  expect(padded).toBe(true);
  expect(() => exported({ learner, params, spec, padded: false })).toThrow(/IL405 .*depends on the number of support/);
  const column = (rows: number, width: number, seed: number): Tensor =>
    tensor(
      Float32Array.from({ length: rows * width }, (_, i) => Math.sin(seed + 2 * i)),
      [rows, width],
    );
  const [x, y, asked] = [column(8, 2, 1), column(8, 1, 2), column(2, 2, 3)];
  const first = (of: Tensor, rows: number): Tensor =>
    tensor((of.data as Float32Array).slice(0, rows * of.shape[1]!), [rows, of.shape[1]!]);
  const trained = new TrainedLearner({ learner, params, spec, executor: native });
  for (const there of [8, 7, 2]) {
    const { mean, status } = await runOnce(models.few_shot, {
      support_inputs: x,
      support_targets: y,
      support_mask: tensor(new Float32Array(8).fill(1, 0, there)),
      steps: tensor([7], [], "int64"),
      query_inputs: asked,
    });
    expect(toNumbers(status!)).toEqual([0]);
    const task = await trained.adapt({ x: first(x, there), y: first(y, there) }, { steps: 7 });
    const expected = toNumbers(await task.predict(asked));
    toNumbers(mean!).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 5);
    });
  }
});

describe("images as bytes", () => {
  const bytes = (rows: number, seed: number) => Uint8Array.from({ length: rows * 64 }, (_, i) => (i * 37 + seed) % 256);

  test.each([
    ["as they are", {}, (byte: number) => byte / 255],
    ["inverted", { invert: true }, (byte: number) => (255 - byte) / 255],
    ["standardised", { mean: [0.5], deviation: [0.25] }, (byte: number) => (byte / 255 - 0.5) / 0.25],
  ])("%s, become the learner's numbers within the model", async (_, imageInput, numberOf) => {
    const learner = adapting();
    const params = learner.init(key(1));
    const { models } = exported({ learner, params, spec: imageSpec, imageInput });
    expect(slots(models.few_shot.inputs)[0]).toBe("support_inputs uint8[support,8,8,1]");
    const [known, asked] = [bytes(6, 1), bytes(3, 5)];
    const numbers = (list: Uint8Array) => tensor(Float32Array.from(list, numberOf), [list.length / 64, 8, 8, 1]);
    const labels = [0, 1, 2, 0, 1, 2];
    const trained = new TrainedLearner({ learner, params, spec: imageSpec, executor: native });
    const task = await trained.adapt({ x: numbers(known), y: tensor(labels, [6], "int32") }, { steps: 2 });
    const { logits } = await runOnce(models.few_shot, {
      support_inputs: { bytes: known, shape: [6, 8, 8, 1] },
      support_labels: tensor(labels, [6], "int64"),
      support_mask: tensor(new Float32Array(6).fill(1)),
      steps: tensor([2], [], "int64"),
      query_inputs: { bytes: asked, shape: [3, 8, 8, 1] },
    });
    const expected = toNumbers(await task.predict(numbers(asked)));
    toNumbers(logits!).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 4);
    });
  });

  test("of colours, become the grey that the learner sees", async () => {
    const learner = adapting();
    const params = learner.init(key(1));
    const imageInput = { greyOfColours: true, invert: true };
    const { models } = exported({ learner, params, spec: imageSpec, imageInput });
    expect(slots(models.few_shot.inputs)[0]).toBe("support_inputs uint8[support,8,8,3]");
    expect(slots(models.predict.inputs).at(-1)).toBe("query_inputs uint8[queries,8,8,3]");
    const [known, asked] = [bytes(18, 1), bytes(9, 5)];
    const grey = (list: Uint8Array) => {
      const mean = (_: unknown, i: number): number => 1 - (list[3 * i]! + list[3 * i + 1]! + list[3 * i + 2]!) / 765;
      return tensor(Float32Array.from({ length: list.length / 3 }, mean), [list.length / 192, 8, 8, 1]);
    };
    const labels = [0, 1, 2, 0, 1, 2];
    const trained = new TrainedLearner({ learner, params, spec: imageSpec, executor: native });
    const task = await trained.adapt({ x: grey(known), y: tensor(labels, [6], "int32") }, { steps: 2 });
    const { logits } = await runOnce(models.few_shot, {
      support_inputs: { bytes: known, shape: [6, 8, 8, 3] },
      support_labels: tensor(labels, [6], "int64"),
      support_mask: tensor(new Float32Array(6).fill(1)),
      steps: tensor([2], [], "int64"),
      query_inputs: { bytes: asked, shape: [3, 8, 8, 3] },
    });
    const expected = toNumbers(await task.predict(grey(asked)));
    toNumbers(logits!).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 4);
    });
    const colours: TaskSpec = { ...imageSpec, x: { shape: [8, 8, 3], dtype: "float32" } };
    expect(() => exported({ ...of(learner, colours), imageInput })).toThrow(/ILR101 imageInput: there is no grey/);
  });

  test.each([
    [{ scale: 0 }, /ILR101 imageInput: scale 0/],
    [{ mean: [0, 0] }, /ILR101 imageInput: mean has 2 numbers for 1 channels/],
    [{ deviation: [0] }, /ILR101 imageInput: deviation \[0\]/],
    [{ mean: [Number.NaN] }, /ILR101 imageInput: mean \[NaN\]/],
  ])("%j is refused", (imageInput, message) => {
    expect(() => exported({ ...of(adapting()), imageInput })).toThrow(message);
  });

  test("are refused of inputs that are no images", () => {
    const learner = built("ridge", "regression", 1);
    const spec: TaskSpec = {
      x: { shape: [3], dtype: "float32" },
      y: { shape: [1], dtype: "float32" },
      support: { rows: 4 },
      query: { rows: 4 },
    };
    expect(() => exported({ ...of(learner, spec), imageInput: {} })).toThrow(/ILR101 imageInput: inputs are no images/);
  });
});

test("transductive batch normalisation is refused unless the number of queries is fixed", async () => {
  const learner = adapting("transductive");
  expect(() => exported(of(learner))).toThrow(/ILR301 MAML: its batch normalisation is transductive/);
  const { models } = exported({ ...of(learner), queries: 4 });
  expect(slots(models.predict.outputs)).toEqual(["logits float32[4,3]", "probabilities float32[4,3]"]);
  const params = learner.init(key(1));
  const trained = new TrainedLearner({ learner, params, spec: imageSpec, executor: native });
  const { x, y } = examplesOf("classification", 6, 3, false);
  const asked = examplesOf("classification", 4, 3, false).x;
  const { logits } = await runOnce(models.few_shot, {
    support_inputs: x,
    support_labels: tensor(toNumbers(y), [6], "int64"),
    support_mask: tensor(new Float32Array(6).fill(1)),
    steps: tensor([2], [], "int64"),
    query_inputs: asked,
  });
  const expected = toNumbers(await (await trained.adapt({ x, y }, { steps: 2 })).predict(asked));
  toNumbers(logits!).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 4);
  });
});

test("a model says itself what it is", async () => {
  const { models, parametersDigest } = exported({ ...of(adapting()), metadata: { protocol: "5-way" } });
  const text = Buffer.from(models.predict.bytes).toString("latin1");
  for (const part of ["innerloop export 1", "MAML", parametersDigest, "5-way", "predict"]) expect(text).toContain(part);
  expect(parametersDigest).toMatch(/^[0-9a-f]{64}$/);
});

test.each([
  ["support", { support: 0 }],
  ["queries", { queries: 1.5 }],
  ["unrolled", { unrolled: -1 }],
])("%s out of range is refused", (name, options) => {
  expect(() => exported({ ...of(adapting()), ...options })).toThrow(new RegExp(`ILR101 ${name}`));
});

test("class indices of an unknown number of classes are refused", () => {
  const learner = maml({
    model: convNet({ imageShape: [8, 8, 1], ways: 3, blocks: 1, batchNorm: "support" }),
    loss: crossEntropy,
    inner: sgd({ learningRate: 0.1 }),
  });
  const spec: TaskSpec = { ...imageSpec, y: { shape: [], dtype: "int32" } };
  expect(() => exported(of(learner, spec))).toThrow(/ILR301 MAML: targets are class indices of an unknown number/);
});

describe("policies", () => {
  const family = { observation: box({ shape: 3 }), action: box({ shape: 2, low: -1, high: 1 }) };
  const [episodes, horizon] = [4, 5];
  const steps = { shape: [horizon], dtype: "float32" } as const;
  const spec = {
    x: { shape: [horizon, 3], dtype: "float32" },
    y: {
      action: { shape: [horizon, 2], dtype: "float32" },
      ...{ advantage: steps, reward: steps, taken: steps },
      acted: { shape: [horizon, 4], dtype: "float32" },
    },
    support: { rows: episodes },
    query: { rows: episodes },
  } as unknown as TaskSpec;
  const learner = maml({
    model: policyNetwork({ ...family, hidden: [8] }) as never,
    loss: policySurrogate(family.action) as never,
    inner: sgd({ learningRate: 0.05 }),
    steps: 2,
  });
  const params = learner.init(key(1));
  const values = (shape: readonly number[], seed: number): Tensor => {
    const source = random(seed);
    return tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => source.uniform(-1, 1)),
      shape,
    );
  };

  test("adapt to episodes, all of which are there, and say rows of their distributions", async () => {
    const { models } = exported({ learner, params, spec, masked: false });
    expect(slots(models.adapt.inputs)).toEqual([
      "support_inputs float32[4,5,3]",
      "support_targets.action float32[4,5,2]",
      ...["advantage", "reward", "taken"].map((name) => `support_targets.${name} float32[4,5]`),
      "support_targets.acted float32[4,5,4]",
      "steps int64[]",
    ]);
    expect(slots(models.predict.outputs)).toEqual(["prediction float32[queries,5,4]"]);
    const x = values([episodes, horizon, 3], 1);
    const flat = [episodes, horizon] as const;
    const y = {
      action: values([...flat, 2], 2),
      advantage: values(flat, 3),
      reward: values(flat, 4),
      taken: tensor(new Float32Array(episodes * horizon).fill(1), flat),
      acted: tensor(new Float32Array(episodes * horizon * 4), [...flat, 4]),
    };
    const asked = values([2, horizon, 3], 6);
    const answered = (targets: TensorsByName) =>
      runOnce(models.few_shot, {
        support_inputs: x,
        ...Object.fromEntries(Object.entries(targets).map(([name, value]) => [`support_targets.${name}`, value])),
        steps: tensor([3], [], "int64"),
        query_inputs: asked,
      });
    const { prediction, status } = await answered(y);
    expect(toNumbers(status!)).toEqual([0]);
    // Of a policy that is nothing like the one that acted, ratios grow beyond all bounds.
    const { status: diverged } = await answered({ ...y, acted: values([...flat, 4], 5) });
    expect(toNumbers(diverged!)).toEqual([statusBits.notFinite]);
    const trained = new TrainedLearner<Tree, Tree, Tree, Tree>({
      learner: learner as never,
      params,
      spec: spec as never,
      executor: native,
    });
    const task = await trained.adapt({ x, y } as never, { steps: 3 });
    const expected = toNumbers((await task.predict(asked as never)) as Tensor);
    toNumbers(prediction!).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 4);
    });
  });

  test("are refused with a mask, which their loss does not take", () => {
    expect(() => exported({ learner, params, spec })).toThrow(/ILR301 MAML: its loss takes no mask.*masked: false/);
  });

  test("that remember a trial are refused: they adapt to no support set", () => {
    const remembering = recurrentPolicy({ ...family, units: 4, loss: policySurrogate(family.action) } as never);
    const own = { learner: remembering, params: remembering.init(key(1)), spec };
    expect(() => exported(own)).toThrow(/ILR301 RL\^2: it adapts by what it remembers/);
  });
});
