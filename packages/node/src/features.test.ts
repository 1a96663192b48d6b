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
  learnerCatalogue,
  learnerNames,
  meanSquaredError,
  mlp,
  type Networks,
  networkCatalogue,
  Run,
  random,
  type TaskKind,
} from "@innerloop/core";
import { compile, interpret, leaves, loweringProfiles, type Tensor, type Tree, tensor, toOnnx } from "@innerloop/graph";
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

const chosen = { iterations: 100, supportRows: 7, trainClasses: 6 } as const;
/** Values for hyperparameters, for learners that have them. */
const hyperparameters: Readonly<Record<string, unknown>> = { steps: 2, innerRate: 0.1, units: 8, contextSize: 3 };

const built = (name: LearnerName, kind: TaskKind, outputs: number): Learner => {
  const { options } = learnerCatalogue[name] as LearnerEntry;
  const own = Object.entries(hyperparameters).filter(([option]) => Object.hasOwn(options, option));
  return buildLearner(name, settingOf(kind, outputs), Object.fromEntries(own));
};

function settingOf(kind: TaskKind, outputs: number): LearnerSetting {
  if (kind === "regression") {
    const model = mlp({ sizes: [1, 8, 8, outputs], activation: "tanh" });
    const embedding = mlp({ sizes: [1, 8, 8], activation: "tanh" });
    const networks: Networks = {
      model: () => model,
      perStepModel: () => model,
      embedding: () => embedding,
      maps: () => embedding,
      contextual: (contextSize) => contextualMlp({ sizes: [1, 8, 8, outputs], activation: "tanh", contextSize }),
    };
    return { ...chosen, networks, kind, inputShape: [1], outputs, loss: meanSquaredError };
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
  return kind === "regression"
    ? { x: numbers([rows, 1]), y: numbers([rows, 1]), ...present }
    : {
        x: numbers([rows, ...imageShape]),
        y: tensor(Int32Array.from({ length: rows }, (_, i) => i % ways)),
        ...present,
      };
}

type Adaptation = (params: Tree, support: Tree, x: Tensor) => Tensor;

const adaptationOf =
  (learner: Learner): Adaptation =>
  (params, support, x) =>
    learner.predict(learner.adapt(params, support as Examples), x);

async function agreesWithInterpreter(learner: Learner, support: Examples, x: Tensor): Promise<Uint8Array> {
  const adaptation = adaptationOf(learner);
  const params = learner.init(key(5));
  const [expected] = interpret([adaptation(params, support, x)]);
  for (const executor of [native, web]) {
    const program = compile(adaptation as (...args: Tree[]) => Tensor, { executor });
    const found = await program(params, support, x);
    requireClose(executor.name, found.data as Float32Array, expected as Float64Array, 1e-3);
    await program.release();
  }
  return toOnnx(adaptation as (...args: Tree[]) => Tree, [params, support, x], loweringProfiles.standard);
}

const cells = learnerNames.flatMap((name) =>
  (learnerCatalogue[name] as LearnerEntry).kinds.map((kind) => [name, kind] as const),
);

test("FEATURES.md is what the catalogue says: run node packages/node/dist/cli/write-reference.js", () => {
  expect(readFileSync(new URL("../../../FEATURES.md", import.meta.url), "utf8")).toBe(featuresMarkdown());
});

/** Each learner's adaptation and prediction, written with nothing but the standard's operators. */
const standardModels: Uint8Array[] = [];

describe.each(cells)("%s for %s", (name, kind) => {
  const ways = kind === "regression" ? 1 : 3;
  const learner = built(name, kind, ways);

  test.each([
    ["whole", false],
    ["padded", true],
  ] as const)(
    "adapts to %s tasks as the interpreter does, natively and in the browser's runtime, as standard ONNX",
    async (_, padded) => {
      const support = examplesOf(kind, 7, ways, padded);
      const model = await agreesWithInterpreter(learner, support, examplesOf(kind, 4, ways, false).x);
      standardModels.push(model);
    },
  );

  test("a run pads sets of other sizes than in training, and answers as for the sets by themselves", async () => {
    const { executor, loads } = countingLoads(native);
    const params = learner.init(key(5));
    const task = { support: examplesOf(kind, 7, ways, false), query: examplesOf(kind, 4, ways, false) };
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
      const support = examplesOf(kind, rows, ways, false);
      const { x } = examplesOf(kind, queries, ways, false);
      const found = await (await run.adapt(support)).predict(x);
      const [expected] = interpret([adaptationOf(learner)(params, support, x)]);
      expect(found.shape[0]).toBe(queries);
      requireClose(`${rows} rows`, found.data as Float32Array, expected as Float64Array, 1e-3);
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
    const task = { support: examplesOf(kind, 7, ways, false), query: examplesOf(kind, 5, ways, false) };
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
    const others = (["regression", "classification"] as const).filter((kind) => !entry.kinds.includes(kind));
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
        const [logits] = interpret([adaptationOf(five)(params, support, support.x)]);
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
