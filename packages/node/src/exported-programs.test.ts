/** Every learner of the catalogue as exported programs: what these answer is what the learner itself does. */
import {
  type Examples,
  key,
  type Learner,
  type LearnerEntry,
  type LearnerName,
  learnerCatalogue,
  learnerNames,
  type TaskKind,
} from "@innerloop/core";
import { specsOfRows, type TaskSpec } from "@innerloop/core/tasks";
import {
  type ExportedPrograms,
  exportProgram,
  exportPrograms,
  statusBits,
  TrainedLearner,
} from "@innerloop/core/training";
import {
  allocate,
  leaves,
  mapTree,
  namedLeaves,
  type PortableModel,
  sizeOf,
  Tensor,
  type TensorsByName,
  type Tree,
  tensor,
} from "@innerloop/graph";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { built, examplesOf, withIds } from "./catalogue-examples.fixture.js";
import { checkWithOnnx, onnxCheckerMissing } from "./executor/onnx-checker.fixture.js";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { openPortable, type PortableSession } from "./executor/portable-models.fixture.js";

const native = onnxruntimeExecutor();
afterAll(() => native.close());

/** Policies are collected in environments. */
const cells = learnerNames.flatMap((name) =>
  (learnerCatalogue[name] as LearnerEntry).kinds.flatMap((kind) => (kind === "policy" ? [] : [[name, kind] as const])),
);

const most = 7;
const waysOf = (kind: TaskKind): number => (kind === "regression" ? 1 : 3);

/** A learner, what its tasks look like, and sets of them. */
function caseOf(name: LearnerName, kind: TaskKind) {
  const learner = built(name, kind, waysOf(kind), "support");
  const rows = (count: number): Examples => {
    const made = examplesOf(kind, count, waysOf(kind), false);
    return (learnerCatalogue[name] as LearnerEntry).needs === "paths" ? withIds(made) : made;
  };
  const { x, y } = rows(most);
  const spec = {
    x: specsOfRows(x),
    y: { ...specsOfRows(y), ...(kind === "classification" || kind === "tagging" ? { classes: { count: 3 } } : {}) },
    support: { rows: most },
    query: { rows: 4 },
  } as unknown as TaskSpec<Tree, Tree>;
  return { learner: learner as Learner<Tree, Tree, Tree, Tree, Tree>, params: learner.init(key(5)), spec, rows };
}

/** Rows of nonsense behind those of a set, up to so many. */
const padded = (x: Tensor, rows: number): Tensor => {
  const values = allocate(x.dtype, sizeOf(x.shape.slice(1)) * rows);
  values.fill((x.dtype === "float32" ? 3 : 1) as never);
  (values as Float32Array).set(x.data as Float32Array);
  return tensor(values, [rows, ...x.shape.slice(1)], x.dtype);
};
const asInt64 = (x: Tensor): Tensor => tensor(BigInt64Array.from(x.data as Int32Array, BigInt), x.shape, "int64");
const named = (name: string, tree: Tree): TensorsByName =>
  Object.fromEntries(
    namedLeaves(tree).map(([path, leaf]) => [path === "" ? name : `${name}.${path.replaceAll("/", ".")}`, leaf]),
  );

/** A support set as the models take it. */
const fedSupport = ({ x, y }: Examples<Tree, Tree>, steps: number, rows = most): TensorsByName => {
  const there = leaves(x)[0]!.shape[0]!;
  const labels = y instanceof Tensor && y.dtype === "int32";
  return {
    ...named(
      "support_inputs",
      mapTree((leaf) => padded(leaf, rows), x),
    ),
    ...(labels
      ? { support_labels: asInt64(padded(y, rows)) }
      : named(
          "support_targets",
          mapTree((leaf) => padded(leaf, rows), y),
        )),
    support_mask: tensor(new Float32Array(rows).fill(1, 0, there), [rows]),
    steps: tensor([steps], [], "int64"),
  };
};

