/** The law of roles: what is fixed stays as it is, bit for bit, whatever adapts and whatever trains. */
import { leaves, mapTree, paths, reshape, type Tensor, type Tree, tensor, unflatten } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import {
  buildLearner,
  type LearnerEntry,
  type LearnerName,
  type LearnerSetting,
  learnerCatalogue,
  learnerNames,
} from "../catalogue/index.js";
import type { TokenInputs } from "../domains/entities/token-inputs.js";
import { frozen } from "../layers/frozen.js";
import type { ApplyContext, Layer } from "../layers/layer.js";
import { batchNorm, dropout, linear, sequential, tanh } from "../layers/layers.js";
import { fixed, roleAt, traitsIn, traitsOf, withTraits } from "../layers/parameter-roles.js";
import { perStepBatchNorm } from "../layers/per-step-batch-norm.js";
import { modulatedByContext } from "../learners/gradient/cavia.js";
import { learnedRates } from "../learners/gradient/learned-optimizers.js";
import { maml } from "../learners/gradient/maml.js";
import { warped } from "../learners/gradient/warped.js";
import type { Learner } from "../learners/learner.js";
import { crossEntropy, type Loss, meanSquaredError } from "../losses/losses.js";
import { taggingLoss } from "../losses/tagging.js";
import { mlp } from "../networks/models.js";
import {
  classificationTask,
  flat,
  namedValues,
  noiseLike,
  noiseTensor,
  numbersOf,
  regressionTask,
  valuesIn,
} from "../numerical.fixture.js";
import { chain, type Optimizer } from "../optimizers/gradient-transformation.js";
import { adam, adamW, rmsProp, sgd } from "../optimizers/optimizers.js";
import { linearSchedule } from "../optimizers/schedules.js";
import { clipByGlobalNorm, descend, momentum, weightDecay } from "../optimizers/transformations.js";
import { key } from "../random/random.js";
import type { Examples, Task } from "../tasks/task.js";
import { outerOptimizer, outerUpdate } from "./outer-update.js";

const ways = 3;
/** The layer that is frozen in all models, or is not: with averages that would move, too. */
const bottom = (norm: Layer): Layer => sequential([linear({ inputs: 2, outputs: 4 }), norm]) as Layer;
const running = batchNorm({ channels: 4, mode: "running" }) as Layer;
const onTop = (first: Layer, outputs: number): Layer => {
  const rest = [tanh(), linear({ inputs: 4, outputs: 4 }), tanh(), linear({ inputs: 4, outputs })];
  return Object.assign(sequential([first, ...(rest as Layer[])]), { outputShape: [outputs] }) as Layer;
};

/** All that learners of the catalogue are made of, with the first layer treated in one way or another. */
function settingWith(treated: (layer: Layer) => Layer): LearnerSetting {
  const embedding = onTop(treated(bottom(running)), 4);
  return {
    kind: "classification",
    inputShape: [2],
    outputs: ways,
    networks: {
      model: () => onTop(treated(bottom(running)), ways),
      perStepModel: (steps) =>
        onTop(treated(bottom(perStepBatchNorm({ channels: 4, mode: "running", steps }) as Layer)), ways),
      embedding: () => embedding,
      maps: () => embedding,
      contextual: (contextSize) =>
        modulatedByContext(
          sequential([
            treated(bottom(running)),
            tanh(),
            batchNorm({ channels: 4, mode: "running" }),
            linear({ inputs: 4, outputs: ways }),
          ]) as Layer,
          { contextSize, point: 2 },
        ),
    },
    loss: crossEntropy,
    iterations: 10,
    supportRows: 2 * ways,
    trainClasses: ways,
  };
}

const [sentences, length, tags] = [4, 3, 3];
const coding = { length, slots: ["form"], ids: 5, width: 2 };

/** The same for learners of sequence labelling: words are encoded by the state that each has. */
function taggingSettingWith(treated: (layer: Layer) => Layer): LearnerSetting {
  const ofWords = onTop(treated(bottom(running)), 4);
  const encoder = {
    init: ofWords.init,
    outputShape: [length, 4],
    apply: (params: Tree, { states }: TokenInputs, context: ApplyContext) => {
      const rows = states!.shape[0]!;
      const encoded = ofWords.apply(params, reshape(states!, [rows * length, 2]), context);
      return reshape(encoded, [rows, length, 4]);
    },
  } as unknown as Layer;
  const { networks, ...setting } = settingWith(treated);
  return {
    ...setting,
    kind: "tagging",
    inputShape: [],
    outputs: tags,
    words: coding,
    networks: { ...networks, embedding: () => encoder },
    loss: taggingLoss as unknown as Loss,
  };
}

