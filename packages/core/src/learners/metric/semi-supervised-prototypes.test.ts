import { type Tensor, type Tree, tensor, zeros } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { labelledExamples } from "../../domains/classification/labelled-examples.js";
import { semiSupervisedEpisodes } from "../../domains/classification/semi-supervised-episodes.js";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { batchNorm, linear, sequential, tanh } from "../../layers/layers.js";
import { mlp } from "../../networks/models.js";
import { classificationTask, namedValues, noiseTensor, valuesIn } from "../../numerical.fixture.js";
import { key, random } from "../../random/random.js";
import type { Task } from "../../tasks/task.js";
import { sampleTasks } from "../../training/task-batch.js";
import { type Learner, meanMetaGradient } from "../learner.js";
import { largestDifference, metricLearnerContract, padded, predictions } from "./metric-learner.fixture.js";
import { type Prototypes, prototypicalNetwork } from "./prototypical.js";
import { semiSupervisedPrototypes } from "./semi-supervised-prototypes.js";

const model: Layer = sequential([linear({ inputs: 4, outputs: 3 }), tanh()]);
const normalized: Layer = sequential([
  linear({ inputs: 4, outputs: 3 }),
  batchNorm({ channels: 3, mode: "support" }),
  tanh(),
]);
const identity: Layer = functionLayer((x) => x) as Layer;
const labels = (...values: number[]): Tensor => tensor(values, [values.length], "int32");
/** 4 ways, 2 shots, 8 support examples without a label. */
const task = (index = 0): Task => ({
  support: {
    x: noiseTensor([16, 4], index, 1),
    y: labels(0, 0, 1, 1, -1, 2, 2, 3, 3, ...new Array<number>(7).fill(-1)),
  },
  query: classificationTask([4], 4, 2, 2, index).query,
});

describe.each([
  ["soft k-means", { model }],
  ["two refinements, batch normalisation", { model: normalized, refinements: 2 }],
  ["distractor cluster", { model, distractors: { lengthScale: 0.7 } }],
  ["masks, batch normalisation", { model: normalized, masks: { units: 4 } }],
])("the learner's contract, %s", (_, options) => {
  metricLearnerContract(semiSupervisedPrototypes({ ...options, ways: 4 }) as Learner, task);
});

describe("prototypes", () => {
  const support = {
    x: tensor([
      [0, 1],
      [4, 1],
      [1, 1],
      [2, 1],
      [9, 9],
    ]),
    y: labels(0, 1, -1, -1, -1),
  };
  const squared = (a: number[], b: number[]): number => (a[0]! - b[0]!) ** 2 + (a[1]! - b[1]!) ** 2;
  /** The paper's equations in plain numbers; r of the distractor cluster, or none. */
  const refined = (
    steps: number,
    r?: number,
    mask = (_: number[][]) => [
      [1, 1],
      [1, 1],
      [1, 1],
    ],
  ): number[][] => {
    const [labelled, free] = [
      [
        [0, 1],
        [4, 1],
      ],
      [
        [1, 1],
        [2, 1],
        [9, 9],
      ],
    ];
    let prototypes = labelled;
    for (let step = 0; step < steps; step++) {
      const z = free.map((x) => {
        const scores = prototypes.map((p) => Math.exp(-squared(x, p)));
        const other = r === undefined ? 0 : Math.exp(-squared(x, [0, 0]) / r ** 2 - Math.log(r));
        const total = scores.reduce((a, b) => a + b, other);
        return scores.map((score) => score / total);
      });
      const masks = mask(free.map((x) => prototypes.map((p) => squared(x, p))));
      const taken = z.map((row, j) => row.map((share, k) => share * masks[j]![k]!));
      prototypes = labelled.map((own, k) => {
        const weight = taken.reduce((total, row) => total + row[k]!, 1);
        return [0, 1].map((i) => free.reduce((total, x, j) => total + taken[j]![k]! * x[i]!, own[i]!) / weight);
      });
    }
    return prototypes;
  };

  test.each([0, 1, 3])("after %i refinements are those of soft k-means", (refinements) => {
    const { prototypes } = semiSupervisedPrototypes({ model: identity, ways: 2, refinements }).adapt({}, support);
    expect(largestDifference(valuesIn(prototypes), refined(refinements).flat())).toBeLessThan(1e-12);
  });

  test("masks weigh by the network of the distances' statistics", () => {
    const learner = semiSupervisedPrototypes({ model: identity, ways: 2, refinements: 2, masks: { units: 3 } });
    const params = learner.init(key(4)) as { masks: Record<string, Record<string, Tensor>> };
    const [first, last] = ["0", "2"].map((layer) => {
      const { weight, bias } = params.masks[layer]!;
      const rows = valuesIn(weight!);
      const outputs = weight!.shape[1]!;
      const offsets = valuesIn(bias!);
      return (x: number[]): number[] =>
        Array.from({ length: outputs }, (_, o) =>
          x.reduce((total, value, i) => total + value * rows[i * outputs + o]!, offsets[o]!),
        );
    }) as [(x: number[]) => number[], (x: number[]) => number[]];
    const epsilon = 1e-5;
    const masks = (distances: number[][]): number[][] => {
      const ofClass = [0, 1].map((k) => {
        const column = distances.map((row) => row[k]!);
        const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length;
        const relative = column.map((d) => d / (mean(column) + epsilon));
        const moment = (power: number): number => mean(relative.map((d) => (d - mean(relative)) ** power));
        const spread = moment(2) + epsilon;
        const statistics = [Math.min(...relative), Math.max(...relative), spread];
        const [beta, gamma] = last(
          first([...statistics, moment(3) / spread ** 1.5, moment(4) / spread ** 2]).map(Math.tanh),
        ) as [number, number];
        return relative.map((d) => 1 / (1 + Math.exp((gamma + 1) * (d - beta - 1))));
      });
      return distances.map((_, j) => ofClass.map((column) => column[j]!));
    };
    const found = valuesIn(learner.adapt(params as Tree, support).prototypes);
    expect(largestDifference(found, refined(2, undefined, masks).flat())).toBeLessThan(1e-12);
    expect(largestDifference(found, refined(2).flat())).toBeGreaterThan(1e-2);
  });

  test("a distractor cluster takes what is near none of them", () => {
    // A length scale of 16: float32 has its logarithm to 7 digits.
    const learner = semiSupervisedPrototypes({ model: identity, ways: 2, distractors: { lengthScale: 16 } });
    const found = valuesIn(learner.adapt(learner.init(key(1)), support).prototypes);
    expect(largestDifference(found, refined(1, 16).flat())).toBeLessThan(1e-6);
    // (9, 9) pulls the second class without it, and does not with it.
    expect(found[3]!).toBeCloseTo(1, 2);
    expect(refined(1)[1]![1]!).toBeGreaterThan(3);
  });
});

