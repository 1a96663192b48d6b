import { readFileSync } from "node:fs";
import {
  type Examples,
  key,
  type Learner,
  type LearnerEntry,
  learnerCatalogue,
  learnerNames,
  Run,
} from "@innerloop/core";
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
import { built, examplesOf, withIds } from "./catalogue-examples.fixture.js";
import { featuresMarkdown } from "./cli/features.js";
import { countingLoads } from "./executor/counting-loads.fixture.js";
import { checkWithOnnx, onnxCheckerMissing } from "./executor/onnx-checker.fixture.js";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { webExecutor } from "./executor/web-executor.fixture.js";

const native = onnxruntimeExecutor();
const web = webExecutor();
afterAll(() => Promise.all([native.close(), web.close()]));

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
    requireClose(`${what} ${i}`, Float64Array.from(leaf.data as Float32Array), expected[i] as Float64Array, 1e-4);
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

test("FEATURES.md is what the catalogue says: run node packages/node/dist/cli/write-reference.js", async () => {
  expect(readFileSync(new URL("../../../FEATURES.md", import.meta.url), "utf8")).toBe(await featuresMarkdown());
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
