import { leaves, paths, simplifyGraph, type Tensor, type Tree, tensor, trace } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { traitsOf } from "../layers/parameter-roles.js";
import { type Learner, meanMetaGradient } from "../learners/learner.js";
import { prototypicalNetwork } from "../learners/metric/prototypical.js";
import { crossEntropy } from "../losses/losses.js";
import { bagNetwork } from "../networks/text-models.js";
import { namedValues, valuesIn } from "../numerical.fixture.js";
import { defaultsOf } from "../options/option.js";
import { key, random } from "../random/random.js";
import type { Task } from "../tasks/task.js";
import { stackTasks } from "../training/task-batch.js";
import {
  buildLearner,
  type LearnerEntry,
  type LearnerName,
  type LearnerSetting,
  learnerCatalogue,
  learnerNames,
} from "./index.js";
import { type NetworkEntry, type NetworkName, networkCatalogue, networkNames } from "./networks.js";

const entries = 40;
const length = 6;
const ways = 3;
const weights = Float32Array.from({ length: entries }, (_, id) => 1 + (id % 5) / 2);
const ofIds = { inputShape: [length], outputs: ways, ids: { count: entries, weights } };
const ofFeatures = { inputShape: [length], outputs: ways };

/** Texts of which class c prefers ids from 10 c on; some are shorter than the longest. */
function texts(rows: number, each: number, index: number): { readonly x: Tensor; readonly y: Tensor } {
  const source = random(9, index, rows);
  const x = new Int32Array(rows * each * length);
  for (let text = 0; text < rows * each; text++) {
    const own = 2 + source.integer(length - 1);
    for (let place = 0; place < own; place++) {
      const of = source.uniform(0, 1) < 0.7 ? 10 * Math.floor(text / each) + 1 : 1;
      x[text * length + place] = of + source.integer(9);
    }
  }
  return {
    x: tensor(x, [rows * each, length]),
    y: tensor(Int32Array.from({ length: rows * each }, (_, i) => Math.floor(i / each))),
  };
}
const taskOf = (index = 0): Task => ({ support: texts(ways, 2, index), query: texts(ways, 2, index + 1000) });

const entryOf = (name: NetworkName): NetworkEntry => networkCatalogue[name];
const small: Readonly<Record<string, unknown>> = {
  sketch: 16,
  vectorWidth: 4,
  textFilters: 3,
  attentionHeads: 2,
  encoderLayers: 1,
};
const networksOf = (name: NetworkName, setting: typeof ofFeatures = ofIds) => {
  const entry = entryOf(name);
  const own = Object.fromEntries(Object.entries(small).filter(([option]) => Object.hasOwn(entry.options, option)));
  return entry.networks(setting, { ...defaultsOf(entry.options), ...own } as never);
};
const hyperparameters: Readonly<Record<string, unknown>> = { steps: 2, innerRate: 0.1, units: 8, contextSize: 3 };

function learnerOf(name: LearnerName, network: NetworkName): Learner {
  const setting: LearnerSetting = {
    ...ofIds,
    kind: "classification",
    networks: networksOf(network),
    loss: crossEntropy,
    iterations: 100,
    supportRows: 2 * ways,
    trainClasses: ways,
  };
  const { options } = learnerCatalogue[name] as LearnerEntry;
  const own = Object.entries(hyperparameters).filter(([option]) => Object.hasOwn(options, option));
  return buildLearner(name, setting, Object.fromEntries(own));
}

const forIds = ["bag", "text-conv", "text-transformer"] as const satisfies readonly NetworkName[];
const forClasses = learnerNames.filter((name) =>
  (learnerCatalogue[name] as LearnerEntry).kinds.includes("classification"),
);

describe("networks and the inputs they are for", () => {
  const problemOf = (name: NetworkName, setting: typeof ofFeatures) => {
    const { problem, options } = entryOf(name);
    return problem?.(setting, defaultsOf(options));
  };

  test("those for ids take ids and refuse features, all others the other way round, each with a remedy", () => {
    for (const name of networkNames) {
      const isForIds = (forIds as readonly NetworkName[]).includes(name);
      const [accepted, refused] = isForIds ? [ofIds, ofFeatures] : [ofFeatures, ofIds];
      expect(problemOf(name, accepted), name).toBeUndefined();
      const found = problemOf(name, refused);
      expect(found?.name, name).toBe("model");
      expect(found?.problem, name).toMatch(new RegExp(`^${name} of .*ids`));
      expect(found?.remedy, name).toMatch(/--model (projection|bag)/);
    }
  });

  test("a projection is of features alone, and sizes have to make a network", () => {
    expect(problemOf("projection", { inputShape: [28, 28, 1], outputs: ways })?.problem).toContain("[28, 28, 1]");
    const { bag, "text-transformer": transformer } = networkCatalogue;
    const none = bag.problem!(ofIds, { ...defaultsOf(bag.options), sketch: 0, vectorWidth: 0 });
    expect(none).toMatchObject({ name: "sketch", problem: /nothing is left/ });
    const uneven = transformer.problem!(ofIds, { ...defaultsOf(transformer.options), attentionHeads: 5 });
    expect(uneven).toMatchObject({ name: "attentionHeads", problem: /5 of vectors of 64/ });
  });

  test.each([...forIds, "projection"] as const)("%s says what it is in a line", (name) => {
    const { describe: words, options } = entryOf(name);
    expect(words(name === "projection" ? ofFeatures : ofIds, defaultsOf(options))).toMatch(/^[a-z].*\d/);
  });
});

