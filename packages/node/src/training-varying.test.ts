import {
  adam,
  crossEntropy,
  episodes,
  type Learner,
  labelledExamples,
  maml,
  meanSquaredError,
  mlp,
  pairedDifference,
  prototypicalNetwork,
  random,
  sgd,
  sinusoids,
  type TaskSource,
  train,
} from "@innerloop/core";
import { linear } from "@innerloop/core/layers";
import { afterAll, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

/** Classes are directions in 8 dimensions, of which all but 3 are noise; they have 3 to 12 examples. */
const directions = labelledExamples({
  name: "directions",
  exampleShape: [8],
  classes: Array.from({ length: 30 }, (_, c) => {
    const source = random(5, c);
    const centre = Array.from({ length: 3 }, () => source.normal(0, 2));
    return {
      name: `c${c}`,
      examples: Array.from({ length: 3 + (c % 10) }, () =>
        Array.from({ length: 8 }, (_, i) => (i < 3 ? centre[i]! + 0.3 * source.normal() : 3 * source.normal())),
      ),
    };
  }),
});
const classes = episodes(directions, {
  ways: { from: 2, to: 5 },
  shots: { from: 1, to: 4 },
  queries: { from: 1, to: 6 },
  balanced: false,
});
const curves = sinusoids({ shots: { from: 3, to: 10 }, queries: { from: 5, to: 10 } });

const cases: readonly (readonly [string, Learner, TaskSource, rate: number])[] = [
  [
    "prototypical networks",
    prototypicalNetwork({ model: linear({ inputs: 8, outputs: 3 }), ways: 5 }) as Learner,
    classes,
    0.02,
  ],
  [
    "MAML, classification",
    maml({
      model: mlp({ sizes: [8, 16, 5] }),
      loss: crossEntropy,
      inner: sgd({ learningRate: 0.1 }),
      steps: 2,
    }) as Learner,
    classes,
    0.01,
  ],
  [
    "MAML, regression",
    maml({
      model: mlp({ sizes: [1, 16, 1] }),
      loss: meanSquaredError,
      inner: sgd({ learningRate: 0.01 }),
      steps: 2,
    }) as Learner,
    curves,
    0.01,
  ],
];

test.each(cases)(
  "%s train on tasks that vary in size, and are evaluated on them",
  async (_name, learner, tasks, rate) => {
    const setting = { learner, tasks, optimizer: adam({ learningRate: rate }), metaBatchSize: 8, seed: 1, executor };
    const untrained = await (await train({ ...setting, iterations: 0 })).evaluate({ count: 200 });
    const events: number[] = [];
    const run = await train({
      ...setting,
      iterations: 150,
      // Chunks of tasks, the last of them smaller: all in the shapes of the largest task.
      chunkSize: 3,
      validation: { every: 150, count: 20 },
      onEvent: (event) => {
        if (event.type === "iteration") events.push(event.loss);
      },
    });
    expect(events).toHaveLength(150);
    const trained = await run.evaluate({ count: 200 });
    const [before, after] = [untrained, trained].map(({ values }) => values.at(-1)!.loss!);
    const gain = pairedDifference(before!, after!);
    expect(gain.mean).toBeGreaterThan(2 * gain.interval);
    expect(trained.protocol).toMatchObject({ shots: tasks.description.shots, queries: tasks.description.queries });
  },
);
