import { readFileSync } from "node:fs";
import {
  buildLearner,
  contextualConvNet,
  contextualMlp,
  convEmbedding,
  convMaps,
  convNet,
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
  Run,
  random,
  sgd,
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

const inner = { steps: 2, inner: sgd({ learningRate: 0.1 }), innerRate: 0.1 } as const;
const imageShape = [8, 8, 1] as const;

const chosen = {
  ...inner,
  iterations: 100,
  distance: "squaredEuclidean",
  temperature: 1,
  proximal: 2,
  units: 8,
  supportRows: 7,
  trainClasses: 6,
} as const;

function settingOf(kind: TaskKind, outputs: number): LearnerSetting {
  if (kind === "regression") {
    const model = mlp({ sizes: [1, 8, 8, outputs], activation: "tanh" });
    const embedding = mlp({ sizes: [1, 8, 8], activation: "tanh" });
    const contextModel = contextualMlp({ sizes: [1, 8, 8, outputs], activation: "tanh", contextSize: 3 });
    const models = { model, perStepModel: model, embedding, maps: embedding, contextModel };
    return { ...chosen, ...models, kind, inputShape: [1], outputs, loss: meanSquaredError };
  }
  const images = { imageShape, filters: 4, blocks: 2 } as const;
  return {
    ...chosen,
    kind,
    inputShape: imageShape,
    outputs,
    model: convNet({ ...images, ways: outputs, downsampling: "pool" }),
    perStepModel: convNet({ ...images, ways: outputs, downsampling: "pool", batchNormSteps: inner.steps }),
    embedding: convEmbedding({ ...images, downsampling: "pool" }),
    maps: convMaps(images),
    contextModel: contextualConvNet({ ...images, ways: outputs, downsampling: "pool", contextSize: 3, contextIn: 2 }),
    loss: crossEntropy,
  };
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
  const learner = buildLearner(name, settingOf(kind, ways));

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
      expect(() => buildLearner(name, settingOf(kind, 3))).toThrow(`IL102 ${name}: it is not for ${kind}`),
    );

    test.runIf(entry.kinds.includes("classification"))(
      "says truly whether more ways need other parameters",
      async () => {
        const shapes = (outputs: number): string[] =>
          leaves(buildLearner(name, settingOf("classification", outputs)).init(key(1))).map(({ shape }) =>
            shape.join("x"),
          );
        expect(shapes(5).join() === shapes(3).join()).toBe(entry.variableWays);
        if (!entry.variableWays) return;
        // Parameters of one number of ways serve another: all classes get an answer.
        const params = buildLearner(name, settingOf("classification", 3)).init(key(1));
        const five = buildLearner(name as LearnerName, settingOf("classification", 5));
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
