/** Learners that read the support set learn to classify: clusters, since characters take them thousands of updates. */
import {
  adam,
  buildLearner,
  crossEntropy,
  episodes,
  type LearnerEntry,
  type LearnerName,
  labelledExamples,
  learnerCatalogue,
  random,
  train,
} from "@innerloop/core";
import { defaultsOf, networkCatalogue } from "@innerloop/core/learners";
import { afterAll, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

const [features, ways, shots] = [4, 2, 2];
/** Classes of points around a centre of their own; those held out have other centres. */
const clusters = (first: number, count: number) =>
  labelledExamples({
    name: "clusters",
    exampleShape: [features],
    classes: Array.from({ length: count }, (_, i) => {
      const draw = random(7, first + i);
      const centre = Array.from({ length: features }, () => 2 * draw.normal());
      return {
        name: `c${first + i}`,
        examples: Array.from({ length: 10 }, () => centre.map((value) => value + 0.5 * draw.normal())),
      };
    }),
  });
const tasks = {
  train: episodes(clusters(0, 400), { ways, shots, queries: 4 }),
  validation: episodes(clusters(1000, 100), { ways, shots, queries: 4 }),
};

test.each(["cnp", "anp", "transformer", "snail", "mann"] satisfies readonly LearnerName[])(
  "%s learns to tell two clusters from two examples of each",
  async (name) => {
    const { options } = learnerCatalogue[name] as LearnerEntry;
    const shapes = { inputShape: [features], outputs: ways };
    const networks = networkCatalogue.mlp.networks(shapes, {
      ...defaultsOf(networkCatalogue.mlp.options),
      hidden: [32],
      batchNorm: "none",
    });
    const learner = buildLearner(
      name,
      {
        ...shapes,
        kind: "classification",
        networks,
        loss: crossEntropy,
        iterations: 100,
        supportRows: ways * shots,
        trainClasses: 400,
      },
      Object.hasOwn(options, "units") ? { units: 32 } : {},
    );
    const run = await train({
      learner,
      tasks,
      optimizer: adam({ learningRate: 3e-3 }),
      metaBatchSize: 16,
      iterations: 150,
      executor,
      onEvent: () => undefined,
    });
    const { mean, interval } = (await run.evaluate({ count: 100 })).rows.at(-1)!.figures.accuracy!;
    // Guessing gives a half.
    expect(mean - interval).toBeGreaterThan(0.75);
  },
);
