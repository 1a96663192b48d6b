import { add, concat, matmul, mul, relu, reshape, sliceAxis, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import type { Layer } from "../../layers/layer.js";
import { batchNorm, conv2d, linear, maxPool, residual, sequential, tanh } from "../../layers/layers.js";
import { crossEntropy, meanSquaredError } from "../../losses/losses.js";
import { convEmbedding, convNet, mlp } from "../../networks/models.js";
import {
  classificationTask,
  gradientError,
  namedValues,
  noiseTensor,
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
import { type ContextLayer, cavia, contextualConvNet, contextualMlp, modulatedByContext } from "./cavia.js";
import type { AdaptedModel } from "./gradient-adaptation.js";
import { warped } from "./warped.js";

const curve = contextualMlp({ sizes: [2, 5, 1], contextSize: 3, activation: "tanh" });
const imageOptions = { imageShape: [8, 8, 1] as const, ways: 4, filters: 3, blocks: 2, contextSize: 2 };
const inner = sgd({ learningRate: 0.5 });
const curves = (index = 0): Task => regressionTask(2, 1, 4, 4, index);
const pictures = (index = 0): Task => classificationTask([8, 8, 1], 4, 2, 1, index);

const cases: readonly (readonly [string, ContextLayer, Learner, (index?: number) => Task, number])[] = (
  [
    ["an MLP", curve, curves],
    ["FiLM, pooling", contextualConvNet({ ...imageOptions, contextIn: 1, downsampling: "pool" }), pictures],
    [
      "FiLM, strides, statistics of the support set",
      contextualConvNet({ ...imageOptions, contextIn: 2, batchNorm: "support" }),
      pictures,
    ],
    // There it adds to the logits, by small weights: it takes a large rate to be seen.
    ["beside the features", contextualConvNet({ ...imageOptions, contextIn: "features" }), pictures, 300],
  ] as const
).map(([name, model, task, learningRate = 0.5]) => [
  name,
  model,
  cavia({ model, loss: task === curves ? meanSquaredError : crossEntropy, inner: sgd({ learningRate }), steps: 2 }),
  task,
  learningRate,
]);
const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));

describe.each(cases)("%s", (_name, model, learner, task, learningRate) => {
  const params = learner.init(key(2));

  test("its meta-gradient is what central differences through the whole adaptation tell", () => {
    const { gradient, loss } = learner.metaGradient(params, task());
    expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(queryLoss(learner, params, task()))[0]!, 10);
    // Kinks of relu and of the pooling are near: a small step.
    const error = gradientError((at: Tree) => queryLoss(learner, at, task()), params, gradient, { h: 1e-5 });
    expect(error).toBeLessThan(1e-6);
    const first = cavia({ model, loss: learner.loss, inner: sgd({ learningRate }), steps: 2, order: 1 }).metaGradient(
      params,
      task(),
    );
    const other = difference(numbersOf(first.gradient).flat(), numbersOf(gradient).flat());
    expect(other).toBeGreaterThan(1e-4 * largest(numbersOf(gradient).flat()));
  });

  test("adapting moves the context from 0, and leaves the network as it is bit for bit", () => {
    const adapted = (learner.adapt(params, task().support) as AdaptedModel).params as {
      network: Tree;
      context: Tensor;
    };
    expect(namedValues(adapted.network)).toEqual(namedValues(params));
    expect(adapted.context.shape).toEqual([model.contextSize]);
    expect(largest(valuesIn(adapted.context))).toBeGreaterThan(1e-4);
    const still = (learner.adapt(params, task().support, { steps: 0 }) as AdaptedModel).params as { context: Tensor };
    expect(largest(valuesIn(still.context))).toBe(0);
  });

  test("more steps fit the support set better, for other numbers of shots too", () => {
    const { query: support } = task(4);
    const fit = (steps: number): number => {
      const adapted = learner.adapt(params, support, { steps });
      return valuesIn(learner.loss(learner.predict(adapted, support.x), support.y))[0]!;
    };
    expect(fit(4)).toBeLessThan(fit(0));
  });

  test("rows of padding change nothing", () => {
    const numbers = ({ support, query }: Task): number[] => {
      const { loss, metrics, gradient } = learner.metaGradient(params, { support, query });
      return numbersOf([loss, { ...metrics }, gradient]).flat();
    };
    const { support, query } = task();
    const filled = { support: padded(support), query: padded(query) };
    expect(difference(numbers(filled), numbers({ support, query }))).toBeLessThan(1e-9);
    const predictions = (given: typeof support): number[] =>
      valuesIn(learner.predict(learner.adapt(params, given), query.x));
    expect(difference(predictions(padded(support)), predictions(support))).toBeLessThan(1e-9);
  });

  test("its mean over tasks is the mean of single ones", () => {
    const [a, b] = [0, 1].map((index) => numbersOf(learner.metaGradient(params, task(index)).gradient).flat());
    const all = numbersOf(meanMetaGradient(learner, params, stackTasks([task(0), task(1)])).gradient).flat();
    expect(
      difference(
        all,
        a!.map((value, i) => (value + b![i]!) / 2),
      ),
    ).toBeLessThan(1e-9);
  });
});

