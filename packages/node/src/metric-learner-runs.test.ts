import {
  type Adapter,
  adam,
  allClasses,
  classifierPretraining,
  convMaps,
  episodes,
  evaluate,
  key,
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
  type TrainingEvent,
  train,
  tripletNetwork,
} from "@innerloop/core";
import type { Tree } from "@innerloop/graph";
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

interface LearnerRun {
  readonly name: string;
  readonly learner: Learner;
  /** `sources` by default. */
  readonly tasks?: { readonly train: TaskSource; readonly validation: TaskSource };
}

const learners: readonly LearnerRun[] = [
  {
    name: "prototypical network, learned temperature",
    learner: prototypicalNetwork({ model, ways, distance: "cosine", temperature: "learned" }),
  },
  { name: "matching network", learner: matchingNetwork({ model, ways, temperature: 0.1 }) },
  {
    name: "matching network, full context",
    learner: matchingNetwork({ model, ways, temperature: 0.1, fullContext: true, processingSteps: 2 }),
  },
  { name: "relation network of vectors", learner: relationNetwork({ model, ways }) },
  {
    name: "relation network of maps",
    learner: relationNetwork({
      model: convMaps({ imageShape: [4, 4, 1], filters: 6, blocks: 2, pooledBlocks: 0 }),
      ways,
    }),
  },
  { name: "Siamese network", learner: siameseNetwork({ model, ways }) },
  { name: "triplet network", learner: tripletNetwork({ model, ways, margin: 0.5 }) },
  {
    name: "triplet network, hard",
    learner: tripletNetwork({ model, ways, margin: 0.5, mining: "hard", classifyBy: "mean" }),
  },
  {
    name: "semi-supervised prototypical network",
    learner: semiSupervisedPrototypes({ model, ways, distractors: {} }),
    tasks: {
      train: semiSupervisedEpisodes(base, { ...shape, unlabelled: 2, distractorClasses: 1 }),
      validation: semiSupervisedEpisodes(held, { ...shape, unlabelled: 2, distractorClasses: 1 }),
    },
  },
  {
    name: "SimpleShot",
    learner: simpleShot({ model, ways, classes: 20 }),
    tasks: { train: allClasses(base, { batch: 48 }), validation: sources.validation },
  },
];

describe("every metric-based learner trains on onnxruntime, and tells classes apart that it has not met", () => {
  test.each(learners)("$name", async ({ learner, tasks = sources }) => {
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
    expect(mean(losses.slice(-20))).toBeLessThan(0.6 * mean(losses.slice(0, 3)));
    const accuracyOf = async (params: Tree): Promise<{ mean: number; interval: number }> => {
      const { rows } = await evaluate({ learner, params, tasks: tasks.validation, count: 100, executor });
      return rows[0]!.figures.accuracy!;
    };
    const [before, after] = [await accuracyOf(learner.init(key(0))), await accuracyOf(run.params)];
    // Chance is 1/3; all start at up to 0.52 and end at 0.74 to 0.94.
    expect(after.mean - after.interval).toBeGreaterThan(before.mean + 0.1);
  });
});

describe("SimpleShot on batches of all classes alone", () => {
  const options = {
    learner: simpleShot({ model, ways, classes: 20 }),
    tasks: allClasses(base, { batch: 48 }),
    optimizer: adam({ learningRate: 0.01 }),
    metaBatchSize: 1,
    iterations: 3,
    executor,
  };

  test("is refused before training where it is to be validated on them, and trains where not", async () => {
    const updates: number[] = [];
    const onEvent = (event: TrainingEvent): void => {
      if (event.type === "iteration") updates.push(event.iteration);
    };
    await expect(train({ ...options, onEvent, validation: { every: 2 } })).rejects.toThrow(/^IL102 simpleShot/);
    expect(updates).toEqual([]);
    expect((await train({ ...options, onEvent })).iteration).toBe(3);
  });

  test("adapts to its own number of classes, not to that of the batches", async () => {
    const run = await train(options);
    const x = Array.from({ length: 4 }, (_, i) => new Array<number>(16).fill(i));
    await expect(run.adapt({ x, y: [0, 1, 2, 7] })).rejects.toThrow(/y\[3\] is 7, and this run tells 3 classes apart/);
    const adapted = await run.adapt({ x, y: [0, 1, 2, 2] });
    expect((await adapted.predict(x)).shape).toEqual([4, 3]);
  });
});

test("semi-supervised prototypes that were trained without unlabelled examples take them all the same", async () => {
  const run = await train({
    learner: semiSupervisedPrototypes({ model, ways }),
    tasks: sources,
    optimizer: adam({ learningRate: 0.01 }),
    metaBatchSize: 1,
    iterations: 1,
    executor,
    onEvent: () => undefined,
  });
  const x = Array.from({ length: 4 }, (_, i) => new Array<number>(16).fill(i));
  const adapted = await run.adapt({ x, y: [0, 1, 2, -1] });
  expect((await adapted.predict(x)).shape).toEqual([4, 3]);
  await expect(run.adapt({ x, y: [0, 1, 2, -2] })).rejects.toThrow(/y\[3\] is -2, .* \(0 to \d, or -1 for none\)/);
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
  const accuracy = async (adapter: Adapter, params: Tree): Promise<number> => {
    const { rows } = await evaluate({ learner: adapter, params, tasks: sources.validation, count: 100, executor });
    return rows[0]!.figures.accuracy!.mean;
  };
  const pixels = nearestNeighbour({ ways });
  const inPixels = await accuracy(pixels, pixels.init(key(0)));
  expect(await accuracy(nearestNeighbour({ ways, model }), embedding)).toBeGreaterThan(inPixels);
  const unit = nearestCentroid({ ways, model, transform: "l2" });
  expect(await accuracy(unit, embedding)).toBeGreaterThan(inPixels);
  // All that the training made serves as well as the embedding of it.
  expect(await accuracy(unit, run.params)).toBe(await accuracy(unit, embedding));
  expect(await accuracy(nearestCentroid({ ways, model }), run.params)).toBeGreaterThan(inPixels);
});
