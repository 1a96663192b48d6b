import {
  estimateModel,
  leaves,
  lower,
  loweringProfiles,
  mapTree,
  paths,
  sub,
  type Tensor,
  type Tree,
  trace,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { batchNorm, linear, sequential, tanh } from "../../layers/layers.js";
import { crossEntropy, meanSquaredError } from "../../losses/losses.js";
import { convNet, mlp } from "../../networks/models.js";
import {
  classificationTask,
  gradientError,
  metricNames,
  namedValues,
  numbersOf,
  regressionTask,
  valuesIn,
} from "../../numerical.fixture.js";
import { adam, sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import type { Task } from "../../tasks/task.js";
import { stackTasks } from "../../training/task-batch.js";
import { type Learner, meanMetaGradient } from "../learner.js";
import { difference, padded, queryLoss } from "../model-based/model-based.fixture.js";
import { type ImplicitMamlOptions, implicitMaml } from "./imaml.js";
import { maml } from "./maml.js";

const curve = mlp({ sizes: [2, 4, 1], activation: "tanh" });
const inner = sgd({ learningRate: 0.3 });
const task = regressionTask(2, 1, 5, 4);
/** Steps enough to end where the inner loss is flat. */
const converged = { loss: meanSquaredError, inner: sgd({ learningRate: 0.15 }), lambda: 2, steps: 100 };
const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));

describe("at the minimum of the inner loss", () => {
  const cases: readonly (readonly [string, Partial<ImplicitMamlOptions>, Task])[] = [
    ["a linear model", { model: linear({ inputs: 2, outputs: 1 }) }, task],
    ["a network", {}, task],
    ["a network whose head adapts", { adapts: "head" }, task],
    ["a network whose body adapts", { adapts: "body" }, task],
    [
      "a network of several classes",
      { model: mlp({ sizes: [2, 4, 3], activation: "tanh" }), loss: crossEntropy },
      classificationTask([2], 3, 2, 2),
    ],
    [
      "batch normalisation by the support set",
      {
        model: sequential([
          linear({ inputs: 2, outputs: 3 }),
          batchNorm({ channels: 3, mode: "support" }),
          tanh(),
          linear({ inputs: 3, outputs: 1 }),
        ]),
        inner: sgd({ learningRate: 0.03 }),
        lambda: 10,
      },
      regressionTask(2, 1, 8, 4),
    ],
  ];

  describe.each(cases)("%s", (_name, options, given) => {
    const settings = { model: curve, ...converged, ...options };
    const learner = implicitMaml({ ...settings, conjugateGradientSteps: 20 });
    const params = learner.init(key(4));
    const found = learner.metaGradient(params, given);

    test("the implicit gradient is what central differences through the whole adaptation tell", () => {
      expect(valuesIn(found.loss)[0]).toBeCloseTo(valuesIn(queryLoss(learner, params, given))[0]!, 10);
      expect(
        gradientError((at: Tree) => queryLoss(learner, at, given), params, found.gradient, { h: 1e-4, directions: 2 }),
      ).toBeLessThan(1e-6);
      expect(Object.keys(found.metrics)).toEqual(metricNames(settings.loss));
    });

    test("and the gradient through the inner loop of a proximal MAML", () => {
      const explicit = maml({ ...settings, proximal: settings.lambda }).metaGradient(params, given);
      expect(paths(found.gradient)).toEqual(paths(params));
      expect(valuesIn(found.loss)[0]).toBeCloseTo(valuesIn(explicit.loss)[0]!, 10);
      const expected = numbersOf(explicit.gradient).flat();
      expect(difference(numbersOf(found.gradient).flat(), expected)).toBeLessThan(1e-6 * largest(expected));
    });

    test("which is another than that of the adapted parameters", () => {
      const first = maml({ ...settings, proximal: settings.lambda, order: 1 }).metaGradient(params, given);
      const other = mapTree(sub, found.gradient, first.gradient);
      expect(largest(numbersOf(other).flat())).toBeGreaterThan(0.05 * largest(numbersOf(first.gradient).flat()));
    });
  });

  test("damping draws it from the implicit gradient to that of the adapted parameters", () => {
    const params = curve.init(key(2));
    const gradient = (learner: Learner): number[] => numbersOf(learner.metaGradient(params, task).gradient).flat();
    const first = gradient(maml({ model: curve, ...converged, proximal: 2, order: 1 }));
    const distances = [0, 2, 20, 1e9].map((damping) =>
      difference(gradient(implicitMaml({ model: curve, ...converged, conjugateGradientSteps: 20, damping })), first),
    );
    for (let i = 1; i < distances.length; i++) expect(distances[i]).toBeLessThan(0.8 * distances[i - 1]!);
    expect(distances.at(-1)).toBeLessThan(1e-8 * largest(first));
  });

  test("steps of conjugate gradients come closer one by one", () => {
    const exact = maml({ model: curve, ...converged, proximal: 2 });
    const params = exact.init(key(2));
    const expected = numbersOf(exact.metaGradient(params, task).gradient).flat();
    const errors = [1, 2, 4, 8].map((conjugateGradientSteps) => {
      const learner = implicitMaml({ model: curve, ...converged, conjugateGradientSteps });
      return difference(numbersOf(learner.metaGradient(params, task).gradient).flat(), expected);
    });
    for (let i = 1; i < errors.length; i++) expect(errors[i]).toBeLessThan(0.5 * errors[i - 1]!);
  });
});