function taggedSentences(index: number): Examples<TokenInputs, Tensor> {
  const words = sentences * length;
  const ids = Array.from({ length: words }, (_, i) => ((i + index) * 7) % coding.ids);
  return {
    x: {
      lexical: flat(ids, [sentences, length, 1], "int32"),
      states: noiseTensor([sentences, length, coding.width], 41 + index),
      mask: flat(new Array<number>(words).fill(1), [sentences, length]),
    },
    y: flat(
      ids.map((_, i) => (i + Math.floor(i / length)) % tags),
      [sentences, length],
      "int32",
    ),
  };
}

/** A learner of the catalogue, with values for what it has hyperparameters for. */
function built(name: LearnerName, setting: LearnerSetting): Learner {
  const inSteps = { steps: 2, innerRate: 0.1, innerOptimizer: "momentum" };
  const values = { ...inSteps, contextSize: 2, distance: "euclidean", temperature: "learned", proximal: 1, units: 4 };
  const { options } = learnerCatalogue[name] as LearnerEntry;
  const own = Object.entries(values).filter(([option]) => Object.hasOwn(options, option));
  return buildLearner(name, setting, Object.fromEntries(own) as Readonly<Record<string, unknown>>);
}

const optimizers: readonly Optimizer[] = [
  sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.3 }),
  adam({ learningRate: linearSchedule(0.1, 0, 5) }),
  adamW({ learningRate: 0.1, weightDecay: 0.3 }),
  rmsProp({ learningRate: 0.1 }),
  chain(clipByGlobalNorm(0.5), adamW({ learningRate: 0.1, weightDecay: 0.3 })),
  chain(weightDecay(0.3), momentum(0.9), weightDecay(0.3), descend(0.1)),
];

const constants = <T extends Tree>(tree: T): T => {
  const values = numbersOf(tree);
  return unflatten(
    tree,
    leaves(tree).map((leaf, i) => tensor(values[i]!, leaf.shape, leaf.dtype)),
  );
};

const task = classificationTask([2], ways, 2, 2);
const asItIs = (layer: Layer): Layer => layer;
const settings = { frozen: settingWith((layer) => frozen(layer)), plain: settingWith(asItIs) };
const ofSentences = {
  frozen: taggingSettingWith((layer) => frozen(layer)),
  plain: taggingSettingWith(asItIs),
  task: { support: taggedSentences(0), query: taggedSentences(1) } as unknown as Task,
};
/** What a learner is made and trained with: settings, and a task. */
const caseOf = (name: LearnerName) =>
  (learnerCatalogue[name] as LearnerEntry).kinds.includes("classification") ? { ...settings, task } : ofSentences;

/**
 * Learners that take the network of the options, in which layers may be frozen, for one of their kinds of tasks; detectors have
 * networks of their own form.
 */
const withGivenNetwork = learnerNames.filter((name) => {
  const { kinds, ownNetwork = [] } = learnerCatalogue[name] as LearnerEntry;
  return kinds.some((kind) => kind !== "detection" && !ownNetwork.includes(kind));
});

describe.each(withGivenNetwork)("%s", (name) => {
  const { frozen: setting, task: given } = caseOf(name);
  const learner = built(name, setting);
  const traits = traitsOf(learner);
  const still = [...traits].filter(([, { role }]) => role === "fixed").map(([path]) => path);
  const params = learner.init(key(4));
  const { gradient, statistics = {} } = learner.metaGradient(params, given);
  const found = constants({ gradient, statistics });

  /** Parameters after three updates. */
  const trained = (optimizer: Optimizer): { readonly params: Tree; readonly state: Tree } => {
    const outer = outerOptimizer(learner, optimizer);
    let at: { readonly params: Tree; readonly state: Tree } = { params, state: outer.init(params) };
    for (let i = 0; i < 3; i++) at = constants(outerUpdate(traits, outer, { ...at, ...found }));
    return at;
  };

  test("has the frozen layer among its parameters", () => {
    const names = new Set(still.map((path) => path.split("/").at(-1)));
    expect(names).toEqual(new Set(["weight", "bias", "scale", "shift", "runningMean", "runningVariance"]));
  });

  test.each(optimizers.map((optimizer) => [optimizer.description, optimizer] as const))(
    "%s moves none of what is fixed, and keeps nothing for it",
    (_description, optimizer) => {
      const next = trained(optimizer);
      const [before, after] = [namedValues(params), namedValues(next.params)];
      for (const path of still) expect(after[path], path).toEqual(before[path]);
      const moved = Object.keys(before).filter((path) => after[path]!.some((value, i) => value !== before[path]![i]));
      expect(moved.length).toBeGreaterThan(1);
      expect(moved.some((path) => roleAt(traits, path) === "trained")).toBe(true);
      const kept = paths(next.state);
      expect(kept.filter((path) => still.some((one) => path.endsWith(`/${one}`)))).toEqual([]);
      expect(kept).toEqual(paths(outerOptimizer(learner, optimizer).init(params)));
    },
  );

  test("adapting moves none of it", () => {
    const adapted = learner.adapt(params, given.support) as { readonly params?: Tree };
    const entry: LearnerEntry = learnerCatalogue[name];
    // The adapted model of an objective, as the random field's is, is its parameters.
    const own = adapted.params ?? (paths(adapted).join() === paths(params).join() ? (adapted as Tree) : undefined);
    if (!own) {
      expect(entry.takesSteps).toBe(false);
      return;
    }
    const [before, after] = [namedValues(params), namedValues(own)];
    // An adapted model has the parameters of the model alone, or those of the network beside its context.
    const placeOf = (path: string): string =>
      [path, path.replace("model/", ""), `network/${path}`].find((one) => one in after) ?? "";
    for (const path of still) expect(after[placeOf(path)], path).toEqual(before[path]);
    // What is not among the parameters, CAVIA's context, starts at 0.
    const starts = new Map(Object.entries(before).map(([path, values]) => [placeOf(path), values]));
    const moved = Object.entries(after).some(([place, values]) =>
      values.some((value, i) => value !== (starts.get(place)?.[i] ?? 0)),
    );
    expect(moved).toBe(entry.takesSteps);
  });
});

