import type { Tree } from "@innerloop/graph";
import {
  adam,
  allClasses,
  classifierPretraining,
  convMaps,
  episodes,
  evaluate,
  type LabelledExamples,
  type Learner,
  labelledExamples,
  matchingNetwork,
  mlp,
  nearestCentroid,
  nearestNeighbour,
  prototypicalNetwork,
  random,
  relationNetwork,
  semiSupervisedEpisodes,
  semiSupervisedPrototypes,
  siameseNetwork,
  simpleShot,
  splitClasses,
  type TaskSource,
  train,
  tripletNetwork,
} from "innerloop";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";

const executor = onnxruntimeExecutor({ threads: 1 });
afterAll(() => executor.close());

/** Images of 4 x 4 pixels: a class is a pattern in the upper half, with a little noise; the lower half is loud noise. */
function patterns(): LabelledExamples {
  const source = random(4);
  const classes = Array.from({ length: 30 }, (_, i) => {
    const pattern = Array.from({ length: 8 }, () => source.uniform(-1, 1));
    const examples = Array.from({ length: 12 }, () => [
      ...pattern.map((value) => value + source.normal(0, 0.3)),
      ...pattern.map(() => source.normal(0, 1.2)),
    ]);
    return { name: `class ${i}`, examples: examples.map((values) => Float32Array.from(values)) };
  });
  return labelledExamples({ name: "patterns", exampleShape: [4, 4, 1], classes });
}

const { train: base, test: held } = splitClasses(patterns(), { train: 20 }, 1);
const shape = { ways: 3, shots: 2, queries: 4 };
const sources = { train: episodes(base, shape), validation: episodes(held, shape) };
const model = mlp({ sizes: [16, 24, 8], activation: "tanh" });
const ways = 3;

const learners: readonly (readonly [
  string,
  Learner,
  { readonly train: TaskSource; readonly validation: TaskSource }?,
])[] = [
  [
    "prototypical network, learned temperature",
    prototypicalNetwork({ model, ways, distance: "cosine", temperature: "learned" }),
  ],
  ["matching network", matchingNetwork({ model, ways, temperature: 0.1 })],
  [
    "matching network, full context",
    matchingNetwork({ model, ways, temperature: 0.1, fullContext: true, processingSteps: 2 }),
  ],
  ["relation network of vectors", relationNetwork({ model, ways })],
  [
    "relation network of maps",
    relationNetwork({ model: convMaps({ imageShape: [4, 4, 1], filters: 6, blocks: 2, pooledBlocks: 0 }), ways }),
  ],
  ["Siamese network", siameseNetwork({ model, ways })],
  ["triplet network", tripletNetwork({ model, ways, margin: 0.5 })],
  ["triplet network, hard", tripletNetwork({ model, ways, margin: 0.5, mining: "hard", classifyBy: "mean" })],
  [
    "semi-supervised prototypical network",
    semiSupervisedPrototypes({ model, ways, distractors: {} }),
    {
      train: semiSupervisedEpisodes(base, { ...shape, unlabelled: 2, distractorClasses: 1 }),
      validation: semiSupervisedEpisodes(held, { ...shape, unlabelled: 2, distractorClasses: 1 }),
    },
  ],
  [
    "SimpleShot",
    simpleShot({ model, ways, classes: 20 }),
    { train: allClasses(base, { batch: 48 }), validation: sources.validation },
  ],
];

describe("every metric-based learner trains on onnxruntime, and tells classes apart that it has not met", () => {
  test.each(learners)(
    "%s",
    async (_, learner, tasks = sources) => {
      const losses: number[] = [];
      const run = await train({
        learner,
        tasks,
        optimizer: adam({ learningRate: 0.01 }),
        metaBatchSize: learner.name === "SimpleShot" ? 1 : 4,
        iterations: 120,
        executor,
        onEvent: (event) => {
          if (event.type === "iteration") losses.push(event.loss);
        },
      });
      const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
      expect(mean(losses.slice(-20))).toBeLessThan(0.95 * mean(losses.slice(0, 5)));
      const accuracyOf = async (params: Tree): Promise<{ mean: number; interval: number }> => {
        const { rows } = await evaluate({ learner, params, tasks: tasks.validation, count: 150, executor });
        return rows[0]!.figures.accuracy!;
      };
      const [before, after] = [await accuracyOf(learner.init({ seed: 0, path: "" })), await accuracyOf(run.params)];
      console.log(learner.name, before, after, losses[0], losses.at(-1));
      expect(after.mean - after.interval).toBeGreaterThan(Math.max(before.mean, 0.4));
    },
    30_000,
  );
});

test("an embedding that was trained as a classifier serves the nearest-neighbour and nearest-centroid baselines", async () => {
  const learner = classifierPretraining({ model, classes: 20 });
  const run = await train({
    learner,
    tasks: allClasses(base, { batch: 48 }),
    optimizer: adam({ learningRate: 0.01 }),
    metaBatchSize: 1,
    iterations: 120,
    executor,
  });
  const embedding = (run.params as { readonly model: Tree }).model;
  const accuracy = async (adapter: Parameters<typeof evaluate>[0]["learner"], params: Tree): Promise<number> => {
    const { rows } = await evaluate({ learner: adapter, params, tasks: sources.validation, count: 100, executor });
    return rows[0]!.figures.accuracy!.mean;
  };
  const pixels = nearestNeighbour({ ways });
  const inPixels = await accuracy(pixels, pixels.init({ seed: 0, path: "" }));
  expect(await accuracy(nearestNeighbour({ ways, model }), embedding)).toBeGreaterThan(inPixels);
  expect(await accuracy(nearestCentroid({ ways, model, transform: "l2" }), embedding)).toBeGreaterThan(inPixels);
  expect(await accuracy(nearestCentroid({ ways, model }), run.params)).toBeGreaterThan(inPixels);
}, 30_000);