describe("the learner's contract", () => {
  const learner = implicitMaml({ model: curve, loss: meanSquaredError, inner, steps: 3 });
  const params = learner.init(key(1));

  test("adapts as MAML with the same term does, and no step leaves the model as it is", () => {
    const other = maml({ model: curve, loss: meanSquaredError, inner, steps: 3, proximal: 2 });
    expect(namedValues(learner.adapt(params, task.support))).toEqual(namedValues(other.adapt(params, task.support)));
    expect(valuesIn(learner.predict(learner.adapt(params, task.support, { steps: 0 }), task.query.x))).toEqual(
      valuesIn(curve.apply(params, task.query.x)),
    );
  });

  test("a strong term keeps the parameters where they are, and the gradient is that of the query loss there", () => {
    const held = implicitMaml({
      model: curve,
      loss: meanSquaredError,
      inner: sgd({ learningRate: 1e-6 }),
      steps: 3,
      lambda: 1e6,
    });
    const still = maml({ model: curve, loss: meanSquaredError, inner: sgd({ learningRate: 0 }), steps: 1 });
    const [a, b] = [held, still].map((one) => numbersOf(one.metaGradient(params, task).gradient).flat());
    expect(difference(a!, b!)).toBeLessThan(1e-5 * largest(b!));
  });

  test("rows of padding change nothing", () => {
    const classes = classificationTask([2], 4, 2, 1);
    const model = sequential([
      linear({ inputs: 2, outputs: 4 }),
      batchNorm({ channels: 4, mode: "support" }),
      tanh(),
      linear({ inputs: 4, outputs: 4 }),
    ]);
    const classifier = implicitMaml({ model, loss: crossEntropy, inner, steps: 3 });
    const first = classifier.init(key(1));
    const numbers = ({ support, query }: Task): number[] => {
      const { loss, metrics, gradient } = classifier.metaGradient(first, { support, query });
      return numbersOf([loss, { ...metrics }, gradient]).flat();
    };
    const filled = { support: padded(classes.support), query: padded(classes.query) };
    expect(difference(numbers(filled), numbers(classes))).toBeLessThan(1e-9);
  });

  test("running statistics are kept out of it", () => {
    const model = sequential([
      linear({ inputs: 2, outputs: 4 }),
      batchNorm({ channels: 4, mode: "running" }),
      tanh(),
      linear({ inputs: 4, outputs: 1 }),
    ]);
    const running = implicitMaml({ model, loss: meanSquaredError, inner, steps: 2 });
    const { gradient, statistics } = running.metaGradient(running.init(key(1)), task);
    expect(namedValues(gradient)["1/runningMean"]).toEqual([0, 0, 0, 0]);
    expect(largest(namedValues(gradient)["1/scale"]!)).toBeGreaterThan(0);
    expect(Object.keys(statistics!)).toEqual(["1"]);
  });

  test("its mean over tasks is the mean of single ones", () => {
    const tasks = [0, 1].map((index) => regressionTask(2, 1, 5, 4, index));
    const [a, b] = tasks.map((one) => numbersOf(learner.metaGradient(params, one).gradient).flat());
    const all = numbersOf(meanMetaGradient(learner, params, stackTasks(tasks)).gradient).flat();
    expect(
      difference(
        all,
        a!.map((value, i) => (value + b![i]!) / 2),
      ),
    ).toBeLessThan(1e-9);
  });

  test("a support loss that curves down ends the conjugate gradients, in finite numbers", () => {
    // The curvature of -10 (prediction - y)^2 is below -lambda: the gradient of the query loss stands in.
    const downhill = Object.assign((prediction: Tensor, y: Tensor): Tensor => {
      const error = meanSquaredError(prediction, y);
      return sub(0, error);
    });
    const model = linear({ inputs: 2, outputs: 1 });
    const learner = implicitMaml({ model, loss: downhill, inner: sgd({ learningRate: 1e-9 }), steps: 1, lambda: 1e-3 });
    const start = learner.init(key(1));
    const found = numbersOf(learner.metaGradient(start, task).gradient).flat();
    const direct = maml({ model, loss: downhill, inner: sgd({ learningRate: 0 }) });
    expect(difference(found, numbersOf(direct.metaGradient(start, task).gradient).flat())).toBeLessThan(1e-6);
  });

  test("refuses numbers out of range, and says its options", () => {
    const refused = (options: Partial<ImplicitMamlOptions>) =>
      expect(() => implicitMaml({ model: curve, loss: meanSquaredError, ...options }));
    refused({ lambda: 0 }).toThrow(/^IL102 implicitMaml: lambda 0/);
    refused({ damping: -1 }).toThrow(/^IL102 implicitMaml: damping -1/);
    refused({ steps: 0 }).toThrow(/^IL102 implicitMaml: steps 0/);
    refused({ conjugateGradientSteps: 1.5 }).toThrow(/^IL102 implicitMaml: conjugateGradientSteps 1.5/);
    expect(
      implicitMaml({ model: curve, loss: meanSquaredError, inner: adam({ learningRate: 0.1 }), lambda: 3 }).description,
    ).toEqual({
      steps: 16,
      inner: "adam(0.1)",
      lambda: 3,
      conjugateGradientSteps: 5,
      damping: 0,
      adapts: "all",
    });
  });
});

test("memory does not grow with inner steps", () => {
  const model = convNet({ imageShape: [14, 14, 1], ways: 5, filters: 8, blocks: 2 });
  const images: Task = stackTasks([classificationTask([14, 14, 1], 5, 2, 2, 0)]);
  const bytes = (learner: Learner): number => {
    const gradient = (params: Tree, batch: Task): Tree => {
      const found = meanMetaGradient(learner, params, batch);
      return { loss: found.loss, gradient: found.gradient };
    };
    return estimateModel(lower(trace(gradient, [learner.init(key(0)), images]).graph, loweringProfiles.cpu)).peakBytes;
  };
  const implicit = (steps: number): number =>
    bytes(implicitMaml({ model, loss: crossEntropy, inner, steps, conjugateGradientSteps: 2 }));
  const parameters = 4 * leaves(model.init(key(0))).reduce((total, leaf) => total + leaf.size, 0);
  expect(implicit(50) - implicit(5)).toBeLessThanOrEqual(parameters);
  const explicit = (steps: number): number => bytes(maml({ model, loss: crossEntropy, inner, steps, proximal: 2 }));
  expect(explicit(10) - explicit(5)).toBeGreaterThan(20 * parameters);
});