/** Learners that cannot be with tables that all tasks share, and what they say. */
const refusals: Partial<Record<LearnerName, RegExp>> = {
  reptile: /^IL102 reptile: .* is shared by all tasks.* Use maml or fomaml/,
};

test.each(Object.entries(refusals) as [LearnerName, RegExp][])("%s is refused with ids: %s", (name, refusal) => {
  for (const network of forIds) expect(() => learnerOf(name, network), network).toThrow(refusal);
});

describe.each(forClasses.filter((name) => !refusals[name]))("%s", (name) => {
  test.each(forIds)("learns from one task of ids in a %s, and answers for its queries", (network) => {
    const learner = learnerOf(name, network);
    const params = learner.init(key(2));
    const { gradient, loss } = learner.metaGradient(params, taskOf(), tensor(4, [], "int32"));
    expect(paths(gradient)).toEqual(paths(params));
    const slopes = namedValues(gradient);
    expect(Object.values(slopes).flat().every(Number.isFinite)).toBe(true);
    expect(Number.isFinite(valuesIn(loss)[0])).toBe(true);
    // What is learned of words is in their tables.
    const vectors = Object.entries(slopes).filter(([path]) => path.endsWith("vectors"));
    expect(vectors.length).toBeGreaterThan(0);
    for (const [path, values] of vectors) expect(Math.max(...values.map(Math.abs)), path).toBeGreaterThan(0);
    const logits = valuesIn(learner.predict(learner.adapt(params, taskOf().support), taskOf().query.x));
    expect(logits).toHaveLength(2 * ways * ways);
    expect(logits.every(Number.isFinite)).toBe(true);
  });
});

describe("tables do not adapt", () => {
  const adaptedOf = (name: LearnerName, network: NetworkName) => {
    const learner = learnerOf(name, network);
    const params = learner.init(key(2));
    const { params: after } = learner.adapt(params, taskOf().support) as { readonly params: Tree };
    const [before, found] = [namedValues(params), namedValues(after)];
    const moved = Object.keys(before).filter((path) => before[path]!.some((value, i) => value !== found[path]![i]));
    return { learner, params, after, moved };
  };

  test.each(forIds)("MAML of a %s moves what is no table, and adapted tasks share the tables themselves", (network) => {
    const { learner, params, after, moved } = adaptedOf("maml", network);
    const traits = traitsOf(learner);
    const shared = paths(params).filter((path) => traits.get(path)?.role === "shared");
    expect(shared.length).toBeGreaterThan(0);
    for (const path of shared) expect(moved).not.toContain(path);
    expect(moved.length).toBeGreaterThan(2);
    paths(params).forEach((path, i) => {
      // The same tensor: nothing was copied.
      if (shared.includes(path)) expect(leaves(after)[i], path).toBe(leaves(params)[i]);
    });
  });

  test("ANIL moves the head alone, BOIL the body without tables", () => {
    for (const network of forIds) {
      expect(adaptedOf("anil", network).moved.sort(), network).toEqual(["1/bias", "1/weight"]);
      const body = adaptedOf("boil", network).moved;
      expect(body.length, network).toBeGreaterThan(0);
      for (const path of body) expect(path).toMatch(/^0\/(?!.*(logWeights|vectors|places))/);
    }
  });

  test("in the meta-gradient of tasks nothing but the gradient itself has a table's size for each of them", () => {
    const tables = (steps: number, name: "maml" | "anil"): number => {
      const learner = buildLearner(
        name,
        {
          ...ofIds,
          kind: "classification",
          networks: networksOf("bag"),
          loss: crossEntropy,
          iterations: 1,
          supportRows: 2 * ways,
          trainClasses: ways,
        },
        { steps },
      );
      const tasks = stackTasks([taskOf(0), taskOf(1)]);
      const traced = trace(
        (params: Tree, given: Task) => meanMetaGradient(learner, params, given).gradient,
        [learner.init(key(1)), tasks],
      );
      // Two tasks, 40 rows of 4 numbers, in whichever order.
      const { order } = simplifyGraph(traced.graph);
      return order.filter(({ size }) => size === 2 * entries * 4).map(String).length;
    };
    for (const name of ["maml", "anil"] as const) expect(tables(5, name), name).toBe(tables(1, name));
  });

  test("a context of CAVIA modulates features: it alone adapts, and queries of one class are told from another", () => {
    for (const network of forIds) {
      const learner = learnerOf("cavia", network);
      const { params } = learner.adapt(learner.init(key(2)), taskOf().support) as { readonly params: Tree };
      const { context } = params as { readonly context: Tensor };
      expect(Math.max(...valuesIn(context).map(Math.abs)), network).toBeGreaterThan(1e-6);
      const at = (steps: number) =>
        valuesIn(learner.predict(learner.adapt(learner.init(key(2)), taskOf().support, { steps }), taskOf().query.x));
      const change = at(2).map((value, i) => value - at(0)[i]!);
      // Not the same for all texts, as a context beside a linear head's features would be.
      const first = [0, ways, 2 * ways].map((row) => change[row]!);
      expect(Math.max(...first) - Math.min(...first), network).toBeGreaterThan(1e-9);
    }
  });
});

