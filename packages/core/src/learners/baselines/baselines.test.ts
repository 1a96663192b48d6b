import { mul, type Tree } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { functionLayer, type Layer } from "../../layers/layer.js";
import { batchNorm, linear, sequential, tanh } from "../../layers/layers.js";
import { crossEntropy } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import { classificationTask, flat, namedValues, valuesIn } from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import type { Task } from "../../tasks/task.js";
import { implicitMaml } from "../gradient/imaml.js";
import { anil } from "../gradient/maml.js";
import { largestDifference, padded, predictions } from "../metric/metric-learner.fixture.js";
import { fineTuning, fromScratch, jointTraining, nearestNeighbour } from "./baselines.js";

const task = (index = 0): Task => classificationTask([4], 4, 2, 2, index);
const body = [linear({ inputs: 4, outputs: 3 }), tanh()] as readonly Layer[];
const model = sequential([...body, linear({ inputs: 3, outputs: 4 }) as Layer]);
const inner = sgd({ learningRate: 0.2 });
const options = { model, loss: crossEntropy, inner, steps: 3 };

describe("fineTuning", () => {
  const params = model.init(key(1));

  test("of the whole network is training from scratch, from the parameters that it is given", () => {
    const tuned = namedValues(fineTuning(options).adapt(params, task().support).params);
    expect(tuned).toEqual(namedValues(fromScratch(options).adapt(params, task().support).params));
    for (const [path, values] of Object.entries(namedValues(params))) expect(tuned[path], path).not.toEqual(values);
  });

  test("of the head leaves the body bit for bit, as ANIL does", () => {
    const tuned = namedValues(fineTuning({ ...options, adapts: "head" }).adapt(params, task().support).params);
    expect(tuned).toEqual(namedValues(anil({ ...options }).adapt(params, task().support).params));
    for (const [path, values] of Object.entries(namedValues(params))) {
      if (path.startsWith("2/")) expect(tuned[path], path).not.toEqual(values);
      else expect(tuned[path], path).toEqual(values);
    }
  });

  test("of chosen paths moves these alone", () => {
    const biases = fineTuning({ ...options, adapts: (path) => path.endsWith("bias") });
    const tuned = namedValues(biases.adapt(params, task().support).params);
    const moved = Object.entries(namedValues(params)).filter(([path, values]) => tuned[path]!.join() !== values.join());
    expect(moved.map(([path]) => path)).toEqual(["0/bias", "2/bias"]);
  });

  test("refuses to move the head of a model that does not say which part it is", () => {
    const headless: Layer = { init: model.init, apply: model.apply };
    expect(() => fineTuning({ ...options, model: headless, adapts: "head" })).toThrow(/^IL102 fineTuning: .*its head/);
    expect(() => implicitMaml({ ...options, model: headless, adapts: "head" })).toThrow(/^IL102 implicitMaml/);
  });

  test.each(["all", "head"] as const)("%s: rows that are not there change nothing", (adapts) => {
    const learner = fineTuning({ ...options, adapts });
    const plain = predictions(learner, params, task());
    const filled = predictions(learner, params, { support: padded(task().support), query: padded(task().query) });
    // A mean multiplies by 1/8, and divides where rows are padding.
    expect(largestDifference(filled.slice(4, 36), plain)).toBeLessThan(1e-9);
  });

  test("is what joint pre-training adapts by", () => {
    for (const adapts of ["all", "head"] as const) {
      const joint = jointTraining({ ...options, adapts });
      expect(namedValues(joint.adapt(params, task().support))).toEqual(
        namedValues(fineTuning({ ...options, adapts }).adapt(params, task().support)),
      );
      expect(joint.name).toBe("joint pre-training");
      expect(joint.description).toEqual({ steps: 3, inner: inner.description, adapts });
      // What adapts has no part in training.
      expect(namedValues(joint.metaGradient(params, task()).gradient)).toEqual(
        namedValues(jointTraining(options).metaGradient(params, task()).gradient),
      );
    }
    expect(jointTraining(options).description).toEqual({ steps: 3, inner: inner.description });
  });

  test("says its options, and refuses a head that the model does not name", () => {
    expect(fineTuning({ ...options, adapts: "head" }).name).toBe("fine-tuning, head");
    expect(fineTuning(options).name).toBe("fine-tuning");
    expect(fineTuning({ ...options, adapts: () => true }).description.adapts).toBe("chosen parameters");
    const headless: Layer = { init: model.init, apply: model.apply };
    expect(() => fineTuning({ ...options, model: headless, adapts: "head" })).toThrow(/^IL102 .*head/);
  });
});

describe("nearestNeighbour in an embedding", () => {
  const embedding = mlp({ sizes: [4, 5, 3], activation: "tanh" });
  const params = embedding.init(key(2));

  test("is nearest neighbour among the embedded examples", () => {
    const learner = nearestNeighbour({ ways: 4, model: embedding });
    const inSpace = nearestNeighbour({ ways: 4, embed: (x) => embedding.apply(params, x) });
    expect(predictions(learner, params, task())).toEqual(predictions(inSpace, inSpace.init(key(0)), task()));
    expect(namedValues(learner.init(key(2)))).toEqual(namedValues(params));
    const scaled = nearestNeighbour({ ways: 4, embed: (x) => mul(embedding.apply(params, x), 3) });
    const [plain, larger] = [learner, scaled].map((one) => predictions(one, params, task()));
    expect(
      largestDifference(
        larger!,
        plain!.map((value) => 9 * value),
      ),
    ).toBeLessThan(1e-12);
  });

  test("with batch normalisation by the support set does not depend on other queries", () => {
    const normalized = sequential([...body, batchNorm({ channels: 3, mode: "support" }) as Layer]);
    const learner = nearestNeighbour({ ways: 4, model: normalized });
    const first = (company: number): number[] => {
      const x = flat([...valuesIn(task().query.x).slice(0, 4), ...valuesIn(task(company).query.x)], [9, 4]);
      return predictions(learner, normalized.init(key(1)), { support: task().support, query: { ...task().query, x } });
    };
    expect(first(5).slice(0, 4)).toEqual(first(6).slice(0, 4));
    expect(first(5)).not.toEqual(first(6));
    expect(learner.description).toEqual({ space: "embedding", batchNorm: "support" });
  });

  test.each([
    ["input", undefined],
    ["embedding", sequential([...body, batchNorm({ channels: 3, mode: "transductive" }) as Layer])],
  ])("%s space: rows that are not there change nothing", (space, own) => {
    const learner = nearestNeighbour({ ways: 4, ...(own ? { model: own } : {}) });
    const at: Tree = learner.init(key(1));
    const filled = predictions(learner, at, { support: padded(task().support), query: padded(task().query) });
    expect(largestDifference(filled.slice(4, 36), predictions(learner, at, task()))).toBeLessThan(1e-9);
    expect(learner.description.space).toBe(space);
  });

  test("takes one embedding", () => {
    const embed = functionLayer((x) => x).apply;
    expect(() => nearestNeighbour({ ways: 4, model: embedding, embed: (x) => embed({}, x) })).toThrow(
      /^IL102 nearestNeighbour: both model and embed/,
    );
  });
});