describe("masks", () => {
  const learner = semiSupervisedPrototypes({ model, ways: 4, masks: { units: 4 } });
  const params = learner.init(key(1)) as { model: Tree; masks: Record<string, Record<string, Tensor>> };
  /** With a network whose outputs are beta and gamma, whatever its inputs: it adds 1 to each. */
  const withBorders = (beta: number, gamma: number): Tree => ({
    ...params,
    masks: { ...params.masks, "2": { weight: zeros([4, 2]), bias: tensor([beta - 1, gamma - 1]) } },
  });
  const { support } = task();
  const prototypesOf = (other: Learner<Tree, Prototypes>, at: Tree): number[] =>
    valuesIn(other.adapt(at, support).prototypes);

  test("wide open it is soft k-means, shut it is the prototypical network", () => {
    const [open, shut] = [1, 0].map((refinements) => semiSupervisedPrototypes({ model, ways: 4, refinements }));
    const at = (beta: number) => prototypesOf(learner, withBorders(beta, 50));
    expect(largestDifference(at(100), prototypesOf(open!, params.model))).toBeLessThan(1e-12);
    expect(largestDifference(at(-100), prototypesOf(shut!, params.model))).toBeLessThan(1e-12);
    expect(largestDifference(at(1), at(100))).toBeGreaterThan(1e-3);
    expect(largestDifference(at(1), at(-100))).toBeGreaterThan(1e-3);
  });

  test("begin with a border at the mean distance", () => {
    const begun = prototypesOf(semiSupervisedPrototypes({ model, ways: 4, masks: {} }), {
      ...params,
      masks: { "0": { weight: zeros([5, 20]), bias: zeros([20]) }, "2": { weight: zeros([20, 2]), bias: zeros([2]) } },
    });
    expect(largestDifference(begun, prototypesOf(learner, withBorders(1, 1)))).toBeLessThan(1e-12);
  });

  test("are finite with one unlabelled example, and with none", () => {
    for (const labelled of [8, 7]) {
      const few = { x: noiseTensor([8, 4], 0, 1), y: labels(0, 0, 1, 1, 2, 2, 3, labelled === 8 ? 3 : -1) };
      const { gradient } = learner.metaGradient(params, { support: few, query: task().query });
      for (const values of Object.values(namedValues(gradient)))
        expect(values.every((value) => Number.isFinite(value) && Math.abs(value) < 1e3)).toBe(true);
    }
  });

  test("of rows with a label no statistic is taken, however far they are", () => {
    const wide = semiSupervisedPrototypes({ model: identity, ways: 2, masks: {} });
    const at = wide.init(key(1));
    const prototypes = (x: number[][], y: number[]): number[] =>
      valuesIn(wide.adapt(at, { x: tensor(x), y: labels(...y) }).prototypes);
    expect(
      prototypes(
        [
          [1e9, 0],
          [0, 1e9],
        ],
        [0, 1],
      ),
    ).toEqual([1e9, 0, 0, 1e9]);
    const free = [
      [1, 1],
      [2, 1],
    ];
    const near = [
      [0, 1],
      [4, 1],
    ];
    // A third class far off, with an example of its own and nothing near it, changes nothing for the others.
    const three = semiSupervisedPrototypes({ model: identity, ways: 3, masks: {} });
    const { prototypes: all } = three.adapt(at, {
      x: tensor([...near, [1e4, 1e4], ...free]),
      y: labels(0, 1, 2, -1, -1),
    });
    expect(largestDifference(valuesIn(all).slice(0, 4), prototypes([...near, ...free], [0, 1, -1, -1]))).toBeLessThan(
      1e-9,
    );
  });
});

