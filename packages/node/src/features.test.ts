import { readFileSync } from "node:fs";
import {
  buildLearner,
  contextualMlp,
  crossEntropy,
  type Examples,
  key,
  type Learner,
  type LearnerEntry,
  type LearnerName,
  type LearnerSetting,
  type Loss,
  learnerCatalogue,
  learnerNames,
  meanSquaredError,
  mlp,
  Run,
  random,
  type TaskKind,
} from "@innerloop/core";
import { detectionLoss, detectionMaps } from "@innerloop/core/detection";
import {
  detectorNetworks,
  entityNetworks,
  type Networks,
  networkCatalogue,
  taggingLoss,
} from "@innerloop/core/learners";
import {
  compile,
  exp,
  interpret,
  leaves,
  loweringProfiles,
  mapTree,
  Tensor,
  type Tree,
  tensor,
  toOnnx,
} from "@innerloop/graph";
import { requireClose } from "@innerloop/graph/testing";
import { afterAll, describe, expect, test } from "vitest";
import { featuresMarkdown } from "./cli/features.js";
import { countingLoads } from "./executor/counting-loads.fixture.js";
import { checkWithOnnx, onnxCheckerMissing } from "./executor/onnx-checker.fixture.js";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { webExecutor } from "./executor/web-executor.fixture.js";

const native = onnxruntimeExecutor();
const web = webExecutor();
afterAll(() => Promise.all([native.close(), web.close()]));

const imageShape = [8, 8, 1] as const;
/** Numbers of an input of regression: for learners that ask for one, all but the first are a profile. */
const inputs = 3;

const chosen = { iterations: 100, supportRows: 7, trainClasses: 6 } as const;
/** Values for hyperparameters, for learners that have them. */
const hyperparameters: Readonly<Record<string, unknown>> = { steps: 2, innerRate: 0.1, units: 8, contextSize: 3 };

const built = (name: LearnerName, kind: TaskKind, outputs: number): Learner => {
  const { options } = learnerCatalogue[name] as LearnerEntry;
  const own = Object.entries(hyperparameters).filter(([option]) => Object.hasOwn(options, option));
  return buildLearner(name, settingOf(kind, outputs), Object.fromEntries(own));
};

/** Pictures of 16 x 16 with an object or two, some of none of the classes. */
const picture = { size: 16, stride: 4 } as const;

function picturesOf(rows: number, ways: number, present: { readonly present?: Tensor }): Examples {
  const source = random(6, rows, ways);
  const { size, stride } = picture;
  const grid = [size / stride, size / stride] as const;
  const objects = Array.from({ length: rows }, (_, row) =>
    [row % ways, row % 2 === 0 ? -1 : (row + 1) % ways].map((label, i) => ({
      label,
      box: { x: 1 + 7 * i, y: 2 + 5 * ((row + i) % 2), width: 6, height: 5 + (row % 3) },
    })),
  );
  const maps = objects.map((each) => detectionMaps(each, { grid, stride, classes: ways }));
  const boxes = objects.flatMap((each) =>
    each.flatMap(({ label, box: { x, y, width, height } }) => [x, y, width, height, label, 1]),
  );
  const y = {
    maps: tensor(Float32Array.from(maps.flatMap((map) => Array.from(map))), [rows, ...grid, ways + 8]),
    boxes: tensor(Float32Array.from(boxes), [rows, 2, 6]),
  };
  const pixels = Float32Array.from({ length: rows * size * size }, () => source.uniform(0, 1));
  return { x: tensor(pixels, [rows, size, size, 1]), y, ...present } as unknown as Examples;
}

/** Sentences of five words at most, with features of three kinds and states. */
const words = { length: 5, slots: ["form", "shape", "before1"], ids: 12, width: 3 } as const;

/** Sentences of random features; some end early, and each type has a word. */
function sentencesOf(rows: number, ways: number, present: { readonly present?: Tensor }): Examples {
  const source = random(4, rows, ways);
  const size = rows * words.length;
  const ids = Int32Array.from({ length: size * 3 }, () => source.integer(words.ids));
  const mask = Float32Array.from({ length: size }, (_, i) => (i % 5 < 3 + (Math.floor(i / 5) % 3) ? 1 : 0));
  const x = {
    lexical: tensor(ids, [rows, 5, 3]),
    states: tensor(
      Float32Array.from({ length: size * 3 }, () => source.uniform(-1, 1)),
      [rows, 5, 3],
    ),
    mask: tensor(mask, [rows, 5]),
  };
  const y = tensor(
    Int32Array.from({ length: size }, (_, i) => (mask[i] ? i % ways : 0)),
    [rows, 5],
  );
  return { x, y, ...present } as unknown as Examples;
}