describe("networks with a context of 0 are the plain ones", () => {
  test("an MLP, without the context's weights", () => {
    const params = curve.init(key(1)) as Record<string, { weight: Tensor; bias: Tensor }>;
    const plain = { ...params, 1: { ...params["1"]!, weight: sliceAxis(params["1"]!.weight, 0, 0, 2) } };
    const { x } = curves().query;
    const expected = valuesIn(mlp({ sizes: [2, 5, 1], activation: "tanh" }).apply(plain, x));
    expect(difference(valuesIn(curve.apply(params, noiseTensor([3], 1), x)), expected)).toBeGreaterThan(1e-2);
    expect(difference(valuesIn(curve.apply(params, mul(noiseTensor([3], 1), 0), x)), expected)).toBeLessThan(1e-14);
  });

  test.each([1, 2])("a convolutional network modulated in block %i", (contextIn) => {
    const model = contextualConvNet({ ...imageOptions, contextIn });
    const params = model.init(key(1)) as { network: Tree; film: Tensor };
    const { x } = pictures().query;
    const expected = valuesIn(convNet(imageOptions).apply(params.network, x));
    expect(valuesIn(model.apply(params, mul(noiseTensor([2], 1), 0), x))).toEqual(expected);
    expect(difference(valuesIn(model.apply(params, noiseTensor([2], 1), x)), expected)).toBeGreaterThan(1e-6);
  });

  test("features beside a context", () => {
    const model = contextualConvNet({ ...imageOptions, contextIn: "features" });
    const params = model.init(key(1)) as { embedding: Tree; head: { weight: Tensor; bias: Tensor } };
    const { x } = pictures().query;
    const context = noiseTensor([2], 1);
    const features = convEmbedding(imageOptions).apply(params.embedding, x);
    const rows = concat([features, matmul(mul(noiseTensor([4, 1], 1), 0), reshape(context, [1, 2]))], 1);
    const expected = add(matmul(rows, params.head.weight), params.head.bias);
    expect(valuesIn(model.apply(params, mul(context, 0), x))).toEqual(valuesIn(expected));
  });
});

test("FiLM scales and shifts the channels between batch normalisation and relu", () => {
  const options = { imageShape: [4, 4, 2] as const, ways: 3, filters: 2, blocks: 1, contextSize: 2, contextIn: 1 };
  const model = contextualConvNet({ ...options, downsampling: "pool" });
  type Values = { weight: Tensor; bias: Tensor; scale: Tensor; shift: Tensor };
  const params = model.init(key(1)) as { network: Record<string, Values & Record<string, Values>>; film: Tensor };
  const x = noiseTensor([3, 4, 4, 2], 3);
  const context = noiseTensor([2], 4);
  const [first, second] = valuesIn(context);
  const film = valuesIn(params.film);
  // Row i of W belongs to number i of the context.
  const by = (column: number): number => first! * film[column]! + second! * film[4 + column]!;
  const channels = (values: readonly number[]): Tensor => tensor(values, [1, 1, 1, 2], "float32");
  const block = params.network["1"]!;
  const normed = batchNorm({ channels: 2, mode: "transductive" }).apply(
    block["1"]!,
    conv2d({ channelsIn: 2, channelsOut: 2 }).apply(block["0"]!, x),
  );
  const seen = maxPool(2).apply({}, relu(add(mul(normed, channels([1 + by(0), 1 + by(1)])), channels([by(2), by(3)]))));
  const head = params.network["3"]!;
  const expected = add(matmul(reshape(seen, [3, 8]), head.weight), head.bias);
  expect(difference(valuesIn(model.apply(params, context, x)), valuesIn(expected))).toBeLessThan(1e-7);
});

