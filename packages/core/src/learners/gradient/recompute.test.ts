import { estimateModel, interpret, leaves, lower, loweringProfiles, paths, type Tree, trace } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { batchNorm, dropout, linear, sequential, tanh } from "../../layers/layers.js";
import { crossEntropy, meanSquaredError } from "../../losses/losses.js";
import { convNet, mlp } from "../../networks/models.js";
import { classificationTask, regressionTask } from "../../numerical.fixture.js";
import { adam, sgd } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import type { Task } from "../../tasks/task.js";
import { stackTasks, taskKeys } from "../../training/task-batch.js";
import { type Learner, meanMetaGradient } from "../learner.js";
import { anil, boil, fomaml, maml, metaSgd } from "./maml.js";
import { reptile } from "./reptile.js";

const model = mlp({ sizes: [2, 4, 3, 1], activation: "tanh" });
const noisy = sequential([
  linear({ inputs: 2, outputs: 4 }),
  batchNorm({ channels: 4, mode: "support" }),
  tanh(),
  dropout({ rate: 0.3 }),
  linear({ inputs: 4, outputs: 1 }),
]);
const base = { model, loss: meanSquaredError, inner: sgd({ learningRate: 0.3 }), steps: 3 };
const learners: readonly (readonly [string, Learner])[] = [
  ["MAML", maml(base)],
  ["MAML, inner momentum", maml({ ...base, inner: sgd({ learningRate: 0.1, momentum: 0.9 }) })],
  ["MAML, inner Adam", maml({ ...base, inner: adam({ learningRate: 0.05 }) })],
  ["MAML, dropout and batch normalisation", maml({ ...base, model: noisy })],
  ["FOMAML", fomaml(base)],
  ["ANIL", anil(base)],
  ["BOIL", boil(base)],
  ["Meta-SGD", metaSgd({ model, loss: meanSquaredError, steps: 3, learningRate: 0.2 })],
  ["Reptile", reptile(base)],
];

const tasks = stackTasks([0, 1, 2].map((index) => regressionTask(2, 1, 4, 5, index)));

describe("inner steps that are computed again", () => {
  test.each(learners)("%s: the same meta-gradient over tasks", (_name, learner) => {
    const params = learner.init(key(3));
    const values = (recompute: number): readonly Float64Array[] => {
      const { loss, gradient } = meanMetaGradient(learner, params, tasks, taskKeys(1, 0, 3), { recompute });
      return interpret([loss, ...leaves(gradient)]);
    };
    const expected = values(0);
    for (const recompute of [1, 2, 5]) {
      values(recompute).forEach((found, i) => {
        found.forEach((value, j) => {
          expect(Math.abs(value - expected[i]![j]!), `${i} of recompute ${recompute}`).toBeLessThanOrEqual(
            1e-12 * Math.max(1, Math.abs(expected[i]![j]!)),
          );
        });
      });
    }
    expect(expected[0]![0]).toBeGreaterThan(0);
  });

  test("the memory of a step more is that of its parameters, and not of what it computes", () => {
    const images = convNet({ imageShape: [28, 28, 1], ways: 5, filters: 8 });
    const task: Task = stackTasks([classificationTask([28, 28, 1], 5, 2, 2, 0)]);
    const parameterBytes = 4 * leaves(images.init(key(0))).reduce((total, leaf) => total + leaf.size, 0);
    const bytes = (steps: number, recompute: number): number => {
      const learner = maml({ model: images, loss: crossEntropy, inner: sgd({ learningRate: 0.4 }), steps });
      const gradient = (params: Tree, batch: Task): Tree => {
        const found = meanMetaGradient(learner, params, batch, undefined, { recompute });
        return { loss: found.loss, gradient: found.gradient };
      };
      const params = learner.init(key(0));
      expect(paths(params).length).toBeGreaterThan(4);
      return estimateModel(lower(trace(gradient, [params, task]).graph, loweringProfiles.cpu)).peakBytes;
    };
    const perStep = (recompute: number): number => (bytes(6, recompute) - bytes(3, recompute)) / 3;
    // Each step leaves a copy of the parameters behind; half a copy of slack for what lies between.
    expect(perStep(1)).toBeLessThanOrEqual(1.5 * parameterBytes);
    expect(perStep(0)).toBeGreaterThan(8 * perStep(1));
    // Two steps at a time: fewer copies of the parameters, and what two steps compute.
    expect(bytes(6, 2)).toBeGreaterThan(bytes(6, 1));
    expect(bytes(6, 2)).toBeLessThan(0.7 * bytes(6, 0));
  });
});