test("a learned temperature of cosine prototypes starts where logits are apart, any other at 1", () => {
  const setting: LearnerSetting = {
    ...ofIds,
    kind: "classification",
    networks: networksOf("bag"),
    loss: crossEntropy,
    iterations: 1,
    supportRows: 2 * ways,
    trainClasses: ways,
  };
  const temperature = (distance: "cosine" | "squaredEuclidean") =>
    Math.exp(
      namedValues(buildLearner("prototypical", setting, { distance, temperature: "learned" }).init(key(1)))
        .logTemperature![0]!,
    );
  expect(temperature("cosine")).toBeCloseTo(0.07, 6);
  expect(temperature("squaredEuclidean")).toBe(1);
});

describe("an untrained bag under cosine prototypes is the tf-idf centroid", () => {
  /** The classes that the nearest of mean tf-idf vectors gives queries, in a plain loop; and by how much it is nearer. */
  function centroid({ support, query }: Task): { readonly label: number; readonly margin: number }[] {
    const row = (x: Tensor, text: number): number[] => {
      const counts = new Array<number>(entries).fill(0);
      for (const id of valuesIn(x).slice(text * length, (text + 1) * length)) if (id > 0) counts[id]! += weights[id]!;
      const norm = Math.hypot(...counts);
      return counts.map((count) => count / norm);
    };
    const means = Array.from({ length: ways }, () => new Array<number>(entries).fill(0));
    valuesIn(support.y).forEach((label, text) => {
      row(support.x, text).forEach((value, id) => {
        means[label]![id]! += value;
      });
    });
    return valuesIn(query.y).map((_, text) => {
      const own = row(query.x, text);
      const cosines = means.map((mean) => mean.reduce((t, value, id) => t + value * own[id]!, 0) / Math.hypot(...mean));
      const [best, second] = [...cosines].sort((a, b) => b - a);
      return { label: cosines.indexOf(best!), margin: best! - second! };
    });
  }

  const decisionsOf = (
    options: { readonly sketch: number; readonly width: number; readonly share?: number },
    task: Task,
  ) => {
    const model = bagNetwork({ entries, weights, ...options });
    const learner = prototypicalNetwork({ model, ways, distance: "cosine" });
    const logits = valuesIn(learner.predict(learner.adapt(learner.init(key(3)), task.support), task.query.x));
    return valuesIn(task.query.y).map((_, text) => {
      const own = logits.slice(text * ways, (text + 1) * ways);
      return own.indexOf(Math.max(...own));
    });
  };
  const tasks = Array.from({ length: 30 }, (_, index) => taskOf(index));

  test("exactly, with a sketch as wide as there are ids", () => {
    let clear = 0;
    for (const task of tasks) {
      const expected = centroid(task);
      decisionsOf({ sketch: entries, width: 0 }, task).forEach((label, text) => {
        // Ties are for rounding to decide.
        if (expected[text]!.margin < 1e-5) return;
        expect(label).toBe(expected[text]!.label);
        clear++;
      });
    }
    expect(clear).toBeGreaterThan(100);
  });

  test("nearly, with vectors beside it and a small share: where it is clear", () => {
    for (const task of tasks) {
      const expected = centroid(task);
      // A share a moves cosines by a^2 / (1 + a^2) of 2 at most.
      decisionsOf({ sketch: entries, width: 8, share: 0.1 }, task).forEach((label, text) => {
        if (expected[text]!.margin > 0.05) expect(label).toBe(expected[text]!.label);
      });
    }
  });
});