test("any network that names its normalisations can be modulated, wherever they stand", () => {
  const model = sequential([
    linear({ inputs: 2, outputs: 3 }),
    warped(sequential([batchNorm({ channels: 3, mode: "support" }), tanh()])),
    residual(sequential([linear({ inputs: 3, outputs: 3 }), batchNorm({ channels: 3, mode: "support" })])),
    linear({ inputs: 3, outputs: 1 }),
  ]);
  expect(model.modulationPoints).toEqual([
    { path: "1/warped/0", channels: 3 },
    { path: "2/1", channels: 3 },
  ]);
  const { x } = curves().query;
  const outputs = [1, 2].map((point) => {
    const contextual = modulatedByContext(model, { contextSize: 2, point });
    const params = contextual.init(key(1)) as { network: Tree; film: Tensor };
    const at = (context: Tensor): number[] => valuesIn(contextual.apply(params, context, x));
    expect(at(mul(noiseTensor([2], 1), 0))).toEqual(valuesIn(model.apply(params.network as never, x)));
    return at(noiseTensor([2], 1));
  });
  expect(difference(outputs[0]!, outputs[1]!)).toBeGreaterThan(1e-3);
  // What it modulates is what scale and shift would be.
  const contextual = modulatedByContext(model, { contextSize: 2, point: 2 });
  const params = contextual.init(key(1)) as { network: Record<string, Tree>; film: Tensor };
  const film = valuesIn(matmul(noiseTensor([1, 2], 1), params.film));
  const affine = { scale: tensor(film.slice(0, 3).map((value) => value + 1)), shift: tensor(film.slice(3)) };
  const rewritten = { ...params.network, "2": { ...(params.network["2"] as object), "1": affine } };
  expect(difference(valuesIn(model.apply(rewritten, x)), outputs[1]!)).toBeLessThan(1e-6);
  const refused = (network: Layer, point: number): void => {
    expect(() => modulatedByContext(network, { contextSize: 2, point })).toThrow(/^IL102 modulatedByContext: point/);
  };
  refused(model as Layer, 3);
  refused(model as Layer, 0);
  refused(mlp({ sizes: [1, 1] }), 1);
});

test("running statistics have the paths of the network's parameters", () => {
  const model = contextualConvNet({ ...imageOptions, contextIn: 1, batchNorm: "running" });
  const learner = cavia({ model, loss: crossEntropy, inner });
  const { statistics } = learner.metaGradient(learner.init(key(1)), pictures());
  expect(Object.keys(statistics!)).toEqual(["network/1/1", "network/2/1"]);
  expect(Object.keys(namedValues(learner.init(key(1))))).toContain("network/2/1/runningMean");
});

test("refuses sizes and blocks that are none, and says its options", () => {
  expect(() => contextualMlp({ sizes: [1, 1], contextSize: 0 })).toThrow(/^IL102 contextualMlp: contextSize 0/);
  expect(() => contextualMlp({ sizes: [], contextSize: 1 })).toThrow(/^IL102 mlp: sizes \[\]/);
  expect(() => contextualConvNet({ ...imageOptions, contextSize: 1.5 })).toThrow(/^IL102 contextualConvNet/);
  expect(() => contextualConvNet(imageOptions)).toThrow(/^IL102 contextualConvNet: contextIn 3 of 2 blocks/);
  expect(() => cavia({ model: { ...curve, contextSize: -1 }, loss: meanSquaredError, inner })).toThrow(/^IL102 cavia/);
  const model = contextualConvNet({ ...imageOptions, contextIn: 2 });
  const description = cavia({
    model,
    loss: crossEntropy,
    inner: adam({ learningRate: 0.1 }),
    steps: 3,
    order: 1,
  }).description;
  expect(description).toEqual({
    order: 1,
    steps: 3,
    inner: "adam(0.1)",
    contextSize: 2,
    contextIn: 2,
    batchNorm: "transductive",
  });
});