function settingOf(kind: TaskKind, outputs: number): LearnerSetting {
  if (kind === "regression") {
    const model = mlp({ sizes: [inputs, 8, 8, outputs], activation: "tanh" });
    const embedding = mlp({ sizes: [inputs, 8, 8], activation: "tanh" });
    const networks: Networks = {
      model: () => model,
      perStepModel: () => model,
      embedding: () => embedding,
      maps: () => embedding,
      contextual: (contextSize) => contextualMlp({ sizes: [inputs, 8, 8, outputs], activation: "tanh", contextSize }),
    };
    return {
      ...chosen,
      networks,
      kind,
      inputShape: [inputs],
      profile: [[1, inputs]],
      paths: [[0, 2]],
      outputs,
      loss: meanSquaredError,
    };
  }
  if (kind === "tagging") {
    const shapes = { inputShape: [], outputs, words };
    const network = entityNetworks["word-encoder"];
    const sizes = { featureWidth: 4, wordUnits: 8, wordWidth: 4, wordContext: 1 };
    const networks = network.networks(shapes, sizes) as unknown as Networks;
    return { ...chosen, ...shapes, kind, networks, loss: taggingLoss as unknown as Loss };
  }
  if (kind === "detection") {
    const shapes = { inputShape: [picture.size, picture.size, 1], outputs };
    const networks = detectorNetworks.detector.networks(shapes, { filters: 4 });
    return { ...chosen, ...shapes, kind, networks, loss: detectionLoss({ stride: picture.stride }) as unknown as Loss };
  }
  const shapes = { inputShape: imageShape, outputs };
  const networks = networkCatalogue.conv.networks(shapes, {
    filters: 4,
    blocks: 2,
    downsampling: "pool",
    batchNorm: "transductive",
  });
  return { ...chosen, ...shapes, kind, networks, loss: crossEntropy };
}

function examplesOf(kind: TaskKind, rows: number, ways: number, padded: boolean): Examples {
  const source = random(3, rows, ways);
  const numbers = (shape: readonly number[]): Tensor =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => source.uniform(-1, 1)),
      shape,
    );
  const present = padded ? { present: tensor(Float32Array.from({ length: rows }, (_, i) => (i === 0 ? 0 : 1))) } : {};
  if (kind === "tagging") return sentencesOf(rows, ways, present);
  if (kind === "detection") return picturesOf(rows, ways, present);
  return kind === "regression"
    ? { x: numbers([rows, inputs]), y: numbers([rows, 1]), ...present }
    : {
        x: numbers([rows, ...imageShape]),
        y: tensor(Int32Array.from({ length: rows }, (_, i) => i % ways)),
        ...present,
      };
}

/** Rows as learners take them that ask which words they have in common: two ids each, of four. */
function withIds({ x, ...more }: Examples): Examples {
  const rows = x.shape[0]!;
  const ids = tensor(
    Int32Array.from({ length: 2 * rows }, (_, i) => (i * 7) % 5),
    [rows, 2],
  );
  return { ...more, x: { features: x, ids } } as unknown as Examples;
}

type Adaptation = (params: Tree, support: Tree, x: Tensor) => Tree;

/** Of tags probabilities are compared: the logarithms of those of types that a task has not would hide all others. */
const comparable = (prediction: Tree): Tree =>
  prediction instanceof Tensor || !("scores" in prediction)
    ? prediction
    : { ...prediction, scores: exp((prediction as unknown as { readonly scores: Tensor }).scores) };

const adaptationOf =
  (learner: Learner): Adaptation =>
  (params, support, x) =>
    comparable(learner.predict(learner.adapt(params, support as Examples), x));

/** Holds every tensor of a prediction against the interpreter's. */
function requireSame(what: string, found: Tree, expected: readonly ArrayLike<number | bigint>[]): void {
  leaves(found).forEach((leaf, i) => {
    requireClose(`${what} ${i}`, Float64Array.from(leaf.data as Float32Array), expected[i] as Float64Array, 1e-3);
  });
}

async function agreesWithInterpreter(learner: Learner, support: Examples, x: Tensor): Promise<Uint8Array> {
  const adaptation = adaptationOf(learner);
  const params = learner.init(key(5));
  const expected = interpret(leaves(adaptation(params, support, x)));
  for (const executor of [native, web]) {
    const program = compile(adaptation as (...args: Tree[]) => Tree, { executor });
    requireSame(executor.name, await program(params, support, x), expected);
    await program.release();
  }
  return toOnnx(adaptation as (...args: Tree[]) => Tree, [params, support, x], loweringProfiles.standard);
}

/** Those of policies are tried where environments are: policy-catalogue.test.ts. */
const cells = learnerNames.flatMap((name) =>
  (learnerCatalogue[name] as LearnerEntry).kinds.flatMap((kind) => (kind === "policy" ? [] : [[name, kind] as const])),
);

test("FEATURES.md is what the catalogue says: run node packages/node/dist/cli/write-reference.js", () => {
  expect(readFileSync(new URL("../../../FEATURES.md", import.meta.url), "utf8")).toBe(featuresMarkdown());
});