/** Predictions as the models name them. */
function byName(prediction: Tree, y: Tree): Readonly<Record<string, readonly number[]>> {
  if (!(prediction instanceof Tensor))
    return Object.fromEntries(namedLeaves(prediction).map(([path, leaf]) => [path, numbersIn(leaf)]));
  if ((y as Tensor).dtype === "int32") return { logits: numbersIn(prediction) };
  const [n, width] = prediction.shape as [number, number];
  const columns = (from: number, to: number): number[] =>
    numbersIn(prediction).filter((_, i) => i % width >= from && i % width < to);
  return width === 1
    ? { mean: columns(0, 1) }
    : { mean: columns(0, width / 2), deviation: columns(width / 2, width), n: [n] };
}
const numbersIn = ({ data }: Tensor): number[] => Array.from(data as ArrayLike<number | bigint>, Number);

/** Classes that a task has not are 10^9 below the others, and logarithms of probabilities far below 0 are of no account. */
const shown = (name: string, values: readonly number[]): readonly number[] =>
  name === "scores" ? values.map(Math.exp) : values.map((value) => Math.max(value, -1e6));

function requireSame(found: TensorsByName, expected: Readonly<Record<string, readonly number[]>>): void {
  for (const [name, values] of Object.entries(expected)) {
    if (name === "n") continue;
    const [a, b] = [shown(name, numbersIn(found[name]!)), shown(name, values)];
    expect(a.length, name).toBe(b.length);
    const largest = b.reduce((so, value) => Math.max(so, Math.abs(value)), 1e-3);
    const off = a.reduce((so, value, i) => Math.max(so, Math.abs(value - b[i]!)), 0);
    expect(off / largest, `${name}: ${a.slice(0, 6)} and ${b.slice(0, 6)}`).toBeLessThan(1e-4);
  }
}

