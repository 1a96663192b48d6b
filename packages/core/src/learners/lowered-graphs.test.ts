/**
 * What the meta-gradients of the usual settings are written as, by operator. A change of a rewrite or of a lowering
 * shows here: read whether it is what you meant, measure it with `npm run bench`, then update with `npx vitest -u`.
 */
import { estimateModel, lower, loweringProfiles, type Tree, trace } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { episodes } from "../domains/classification/episodes.js";
import { labelledExamples } from "../domains/classification/labelled-examples.js";
import { sinusoids } from "../domains/curves/sinusoid.js";
import { crossEntropy, meanSquaredError } from "../losses/losses.js";
import { convEmbedding, convNet, mlp } from "../networks/models.js";
import { sgd } from "../optimizers/optimizers.js";
import { key, random } from "../random/random.js";
import type { Task, TaskSource } from "../tasks/task.js";
import { sampleTasks } from "../training/task-batch.js";
import { anil, fomaml, maml } from "./gradient/maml.js";
import { type Learner, meanMetaGradient } from "./learner.js";
import { prototypicalNetwork } from "./metric/prototypical.js";

function noise(size: number, channels: number, ways: number, shots: number, queries: number): TaskSource {
  const draw = random(0, 1);
  const exampleShape = [size, size, channels];
  const count = shots + queries;
  const classes = Array.from({ length: ways }, (_, c) => ({
    name: `class ${c}`,
    count,
    examples: Uint8Array.from({ length: count * size * size * channels }, () => draw.integer(256)),
  }));
  return episodes(labelledExamples({ name: "noise", exampleShape, classes }), { ways, shots, queries });
}

const waves = { tasks: sinusoids({ shots: 10 }), count: 25 };
const omniglot = { tasks: noise(28, 1, 5, 1, 1), count: 8 };
const miniImageNet = { tasks: noise(84, 3, 5, 1, 15), count: 1 };

const perceptron = {
  model: mlp({ sizes: [1, 40, 40, 1] }),
  loss: meanSquaredError,
  inner: sgd({ learningRate: 0.01 }),
};
const conv64 = {
  model: convNet({ imageShape: [28, 28, 1], ways: 5, filters: 64 }),
  loss: crossEntropy,
  inner: sgd({ learningRate: 0.4 }),
};
const conv32 = {
  model: convNet({ imageShape: [84, 84, 3], ways: 5, filters: 32, downsampling: "pool" }),
  loss: crossEntropy,
  inner: sgd({ learningRate: 0.01 }),
};
const embedding = convEmbedding({ imageShape: [28, 28, 1], downsampling: "pool" });

type Case = readonly [name: string, learner: Learner, drawn: { readonly tasks: TaskSource; readonly count: number }];

const cases: readonly Case[] = [
  ["MAML, sinusoid MLP, 1 step", maml({ ...perceptron, steps: 1 }), waves],
  ["MAML, sinusoid MLP, 5 steps", maml({ ...perceptron, steps: 5 }), waves],
  ["MAML, Omniglot conv4-64, 1 step", maml({ ...conv64, steps: 1 }), omniglot],
  ["MAML, Omniglot conv4-64, 5 steps", maml({ ...conv64, steps: 5 }), omniglot],
  ["FOMAML, Omniglot conv4-64, 1 step", fomaml({ ...conv64, steps: 1 }), omniglot],
  ["ANIL, Omniglot conv4-64, 1 step", anil({ ...conv64, steps: 1 }), omniglot],
  ["MAML, mini-ImageNet conv4-32 with pooling, 1 step", maml({ ...conv32, steps: 1 }), miniImageNet],
  ["Prototypical network, Omniglot", prototypicalNetwork({ model: embedding, ways: 5 }), { ...omniglot, count: 1 }],
];

/** Operations in matrix products, and nodes by operator. */
function lowered(learner: Learner, tasks: TaskSource, count: number): Record<string, number> {
  const program = (params: Tree, batch: Task): Tree => {
    const { loss, gradient } = meanMetaGradient(learner, params, batch);
    return { loss, gradient };
  };
  const { graph } = trace(program, [learner.init(key(0)), sampleTasks(tasks, 1, 0, count)]);
  const model = lower(graph, loweringProfiles.cpu);
  const { matmulOperations, nodes } = estimateModel(model);
  const operators = model.nodes.map(({ operator }) => operator).sort();
  return {
    matmulOperations,
    nodes,
    ...Object.fromEntries(operators.map((one) => [one, operators.filter((other) => other === one).length])),
  };
}

describe("lowered meta-gradients", () => {
  test.each(cases)("%s", (_name, learner, { tasks, count }) => {
    expect(lowered(learner, tasks, count)).toMatchSnapshot();
  });
});