describe.each(["maml", "cavia", "ridge", "prototypical", "simple-shot", "cnp", "struct-shot", "crf"] as const)(
  "%s without frozen",
  (name) => {
    test("the same updates move it: the law can fail", () => {
      const { frozen: withFrozen, plain, task: given } = caseOf(name);
      const learner = built(name, plain);
      const params = learner.init(key(4));
      const { gradient, statistics = {} } = learner.metaGradient(params, given);
      const optimizer = outerOptimizer(learner, optimizers[2]!);
      const state = optimizer.init(params);
      const next = outerUpdate(traitsOf(learner), optimizer, { params, state, gradient, statistics });
      const [before, after] = [namedValues(params), namedValues(next.params)];
      const frozenElsewhere = [...traitsOf(built(name, withFrozen))].filter(([, { role }]) => role === "fixed");
      for (const [path] of frozenElsewhere)
        if (!/(bias|shift)$/.test(path)) expect(after[path], path).not.toEqual(before[path]);
    });
  },
);

describe("frozen", () => {
  const layer = sequential([
    linear({ inputs: 2, outputs: 4 }),
    running,
    dropout({ rate: 0.5 }),
    linear({ inputs: 4, outputs: 1 }),
  ]);

  test("is applied as it predicts, in training too", () => {
    const params = noiseLike(layer.init(key(1)), 0.3, 2);
    const x = noiseTensor([5, 2], 1);
    const seen: string[] = [];
    const training = {
      phase: "train",
      key: tensor(3, [], "int32"),
      record: (path: string) => seen.push(path),
    } as const;
    expect(valuesIn(frozen(layer).apply(params, x, training))).toEqual(valuesIn(layer.apply(params, x)));
    expect(seen).toEqual([]);
    expect(frozen(layer).head).toBe("3");
    expect(frozen(mlp({ sizes: [2, 5] })).outputShape).toEqual([5]);
  });

  test("stays at the parameters that it is given, and refuses those of another layer", () => {
    const given = noiseLike(layer.init(key(1)), 0.3, 2);
    const first = frozen(layer, given).init(key(9));
    expect(namedValues(first)).toEqual(namedValues(given));
    expect(new Set([...traitsIn(first).values()].map(({ role }) => role))).toEqual(new Set(["fixed"]));
    expect(traitsIn(given).size).toBe(0);
    expect(() => frozen(layer, { "0": given["0"]! }).init(key(0))).toThrow(/^IL303/);
  });

  test("inner steps with momentum and weight decay move none of it, and the rest", () => {
    const model = sequential([frozen(linear({ inputs: 2, outputs: 2 })), linear({ inputs: 2, outputs: 1 })]);
    const inner = sgd({ learningRate: 0.1, momentum: 0.5, weightDecay: 0.1 });
    const learner = maml({ model, loss: meanSquaredError, inner, steps: 2 });
    const params = learner.init(key(2));
    const adapted = learner.adapt(params, regressionTask(2, 1, 4, 4).support) as { readonly params: Tree };
    const [before, after] = [namedValues(params), namedValues(adapted.params)];
    for (const name of ["0/weight", "0/bias"]) expect(after[name]).toEqual(before[name]);
    expect(after["1/weight"]).not.toEqual(before["1/weight"]);
  });

  test("a gradient does not go to its parameters, but through it to what is before", () => {
    const model = sequential([linear({ inputs: 2, outputs: 2 }), frozen(linear({ inputs: 2, outputs: 1 }))]);
    const learner = maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.1 }), steps: 2 });
    const slopes = namedValues(learner.metaGradient(learner.init(key(2)), regressionTask(2, 1, 4, 4)).gradient);
    expect(slopes["1/weight"]).toEqual([0, 0]);
    expect(Math.max(...slopes["0/weight"]!.map(Math.abs))).toBeGreaterThan(1e-3);
  });
});

