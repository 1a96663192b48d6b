import {
  add,
  div,
  gather,
  mapTree,
  matmul,
  mul,
  oneHot,
  reshape,
  sum,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import type { Layer } from "../layers/layer.js";
import { linear, sequential, tanh } from "../layers/layers.js";
import { crossEntropy, type Loss, meanSquaredError } from "../losses/losses.js";
import { gradientError, namedValues, noiseTensor } from "../numerical.fixture.js";
import { sgd } from "../optimizers/optimizers.js";
import { key, random } from "../random/random.js";
import type { Examples, Task } from "../tasks/task.js";
import { sliceTasks, stackTasks } from "../training/task-batch.js";
import { fineTuning, jointTraining, nearestNeighbour } from "./baselines/baselines.js";
import { leastSquares } from "./baselines/linear-baselines.js";
import { priorLogisticRegression, priorRidgeRegression } from "./closed-form/learned-prior-heads.js";
import { leastSquaresSvm } from "./closed-form/least-squares-svm.js";
import { ridgeRegression } from "./closed-form/ridge-regression.js";
import { implicitMaml } from "./gradient/imaml.js";
import { anil, fomaml, maml, metaSgd } from "./gradient/maml.js";
import { mamlPlusPlus } from "./gradient/maml-plus-plus.js";
import { miniBatch } from "./gradient/mini-batches.js";
import { reptile } from "./gradient/reptile.js";
import type { AnyAdapter, AnyLearner } from "./learner.js";
import { meanMetaGradient } from "./learner.js";
import { matchingNetwork } from "./metric/matching.js";
import { simpleShot } from "./metric/nearest-centroid.js";
import { prototypicalNetwork } from "./metric/prototypical.js";
import { semiSupervisedPrototypes } from "./metric/semi-supervised-prototypes.js";
import { siameseNetwork } from "./metric/siamese.js";
import { neuralProcess } from "./model-based/neural-process.js";

// A bag of words is a linear map of the words' shares: a learner of { tokens, mask } is to be the learner of one tensor,
// the shares, number for number.

type Sentences = { readonly tokens: Tensor; readonly mask: Tensor };

const [words, length, features, ways] = [7, 4, 3, 3];

/** The mean of the vectors of the words that are there: [n, features]. */
const bag: Layer<Tree, Sentences> = {
  init: linear({ inputs: words, outputs: features, bias: false }).init,
  outputShape: [features],
  apply: (params, { tokens, mask }) => {
    const [n] = tokens.shape as [number];
    const there = reshape(mask, [n, length, 1]);
    const vectors = gather((params as { readonly weight: Tensor }).weight, tokens, 0);
    return div(sum(mul(vectors, there), 1), sum(there, 1));
  },
};
const shareBag: Layer<Tree> = {
  init: bag.init,
  outputShape: [features],
  apply: (params, x) => matmul(x, (params as { readonly weight: Tensor }).weight),
};

/** The shares of the words of sentences: [n, words]. */
function sharesOf({ tokens, mask }: Sentences): Tensor {
  const [n] = tokens.shape as [number];
  const there = reshape(mask, [n, length, 1]);
  return div(sum(mul(oneHot(tokens, words), there), 1), sum(there, 1));
}

function sentences(rows: number, index: number): Sentences {
  const source = random(11, index, rows);
  const lengths = Array.from({ length: rows }, () => 1 + source.integer(length));
  return {
    tokens: tensor(
      Int32Array.from({ length: rows * length }, () => source.integer(words)),
      [rows, length],
    ),
    mask: tensor(
      Float32Array.from({ length: rows * length }, (_, i) => (i % length < lengths[Math.floor(i / length)]! ? 1 : 0)),
      [rows, length],
    ),
  };
}

const labels = (rows: number): Tensor => tensor(Int32Array.from({ length: rows }, (_, i) => i % ways));
const task = (index = 0): Task<Sentences> => ({
  support: { x: sentences(6, 2 * index), y: labels(6) },
  query: { x: sentences(9, 2 * index + 1), y: labels(9) },
});
const sharesTask = (index = 0): Task => mapSets(task(index), ({ x, ...others }) => ({ ...others, x: sharesOf(x) }));

function mapSets<X extends Tree, Z extends Tree>(given: Task<X>, f: (set: Examples<X>) => Examples<Z>): Task<Z> {
  return { support: f(given.support), query: f(given.query) };
}

/** A set with rows of nonsense behind it, which are not there. */
const padded = <X extends Tree>({ x, y }: Examples<X>): Examples<X> => {
  const rows = y.shape[0]!;
  const longer = <T extends Tree>(tree: T): T =>
    mapTree((leaf) => gather(leaf, tensor([...Array(rows).keys(), 1, 0], [rows + 2], "int32"), 0), tree);
  const present = tensor(Float32Array.from({ length: rows + 2 }, (_, i) => (i < rows ? 1 : 0)));
  return { x: longer(x), y: longer(y), present };
};

const inner = sgd({ learningRate: 0.4 });
const head = linear({ inputs: features, outputs: ways });
const trees = { model: sequential<Sentences>([bag, tanh(), head]), loss: crossEntropy, inner, steps: 2 };
const tensors = { model: sequential([shareBag, tanh(), head] as const), loss: crossEntropy, inner, steps: 2 };
const [embeddings, shareEmbeddings] = [
  { model: bag, ways },
  { model: shareBag, ways },
];
const pairs: Readonly<Record<string, readonly [of: AnyLearner, as: AnyLearner]>> = {
  MAML: [maml(trees), maml(tensors)],
  "MAML with mini-batches": [
    maml({ ...trees, minibatch: { size: 4, accumulate: 2 } }),
    maml({ ...tensors, minibatch: { size: 4, accumulate: 2 } }),
  ],
  FOMAML: [fomaml(trees), fomaml(tensors)],
  ANIL: [anil(trees), anil(tensors)],
  "Meta-SGD": [metaSgd(trees), metaSgd(tensors)],
  "MAML++": [mamlPlusPlus(trees), mamlPlusPlus(tensors)],
  "implicit MAML": [implicitMaml(trees), implicitMaml(tensors)],
  Reptile: [reptile(trees), reptile(tensors)],
  "joint pre-training": [jointTraining(trees), jointTraining(tensors)],
  "prototypical networks": [prototypicalNetwork(embeddings), prototypicalNetwork(shareEmbeddings)],
  "matching networks": [matchingNetwork(embeddings), matchingNetwork(shareEmbeddings)],
  "Siamese networks": [siameseNetwork(embeddings), siameseNetwork(shareEmbeddings)],
  "semi-supervised prototypes": [semiSupervisedPrototypes(embeddings), semiSupervisedPrototypes(shareEmbeddings)],
  SimpleShot: [simpleShot({ ...embeddings, classes: ways }), simpleShot({ ...shareEmbeddings, classes: ways })],
  "ridge regression": [ridgeRegression(embeddings), ridgeRegression(shareEmbeddings)],
  "ridge regression with a learned prior": [priorRidgeRegression(embeddings), priorRidgeRegression(shareEmbeddings)],
  "logistic regression with a learned prior": [
    priorLogisticRegression(embeddings),
    priorLogisticRegression(shareEmbeddings),
  ],
  "least-squares SVM": [leastSquaresSvm(embeddings), leastSquaresSvm(shareEmbeddings)],
};

const expectClose = (found: Tree, expected: Tree, digits = 9): void => {
  const [a, b] = [namedValues(found), namedValues(expected)];
  expect(Object.keys(a)).toEqual(Object.keys(b));
  for (const [name, values] of Object.entries(a))
    values.forEach((value, i) => {
      expect(value, name).toBeCloseTo(b[name]![i]!, digits);
    });
};

describe.each(Object.entries(pairs))("%s of { tokens, mask }", (_name, [of, as]) => {
  const params = as.init(key(3));

  test("has the parameters and the meta-gradient of the same learner of one tensor", () => {
    expect(Object.keys(namedValues(of.init(key(3))))).toEqual(Object.keys(namedValues(params)));
    const dropped = ({ loss, gradient, metrics }: ReturnType<AnyLearner["metaGradient"]>): Tree => ({
      loss,
      gradient,
      metrics,
    });
    expectClose(dropped(of.metaGradient(params, task())), dropped(as.metaGradient(params, sharesTask())));
  });

  test("adapts and predicts as it does, and leaves rows of padding out", () => {
    const predicted = (learner: AnyAdapter, { support, query }: Task<Tree>): Tree =>
      learner.predict(learner.adapt(params, support), query.x, query.present);
    expectClose(predicted(of, task()), predicted(as, sharesTask()));
    const { support, query } = task();
    // Means are products with 1/n, a float32 constant where n is fixed.
    expectClose(predicted(of, { support: padded(support), query }), predicted(of, task()), 7);
  });

  test("is mapped over stacked tasks, which are sliced leaf by leaf", () => {
    const stacked = stackTasks([task(0), task(1), task(2)]);
    expect(stacked.support.x.tokens.shape).toEqual([3, 6, length]);
    const { loss } = meanMetaGradient(of, params, sliceTasks(stacked, 1, 3));
    const [first, second] = [1, 2].map((i) => of.metaGradient(params, task(i)).loss) as [Tensor, Tensor];
    expectClose(loss, div(add(first, second), 2));
  });
});

test("the meta-gradient through the inner loop is what central differences tell", () => {
  const learner = maml(trees);
  const params = mapTree((leaf) => noiseTensor(leaf.shape, leaf.size), learner.init(key(1)));
  const { gradient } = learner.metaGradient(params, task());
  expect(gradientError((at: Tree) => learner.metaGradient(at, task()).loss, params, gradient)).toBeLessThan(1e-5);
});

test("a mini-batch has the same rows of all tensors", () => {
  const support = {
    x: { id: tensor([0, 1, 2, 3, 4, 5], [6, 1], "int32"), also: tensor([0, 1, 2, 3, 4, 5]) },
    y: labels(6),
  };
  const { x } = miniBatch(support, 1, 2);
  const found = namedValues(x);
  expect(found.id).toEqual(found.also);
  expect(found.id).toHaveLength(2);
});

describe("targets and predictions may be trees", () => {
  type Boxes = { readonly centre: Tensor; readonly size: Tensor };
  const parts = { centre: linear({ inputs: 2, outputs: 2 }), size: linear({ inputs: 2, outputs: 1 }) };
  const model: Layer<Tree, Tensor, Boxes> = {
    init: (at) => ({ centre: parts.centre.init(at), size: parts.size.init(at) }),
    apply: (params, x) => {
      const own = params as { readonly [part in keyof Boxes]: { readonly weight: Tensor; readonly bias: Tensor } };
      return { centre: parts.centre.apply(own.centre, x), size: parts.size.apply(own.size, x) };
    },
  };
  const loss: Loss<Boxes, Boxes> = (prediction, y, present) =>
    add(meanSquaredError(prediction.centre, y.centre, present), meanSquaredError(prediction.size, y.size, present));
  const boxes = (rows: number, index: number): Examples<Tensor, Boxes> => ({
    x: noiseTensor([rows, 2], index, 1),
    y: { centre: noiseTensor([rows, 2], index, 2), size: noiseTensor([rows, 1], index, 3) },
  });

  test("in a loss that takes them, with rows of padding left out", () => {
    const learner = maml({ model, loss, inner, steps: 2 });
    const params = learner.init(key(2));
    const [support, query] = [boxes(4, 1), boxes(5, 2)];
    const found = learner.predict(learner.adapt(params, support), query.x);
    expect([found.centre.shape, found.size.shape]).toEqual([
      [5, 2],
      [5, 1],
    ]);
    expectClose(learner.predict(learner.adapt(params, paddedBoxes(support)), query.x), found, 6);
    const plain = learner.metaGradient(params, { support, query });
    const filled = learner.metaGradient(params, { support: paddedBoxes(support), query: paddedBoxes(query) });
    expectClose({ loss: filled.loss, gradient: filled.gradient }, { loss: plain.loss, gradient: plain.gradient }, 6);
  });

  const paddedBoxes = ({ x, y }: Examples<Tensor, Boxes>): Examples<Tensor, Boxes> => {
    const rows = x.shape[0]!;
    const longer = <T extends Tree>(tree: T): T =>
      mapTree((leaf) => gather(leaf, tensor([...Array(rows).keys(), 0], [rows + 1], "int32"), 0), tree);
    return {
      x: longer(x),
      y: longer(y),
      present: tensor([...new Array<number>(rows).fill(1), 0], [rows + 1], "float32"),
    };
  };
});

describe("learners of one tensor refuse trees", () => {
  const of = (learner: unknown): AnyAdapter => learner as AnyAdapter;
  test.each([
    ["nearestNeighbour", of(nearestNeighbour({ ways }))],
    ["conditional neural process", of(neuralProcess({ features: 4, ways }))],
  ])("%s, with the parts that these have", (name, learner) => {
    expect(() => learner.adapt(learner.init(key(0)), task().support)).toThrow(
      new RegExp(`^IL303 ${name}: inputs are a tree of x\\.tokens, x\\.mask.*\\. Give a model`, "i"),
    );
  });

  test("those that take an embedding are learners of trees with one", () => {
    const near = nearestNeighbour({ ways, model: bag });
    const params = near.init(key(0));
    expect(near.predict(near.adapt(params, task().support), task().query.x).shape).toEqual([9, ways]);
    const tuned = fineTuning(trees);
    expect(tuned.predict(tuned.adapt(trees.model.init(key(0)), task().support), task().query.x).shape).toEqual([
      9,
      ways,
    ]);
  });

  test("linear baselines say so before they look at tasks", () => {
    const source = { name: "sentences", description: {}, sample: () => task() };
    const baseline = leastSquares({ tasks: source as never });
    expect(() => baseline.init(key(0))).toThrow(/^IL303 linear baseline: tasks hold a tree of tokens, mask/);
  });
});

test("tasks of other structure are not stacked", () => {
  const other = task(1);
  const { mask: _, ...tokens } = other.support.x;
  const odd = { ...other, support: { ...other.support, x: tokens } } as unknown as Task<Sentences>;
  expect(() => stackTasks([odd, task(0)])).toThrow(
    /^ILR101 tasks: support\.x of one task is \{ tokens \}, of another \{ mask, tokens \}\./,
  );
  expect(() => stackTasks([task(0), odd])).toThrow(
    /^ILR101 tasks: support\.x of one task is \{ mask, tokens \}, of another \{ tokens \}\./,
  );
  const flat = { ...other, support: { ...other.support, x: other.support.x.mask } } as unknown as Task<Sentences>;
  expect(() => stackTasks([flat, task(0)])).toThrow(
    /^ILR101 tasks: support\.x of one task is float32\[6, 4\], of another \{ mask, tokens \}/,
  );
});
