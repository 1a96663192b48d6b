/** Networks of texts as models: onnxruntime, native and in the browser's runtime, against the interpreter. */
import { crossEntropy, key, type Task } from "@innerloop/core";
import {
  buildLearner,
  defaultsOf,
  type LearnerName,
  type NetworkEntry,
  type NetworkName,
  type NetworkSetting,
  networkCatalogue,
} from "@innerloop/core/learners";
import { compile, interpret, leaves, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { requireClose } from "@innerloop/graph/testing";
import { afterAll, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { webExecutor } from "./executor/web-executor.fixture.js";

const native = onnxruntimeExecutor();
const web = webExecutor();
afterAll(() => Promise.all([native.close(), web.close()]));

const length = 7;
const ways = 3;
/** More ids than a table has rows, of which the sketch has fewer dimensions: ids are hashed, and share rows. */
const entries = 40_000;
const ofIds = { inputShape: [length], outputs: ways, ids: { count: entries } };
const ofFeatures = { inputShape: [length], outputs: ways };

interface NetworkCase {
  readonly title: string;
  readonly name: NetworkName;
  readonly setting: NetworkSetting;
  readonly options: Readonly<Record<string, unknown>>;
}

const cases: readonly NetworkCase[] = [
  { title: "bag", name: "bag", setting: ofIds, options: { sketch: 32, vectorWidth: 4 } },
  { title: "bag of vectors alone", name: "bag", setting: ofIds, options: { sketch: 0, vectorWidth: 4 } },
  { title: "sketch alone", name: "bag", setting: ofIds, options: { sketch: 32, vectorWidth: 0 } },
  { title: "text-conv", name: "text-conv", setting: ofIds, options: { vectorWidth: 4, textFilters: 3 } },
  {
    title: "text-conv beside a sketch",
    name: "text-conv",
    setting: ofIds,
    options: { vectorWidth: 4, textFilters: 3, sketch: 32 },
  },
  { title: "text-transformer", name: "text-transformer", setting: ofIds, options: { vectorWidth: 8 } },
  { title: "projection", name: "projection", setting: ofFeatures, options: {} },
];

/** Rows of ids, the last of which is without any; or of features. */
function inputs(setting: NetworkSetting, rows: number): Tensor {
  const at = (i: number): number => (i * 7919 + 31) % entries;
  const x = Array.from({ length: rows * length }, (_, i) => {
    if (!setting.ids) return at(i) / entries - 0.5;
    const [row, place] = [Math.floor(i / length), i % length];
    return row === rows - 1 || place > 2 + (row % 5) ? 0 : Math.max(1, at(i));
  });
  return tensor(setting.ids ? Int32Array.from(x) : Float32Array.from(x), [rows, length]);
}

const labels = (rows: number): Tensor => tensor(Int32Array.from({ length: rows }, (_, i) => i % ways));
const taskOf = (setting: NetworkSetting): Task => ({
  support: { x: inputs(setting, 6), y: labels(6) },
  query: { x: inputs(setting, 7), y: labels(7) },
});

async function agree(f: (...args: Tree[]) => Tree, args: readonly Tree[], tolerance: number): Promise<void> {
  const expected = interpret(leaves(f(...args)));
  const scale = expected.reduce(
    (most, values) => values.reduce((a: number, b) => Math.max(a, Math.abs(Number(b))), most),
    0,
  );
  expect(scale).toBeGreaterThan(1e-3);
  for (const executor of [native, web]) {
    const program = compile(f, { executor });
    leaves(await program(...args)).forEach((leaf, i) => {
      requireClose(
        `${executor.name}, leaf ${i}`,
        leaf.data as Float32Array,
        expected[i] as Float64Array,
        tolerance,
        scale,
      );
    });
    await program.release();
  }
}

describe.each(cases)("$title", ({ name, setting, options }) => {
  const entry: NetworkEntry = networkCatalogue[name];
  const networks = entry.networks(setting, { ...defaultsOf(entry.options), ...options } as never);

  test("is as a model what it is in the interpreter, with its head as well", async () => {
    for (const layer of [networks.embedding(), networks.model()]) {
      const f = (params: Tree, x: Tensor) => layer.apply(params, x);
      await agree(f as (...args: Tree[]) => Tree, [layer.init(key(3)), inputs(setting, 5)], 1e-5);
    }
  });

  test.each(["prototypical", "ridge", "anil", "cavia"] as const satisfies readonly LearnerName[])(
    "%s of it has the interpreter's meta-gradient, dropout included",
    async (learner) => {
      const made = buildLearner(learner, {
        ...setting,
        kind: "classification",
        networks,
        loss: crossEntropy,
        iterations: 10,
        supportRows: 6,
        trainClasses: ways,
      });
      const f = (params: Tree, task: Task, drawn: Tensor): Tree => {
        const { loss, gradient } = made.metaGradient(params, task, drawn);
        return { loss, gradient };
      };
      const args = [made.init(key(5)), taskOf(setting), tensor(11, [], "int32")] as const;
      await agree(f as (...given: Tree[]) => Tree, args as unknown as readonly Tree[], 2e-3);
    },
  );
});