/** All values by name, in the order of the names. */
const bits = (found: TensorsByName): (readonly [name: string, values: readonly number[]])[] =>
  Object.entries(found)
    .map(([name, value]) => [name, numbersIn(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));

const written: PortableModel[] = [];

describe.each(cells)("%s for %s", (name, kind) => {
  const { learner, params, spec, rows } = caseOf(name, kind);
  const isStepped = learner.stepped !== undefined;
  /** Steps that it is tried in. */
  const counts = learner.steps === undefined ? [0] : isStepped ? [0, 1, 5] : [learner.steps];
  let models: ExportedPrograms["models"];
  let isPadded: boolean;
  let adapt: PortableSession;
  let predict: PortableSession;
  let fewShot: PortableSession;
  beforeAll(async () => {
    const exported = exportPrograms({ learner, params, spec });
    expect(exported.steps).toEqual({
      usual: learner.steps,
      fixed: isStepped || learner.steps === undefined ? undefined : learner.steps,
    });
    ({ models, padded: isPadded } = exported);
    written.push(...Object.values(models));
    [adapt, predict, fewShot] = (await Promise.all(
      [models.adapt, models.predict, models.few_shot].map(openPortable),
    )) as [PortableSession, PortableSession, PortableSession];
  });
  afterAll(() => Promise.all([adapt, predict, fewShot].map((session) => session?.close())));

  const trained = new TrainedLearner<Tree, Tree, Tree, Tree>({ learner, params, spec, executor: native });

  test.each(
    counts.length === 1
      ? ([
          [counts[0]!, most],
          [counts[0]!, 5],
        ] as const)
      : ([
          [0, 5],
          [1, most],
          [5, 5],
        ] as const),
  )("adapts in %i steps to %i rows as the learner does, and predicts for 1, 2 and 40", async (steps, there) => {
    const support = rows(there) as Examples<Tree, Tree>;
    const task = await trained.adapt(support as never, learner.steps === undefined ? {} : { steps });
    const fed = fedSupport(support, steps);
    const { status, ...state } = await adapt.run(fed);
    expect(numbersIn(status!)).toEqual([0]);
    for (const queries of [1, 2, 40]) {
      const { x } = rows(queries) as Examples<Tree, Tree>;
      const expected = byName(await task.predict(x as never), support.y);
      const asked = named("query_inputs", x);
      requireSame(await predict.run({ ...state, ...asked }), expected);
      const { status: ofBoth, ...predictions } = await fewShot.run({ ...fed, ...asked });
      expect(numbersIn(ofBoth!)).toEqual([0]);
      requireSame(predictions, expected);
    }
  });

  test("adapts to as many rows as there are as to padded ones, where any number is taken", async () => {
    const steps = Math.min(2, counts.at(-1)!);
    for (const there of isPadded ? [] : [2, 5, most, 12]) {
      const support = rows(there) as Examples<Tree, Tree>;
      const task = await trained.adapt(support as never, isStepped ? { steps } : {});
      const fed = fedSupport(support, steps, there);
      const { status, ...state } = await adapt.run(fed);
      expect(numbersIn(status!), `${there} rows`).toEqual([0]);
      const { x } = rows(3) as Examples<Tree, Tree>;
      const expected = byName(await task.predict(x as never), support.y);
      const asked = named("query_inputs", x);
      requireSame(await predict.run({ ...state, ...asked }), expected);
      const { status: _, ...predictions } = await fewShot.run({ ...fed, ...asked });
      requireSame(predictions, expected);
    }
  });

  test.each([1, 40])("predicts for %i of any number with the bits of a model for so many", async (queries) => {
    const session = await openPortable(exportProgram("predict", { learner, params, spec, queries }));
    const { status: _, ...state } = await adapt.run(fedSupport(rows(5) as Examples<Tree, Tree>, counts.at(-1)!));
    const fed = { ...state, ...named("query_inputs", (rows(queries) as Examples<Tree, Tree>).x) };
    expect(bits(await predict.run(fed))).toEqual(bits(await session.run(fed)));
    await session.close();
  });

  test("keeps of a task what adaptation changed, and no parameters", () => {
    const state = models.adapt.outputs.filter(({ name: output }) => output.startsWith("state"));
    const inputs = models.predict.inputs.filter(({ name: output }) => output.startsWith("state"));
    expect(state).toEqual(inputs);
    expect(models.adapt.outputs.map(({ name: output }) => output)).toContain("status");
  });

  test("says what is wrong with a task", async () => {
    const support = rows(5) as Examples<Tree, Tree>;
    const usual = counts.at(-1)!;
    const fed = fedSupport(support, usual);
    const statusOf = async (changed: TensorsByName): Promise<number> =>
      numbersIn((await adapt.run({ ...fed, ...changed })).status!)[0]!;
    const none = { support_mask: tensor(new Float32Array(most)) };
    expect((await statusOf(none)) & statusBits.noExample).toBe(statusBits.noExample);
    const less = await statusOf({ steps: tensor([-1], [], "int64") });
    expect(less).toBe(
      statusBits.negativeSteps + (isStepped || learner.steps === undefined ? 0 : statusBits.otherSteps),
    );
    const labels = fed.support_labels;
    if (!labels) return;
    const wrong = (label: bigint, at: number): TensorsByName => {
      const values = (labels.data as BigInt64Array).slice();
      values[at] = label;
      return { support_labels: tensor(values, labels.shape, "int64") };
    };
    expect((await statusOf(wrong(99n, 0))) & statusBits.labelOutOfRange).toBe(statusBits.labelOutOfRange);
    expect((await statusOf(wrong(-2n, 0))) & statusBits.labelOutOfRange).toBe(statusBits.labelOutOfRange);
    // Of padding, whatever it says.
    expect(await statusOf(wrong(99n, labels.size - 1))).toBe(0);
  });

  if (isStepped) {
    // Ten steps of a network of images take seconds to write.
    test.each(kind === "regression" ? [0, 1, 5, 10] : [0, 1, 5])(
      "a loop of %i steps makes the bits of the same steps one after the other",
      async (steps) => {
        const session = await openPortable(exportProgram("adapt", { learner, params, spec, unrolled: steps }));
        const fed = fedSupport(rows(5) as Examples<Tree, Tree>, steps);
        const [loop, plain] = [bits(await adapt.run(fed)), bits(await session.run(fed))];
        // What no step changes is no state of a model without any.
        const common = new Set(plain.map(([output]) => output));
        expect(loop.filter(([output]) => common.has(output))).toEqual(plain);
        await session.close();
      },
    );
  }
});

test("the official ONNX checker accepts them all", (context) => {
  const missing = onnxCheckerMissing();
  if (missing) context.skip(missing);
  expect(written).toHaveLength(3 * cells.length);
  expect(checkWithOnnx(written.map(({ bytes }) => bytes))).toEqual([]);
});