describe("roles", () => {
  /** A layer of one's own: an offset that is fixed, within a record of its own. */
  const shifted: Layer = {
    init: (drawn) => ({
      inner: linear({ inputs: 2, outputs: 1 }).init(drawn),
      offset: withTraits(tensor([0.5]), { role: "fixed" }),
    }),
    apply: (params, x) => {
      const own = params as { inner: Tree; offset: Tensor };
      return linear({ inputs: 2, outputs: 1 }).apply(own.inner as never, x);
    },
  };

  test("a leaf says it, layers around hand it on, learners too; all others are trained", () => {
    const model = sequential([shifted, warped(batchNorm({ channels: 1, mode: "running" }))]);
    const learner = maml({ model, loss: meanSquaredError, inner: learnedRates({ per: "element" }) });
    const traits = traitsOf(learner);
    const roles = Object.fromEntries(paths(learner.init(key(0))).map((path) => [path, roleAt(traits, path)]));
    expect(roles).toEqual({
      "model/0/inner/weight": "trained",
      "model/0/inner/bias": "trained",
      "model/0/offset": "fixed",
      "model/1/warped/scale": "shared",
      "model/1/warped/shift": "shared",
      "model/1/warped/runningMean": "averaged",
      "model/1/warped/runningVariance": "averaged",
      "inner/0/inner/weight": "trained",
      "inner/0/inner/bias": "trained",
    });
  });

  test("what is computed, or comes from a file, says nothing: roles come from init", () => {
    const first = shifted.init(key(0));
    expect(traitsIn(first).get("offset")).toEqual({ role: "fixed" });
    expect(traitsIn(constants(first)).size).toBe(0);
    expect(traitsIn(mapTree((leaf) => leaf, first)).get("offset")).toEqual({ role: "fixed" });
    expect(roleAt(traitsOf(shifted), "offset")).toBe("fixed");
  });

  test("the tensor that is given keeps its own", () => {
    const value = tensor([1]);
    const still = fixed({ a: value, b: value });
    expect(traitsIn({ value }).size).toBe(0);
    expect([...traitsIn(still).keys()]).toEqual(["a", "b"]);
    expect(traitsIn({ again: withTraits(still.a, { ofNormalisation: true }) }).get("again")).toEqual({
      role: "fixed",
      ofNormalisation: true,
    });
  });

  test("refuses an average of nothing, and a leaf without values", () => {
    expect(() => withTraits(tensor([1]), { role: "averaged" })).toThrow(/^IL102 withTraits: averaged, but not of what/);
    const computed = linear({ inputs: 1, outputs: 1 }).apply({ weight: tensor([[1]]) }, tensor([[2]]));
    expect(() => withTraits(computed, { role: "fixed" })).toThrow(/^IL102 withTraits: .* has no values/);
  });

  test("clipping does not see what does not move", () => {
    const model = sequential([shifted]);
    const learner = maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.1 }) });
    const optimizer = outerOptimizer(learner, chain(clipByGlobalNorm(1), descend(1)));
    const params = model.init(key(0));
    const gradient = { "0": { inner: { weight: tensor([[0], [0.6]]), bias: tensor([0.8]) }, offset: tensor([1e6]) } };
    const next = outerUpdate(traitsOf(learner), optimizer, {
      params,
      state: optimizer.init(params),
      gradient: gradient as never,
      statistics: {},
    });
    const [before, after] = [namedValues(params), namedValues(next.params)];
    expect(after["0/offset"]).toEqual([0.5]);
    expect(after["0/inner/bias"]![0]! - before["0/inner/bias"]![0]!).toBeCloseTo(-0.8, 6);
  });

  test("an optimizer that is learned is refused where nothing learns it", () => {
    const learner = maml({ model: shifted, loss: meanSquaredError, inner: sgd({ learningRate: 0.1 }) });
    expect(() => outerOptimizer(learner, learnedRates({ per: "layer" }) as unknown as Optimizer)).toThrow(
      /^ILR101 optimizer: sgd\(learned per layer from 0.01\) has parameters of its own/,
    );
  });
});