test("without unlabelled rows it is the prototypical network", () => {
  const plain = classificationTask([4], 4, 2, 2);
  const proto = prototypicalNetwork({ model, ways: 4 });
  const params = proto.init(key(1));
  const semi = semiSupervisedPrototypes({ model, ways: 4, refinements: 2 });
  expect(namedValues(semi.init(key(1)))).toEqual(namedValues(params));
  expect(namedValues(semi.adapt(params, plain.support))).toEqual(namedValues(proto.adapt(params, plain.support)));
  const gradients = [semi, proto].map((learner) => namedValues(learner.metaGradient(params, plain).gradient));
  for (const [path, values] of Object.entries(gradients[1]!))
    expect(largestDifference(gradients[0]![path]!, values)).toBeLessThan(1e-12);
});

test("padding that is labelled as unlabelled changes nothing", () => {
  const learner = semiSupervisedPrototypes({ model, ways: 4, distractors: {} }) as Learner;
  const params = learner.init(key(1));
  const { support, query } = task();
  const found = predictions(learner, params, { support: padded(support, { label: -1 }), query });
  expect(largestDifference(found, predictions(learner, params, task()))).toBeLessThan(1e-12);
});

test("a class without labelled examples gets no probability, and takes none of the unlabelled", () => {
  const [narrow, wide] = [4, 6].map(
    (ways) => semiSupervisedPrototypes({ model, ways }) as unknown as Learner<Tree, Prototypes>,
  );
  const params = narrow!.init(key(1));
  const few = predictions(narrow as Learner, params, task());
  const many = predictions(wide as Learner, params, { support: padded(task().support), query: task().query });
  for (let row = 0; row < 8; row++) {
    expect(largestDifference(many.slice(6 * row, 6 * row + 4), few.slice(4 * row, 4 * row + 4))).toBeLessThan(1e-12);
    expect(Math.max(...many.slice(6 * row + 4, 6 * row + 6))).toBeLessThan(-1e8);
  }
});

test("unlabelled examples make better prototypes of one shot", () => {
  const source = random(3);
  // Two coordinates tell the classes apart, with noise that one example does not average out.
  const classes = Array.from({ length: 8 }, (_, c) => ({
    name: `class ${c}`,
    examples: Array.from({ length: 20 }, () =>
      [0, 1].map((i) => 3 * [Math.cos(c), Math.sin(c)][i]! + source.normal(0, 0.8)),
    ),
  }));
  const tasks = semiSupervisedEpisodes(labelledExamples({ name: "ring", exampleShape: [2], classes }), {
    ways: 3,
    shots: 1,
    queries: 4,
    unlabelled: 8,
  });
  const accuracy = (refinements: number): number => {
    const learner = semiSupervisedPrototypes({ model: mlp({ sizes: [2, 2] }), ways: 3, refinements });
    const params = {
      "1": {
        weight: tensor([
          [1, 0],
          [0, 1],
        ]),
        bias: tensor([0, 0]),
      },
    };
    const { metrics } = meanMetaGradient(learner as Learner, params as Tree, sampleTasks(tasks, 1, 0, 200));
    return valuesIn(metrics.accuracy!)[0]!;
  };
  // 200 tasks of 12 queries: a standard error of about 0.01.
  expect(accuracy(1)).toBeGreaterThan(accuracy(0) + 0.02);
});

test("says its options, and refuses those that are none", () => {
  expect(semiSupervisedPrototypes({ model: normalized, ways: 2 }).description).toEqual({
    refinements: 1,
    distractors: false,
    masks: false,
    batchNorm: "support",
  });
  expect(semiSupervisedPrototypes({ model, ways: 2, distractors: {} }).description).toEqual({
    refinements: 1,
    distractors: true,
    lengthScale: 1,
    masks: false,
  });
  expect(semiSupervisedPrototypes({ model, ways: 2, masks: {} }).description).toEqual({
    refinements: 1,
    distractors: false,
    masks: true,
    units: 20,
  });
  const made = (options: object) => () => semiSupervisedPrototypes({ model, ways: 2, ...options });
  expect(made({ ways: 1 })).toThrow(/^IL102 semiSupervisedPrototypes: 1 ways/);
  expect(made({ refinements: -1 })).toThrow(/^IL102 semiSupervisedPrototypes: -1 refinements/);
  expect(made({ distractors: { lengthScale: 0 } })).toThrow(/^IL102 semiSupervisedPrototypes: length scale 0/);
  expect(made({ masks: { units: 0 } })).toThrow(/^IL102 semiSupervisedPrototypes: masks of 0 units/);
  expect(made({ masks: {}, distractors: {} })).toThrow(/^IL102 semiSupervisedPrototypes: both distractors and masks/);
});