/** Each learner's adaptation and prediction, written with nothing but the standard's operators. */
const standardModels: Uint8Array[] = [];

/** A tree of what depends on constants only, with values. */
const withValues = (tree: Tree): Tree =>
  mapTree((leaf) => (leaf.data ? leaf : tensor(Float64Array.from(interpret([leaf])[0]!, Number), leaf.shape)), tree);

describe.each(cells)("%s for %s", (name, kind) => {
  const ways = kind === "regression" ? 1 : 3;
  const learner = built(name, kind, ways);
  const examples = (rows: number, padded: boolean): Examples => {
    const made = examplesOf(kind, rows, ways, padded);
    return (learnerCatalogue[name] as LearnerEntry).needs === "paths" ? withIds(made) : made;
  };

  test.each([
    ["whole", false],
    ["padded", true],
  ] as const)(
    "adapts to %s tasks as the interpreter does, natively and in the browser's runtime, as standard ONNX",
    async (_, padded) => {
      const support = examples(7, padded);
      const model = await agreesWithInterpreter(learner, support, examples(4, false).x);
      standardModels.push(model);
    },
  );

  test("a run pads sets of other sizes than in training, and answers as for the sets by themselves", async () => {
    const { executor, loads } = countingLoads(native);
    const params = learner.init(key(5));
    const task = { support: examples(7, false), query: examples(4, false) };
    const tasks = { name: "one task", description: {}, sample: () => task };
    const run = new Run({
      learner,
      params,
      iteration: 0,
      reason: "finished",
      tasks: { train: tasks, validation: tasks },
      seed: 0,
      executor,
    });
    const answers = async (rows: number, queries: number): Promise<void> => {
      const support = examples(rows, false);
      const { x } = examples(queries, false);
      const found: Tree = await (await run.adapt(support)).predict(x);
      const expected = interpret(leaves(adaptationOf(learner)(params, support, x)));
      for (const leaf of leaves(found)) expect(leaf.shape[0]).toBe(queries);
      requireSame(`${rows} rows`, withValues(comparable(found)), expected);
    };
    await answers(5, 6);
    const known = loads();
    await answers(6, 5);
    expect(loads()).toBe(known);
    await run.release();
  });

  test("its entry says truly whether it takes steps", () =>
    expect(learner.steps !== undefined).toBe((learnerCatalogue[name] as LearnerEntry).takesSteps));

  test("its meta-gradient is the interpreter's, and no parameter's is missing", async () => {
    const task = { support: examples(7, false), query: examples(5, false) };
    const params = learner.init(key(5));
    const gradient = (at: Tree, given: Tree): Tree => {
      const found = learner.metaGradient(at, given as typeof task);
      return { loss: found.loss, gradient: found.gradient };
    };
    const found = await compile(gradient as (...args: Tree[]) => Tree, { executor: native })(params, task);
    const expected = interpret(leaves(gradient(params, task)));
    const scale = expected.reduce(
      (most, values) => values.reduce((a: number, b) => Math.max(a, Math.abs(Number(b))), most),
      0,
    );
    leaves(found).forEach((leaf, i) => {
      requireClose(`leaf ${i}`, leaf.data as Float32Array, expected[i] as Float64Array, 2e-3, scale);
    });
    expect(leaves((found as { gradient: Tree }).gradient)).toHaveLength(leaves(params).length);
  });
});

describe.each(learnerNames.map((name) => [name, learnerCatalogue[name] as LearnerEntry] as const))(
  "the entry of %s",
  (name, entry) => {
    const others = (["regression", "classification", "tagging", "detection"] as const).filter(
      (kind) => !entry.kinds.includes(kind),
    );
    test.each(others)("refuses %s", (kind) =>
      expect(() => built(name, kind, 3)).toThrow(`IL102 ${name}: it is not for ${kind}`),
    );

    test.runIf(entry.kinds.includes("classification"))(
      "says truly whether more ways need other parameters",
      async () => {
        const shapes = (outputs: number): string[] =>
          leaves(built(name, "classification", outputs).init(key(1))).map(({ shape }) => shape.join("x"));
        expect(shapes(5).join() === shapes(3).join()).toBe(entry.variableWays);
        if (!entry.variableWays) return;
        // Parameters of one number of ways serve another: all classes get an answer.
        const params = built(name, "classification", 3).init(key(1));
        const five = built(name, "classification", 5);
        const support = examplesOf("classification", 10, 5, false);
        const [logits] = interpret(leaves(adaptationOf(five)(params, support, support.x)));
        expect(logits).toHaveLength(50);
        expect(Array.from(logits as Float64Array).every(Number.isFinite)).toBe(true);
      },
    );
  },
);

test("the official ONNX checker accepts them all", (context) => {
  const missing = onnxCheckerMissing();
  if (missing) context.skip(missing);
  expect(standardModels).toHaveLength(2 * cells.length);
  expect(checkWithOnnx(standardModels)).toEqual([]);
});
