import { namedLeaves, type Tree } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { buildLearner, type LearnerSetting, networkCatalogue } from "../../catalogue/index.js";
import { mlp } from "../../networks/models.js";
import { namedValues } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import { base, curve, curves, distance, expectClose, iteration } from "./gradient-options.fixture.js";
import { fomaml, maml } from "./maml.js";
import { mamlPlusPlus } from "./maml-plus-plus.js";

type Both = { readonly model: Tree; readonly inner: { readonly [path: string]: Tree } };

const task = curves();
const normalizedModel = mlp({
  sizes: [2, 4, 1],
  activation: "tanh",
  batchNorm: "transductive",
  batchNormSteps: 2,
});
const { model: _model, inner: _inner, ...options } = { ...base, learningRate: 0.3 };

describe("mamlPlusPlus", () => {
  test("without its annealings and batch normalisation, at first it is MAML", () => {
    const learner = mamlPlusPlus({ ...options, model: curve, multiStepLoss: false, orderAnnealing: false });
    const start = learner.init(key(2)) as Both;
    for (const how of [{}, iteration(0), iteration(10)]) {
      const { loss, gradient } = learner.metaGradient(start, task, undefined, how);
      const expected = maml(base).metaGradient(start.model, task);
      expectClose({ loss, gradient: (gradient as Both).model }, { loss: expected.loss, gradient: expected.gradient });
    }
  });

  test("its annealings are those of MAML's options", () => {
    const annealings = { multiStepLoss: { annealOver: 6 }, orderAnnealing: { secondOrderFrom: 4 } };
    const learner = mamlPlusPlus({ ...options, model: curve, ...annealings });
    const start = learner.init(key(2)) as Both;
    for (const count of [0, 3, 4, 6, 9]) {
      const found = learner.metaGradient(start, task, undefined, iteration(count));
      const make = count < 4 ? fomaml : maml;
      const expected = make({ ...base, multiStepLoss: annealings.multiStepLoss }).metaGradient(
        start.model,
        task,
        undefined,
        iteration(count),
      );
      expectClose(
        { loss: found.loss, gradient: (found.gradient as Both).model },
        { loss: expected.loss, gradient: expected.gradient },
      );
    }
  });

  test("takes the published annealings by default", () => {
    const learner = mamlPlusPlus({ model: curve, loss: base.loss });
    expect(learner.name).toBe("MAML++");
    expect(learner.steps).toBe(5);
    expect(learner.description).toEqual({
      order: 2,
      steps: 5,
      inner: "sgd(learned per layer and step over 5 steps from 0.1)",
      adapts: "all but scale and shift of normalisation",
      multiStepLoss: 7_500,
      secondOrderFrom: 25_000,
    });
    const start = learner.init(key(2));
    const gradientAt = (count: number): Tree => learner.metaGradient(start, task, undefined, iteration(count)).gradient;
    expectClose(gradientAt(24_999), gradientAt(8_000));
    expect(distance(gradientAt(24_999), gradientAt(25_000))).toBeGreaterThan(1e-3);
    expect(distance(gradientAt(0), gradientAt(3_750))).toBeGreaterThan(1e-3);
  });

  test("scale and shift of batch normalisation do not adapt and have no rates; all steps' are learned", () => {
    const learner = mamlPlusPlus({ ...options, model: normalizedModel, multiStepLoss: { annealOver: 10 } });
    const start = learner.init(key(2)) as Both;
    expect(Object.keys(start.inner)).toEqual(["1/weight", "1/bias", "4/weight", "4/bias"]);
    expect(namedLeaves(start.inner).map(([, rate]) => rate.shape)).toEqual([[2], [2], [2], [2]]);
    const [before, after] = [start.model, learner.adapt(start, task.support).params].map(namedValues) as [
      Record<string, number[]>,
      Record<string, number[]>,
    ];
    for (const path of Object.keys(before)) {
      if (/(scale|shift)$/.test(path)) expect(after[path], path).toEqual(before[path]);
      // What the normalisation takes away again has no gradient.
      else if (path !== "1/bias") expect(after[path], path).not.toEqual(before[path]);
    }
    const { gradient } = learner.metaGradient(start, task);
    const slopes = namedValues((gradient as Both).model);
    for (const step of [0, 1]) {
      for (const name of ["scale", "shift"]) {
        expect(Math.max(...slopes[`2/steps/${step}/${name}`]!.map(Math.abs))).toBeGreaterThan(1e-4);
      }
    }
    expect(learner.description).toMatchObject({ batchNorm: "transductive", batchNormSteps: 2 });
  });

  test("of the catalogue is there for trainings of any length", () => {
    for (const [iterations, multiStepLoss, secondOrderFrom] of [
      [1, 1, 1],
      [300, 30, 100],
    ]) {
      const networks = networkCatalogue.mlp.networks(
        { inputShape: [2], outputs: 1 },
        { hidden: [4], init: "glorot", batchNorm: "none" },
      );
      const shapes = { inputShape: [2], outputs: 1, supportRows: 4, trainClasses: 0 };
      const description = (kind: LearnerSetting["kind"]) => {
        const setting = { ...shapes, kind, networks, loss: base.loss, iterations: iterations! };
        return buildLearner("maml++", setting, { steps: 2, innerRate: 0.1 }).description;
      };
      expect(description("classification")).toMatchObject({ multiStepLoss, secondOrderFrom });
      // Curves are of second order from the start: their losses have no bound that would keep the rates within one.
      expect(description("regression")).toMatchObject({ multiStepLoss, order: 2 });
      expect(description("regression")).not.toHaveProperty("secondOrderFrom");
    }
  });

  test("refuses a model whose steps are not its own", () => {
    const shared = mlp({ sizes: [2, 4, 1], batchNorm: "transductive" });
    expect(() => mamlPlusPlus({ ...options, model: shared })).toThrow(
      /^IL102 mamlPlusPlus: the model's batch normalisation is shared by all steps, of 2.*batchNormSteps: 2/,
    );
    expect(() => mamlPlusPlus({ ...options, model: normalizedModel, steps: 3 })).toThrow(/tells 2 steps apart, of 3/);
    expect(() => mamlPlusPlus({ ...options, model: curve, steps: 0 })).toThrow(/^IL102 learnedRates: steps 0/);
  });
});
