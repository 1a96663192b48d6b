import { type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { gradientError, namedValues, noiseTensor, numbersOf, valuesIn } from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import type { Examples } from "../../tasks/task.js";
import type { Learner } from "../learner.js";
import { difference, generalParams } from "../model-based/model-based.fixture.js";
import { type MetahinOptions, metahin } from "./metahin.js";
import type { IdentifiedRows } from "./residual-learner.js";

type Rows = Examples<IdentifiedRows, Tensor>;

const [features, units] = [3, 4] as const;
/** An id of the item, a bag of two words, a category. */
const paths = [
  [1, 3],
  [3, 4],
] as const;
const build = (more: Partial<MetahinOptions> = {}) =>
  metahin({ features, paths, inner: sgd({ learningRate: 0.2 }), steps: 2, units, ...more });

// Rows are powers of 2 in number: means over them are exact, padded or not.
const knownIds = [
  [1, 10, 11, 20],
  [2, 11, 0, 21],
  [3, 12, 0, 20],
  [4, 0, 0, 0],
];
const askedIds = [
  [5, 11, 0, 20],
  [6, 12, 10, 0],
  // Shares nothing with any: an id of 0 is none.
  [7, 0, 0, 22],
  [8, 10, 11, 21],
];
const rowsOf = (ids: readonly (readonly number[])[], address: number): Rows => ({
  x: {
    features: noiseTensor([ids.length, features], address, 1),
    ids: tensor(ids as number[][], [ids.length, 4], "int32"),
  },
  y: noiseTensor([ids.length, 1], address, 2),
});
const task = { support: rowsOf(knownIds, 1), query: rowsOf(askedIds, 2) };

/** Rows in another order; places beyond them are rows of padding. */
function reordered({ x, y }: Rows, order: readonly number[]): Rows {
  const n = y.shape[0]!;
  const part = (of: Tensor, filling: number): Tensor => {
    const width = of.size / n;
    const values = valuesIn(of);
    const rows = order.flatMap((row) =>
      row < n ? values.slice(row * width, (row + 1) * width) : new Array<number>(width).fill(filling),
    );
    return tensor(rows, [order.length, ...of.shape.slice(1)], of.dtype);
  };
  return {
    // Padding shares words with all, where it is not left out.
    x: { features: part(x.features, 3), ids: part(x.ids, 11) },
    y: part(y, 5),
    present: tensor(order.map((row) => (row < n ? 1 : 0))),
  };
}

const learner = build();
const params = generalParams(learner as unknown as Learner);
const told = (support: Rows, query = task.query, steps?: number): number[] =>
  valuesIn(learner.predict(learner.adapt(params, support, steps === undefined ? {} : { steps }), query.x));

describe("contexts and predictions", () => {
  /** Predictions without steps, in numbers: contexts of each path, gates, shares by losses, fused. */
  function byHand(): number[] {
    const at = namedValues(params);
    const matrix = (x: Tensor): number[][] => {
      const values = valuesIn(x);
      const width = x.shape[1]!;
      return Array.from({ length: x.shape[0]! }, (_, row) => values.slice(row * width, (row + 1) * width));
    };
    const affine = (v: readonly number[], weight: readonly number[], bias: readonly number[]): number[] =>
      bias.map((b, j) => v.reduce((sum, value, i) => sum + value * weight[i * bias.length + j]!, b));
    const leaky = (v: readonly number[]): number[] => v.map((value) => Math.max(value, 0.01 * value));
    const known = matrix(task.support.x.features);
    const encodings = known.map((row) => leaky(affine(row, at["context/weight"]!, at["context/bias"]!)));
    const contextsOf = (ids: readonly (readonly number[])[], [from, to]: readonly [number, number], own: boolean) =>
      ids.map((words, i) => {
        const sharing = knownIds.flatMap((others, j) => {
          const mine = words.slice(from, to).filter((word) => word > 0);
          const shares = others.slice(from, to).some((word) => mine.includes(word));
          return shares && !(own && i === j) ? [encodings[j]!] : [];
        });
        return Array.from({ length: units }, (_, u) =>
          sharing.length === 0 ? 0 : sharing.reduce((sum, each) => sum + each[u]!, 0) / sharing.length,
        );
      });
    const leaves = Object.keys(at).filter((path) => path.startsWith("decision/"));
    const total = leaves.reduce((sum, path) => sum + at[path]!.length, 0);
    type Decision = Record<string, number[]>;
    const decide = (by: Decision, row: readonly number[], context: readonly number[]): number => {
      const [first, second, third] = [1, 3, 5].map((layer) => [
        by[`decision/${layer}/weight`]!,
        by[`decision/${layer}/bias`]!,
      ]) as [number[][], number[][], number[][]];
      const relu = (v: number[]): number[] => v.map((value) => Math.max(0, value));
      const hidden = relu(affine(relu(affine([...row, ...context], first[0]!, first[1]!)), second[0]!, second[1]!));
      return affine(hidden, third[0]!, third[1]!)[0]!;
    };
    const found = paths.map((path) => {
      const contexts = contextsOf(knownIds, path, true);
      const summary = Array.from({ length: units }, (_, u) => contexts.reduce((sum, c) => sum + c[u]! / 4, 0));
      const gates = affine(summary, at["gate/weight"]!, at["gate/bias"]!).map((g) => 1 / (1 + Math.exp(-g)));
      expect(gates).toHaveLength(total);
      let next = 0;
      const decision: Decision = Object.fromEntries(
        leaves.map((name) => [name, at[name]!.map((value) => value * gates[next++]!)]),
      );
      const y = valuesIn(task.support.y);
      const loss = known.reduce((sum, row, i) => sum + (decide(decision, row, contexts[i]!) - y[i]!) ** 2 / 4, 0);
      return { decision, loss, contexts: contextsOf(askedIds, path, false) };
    });
    const powers = found.map(({ loss }) => Math.exp(-loss));
    const shares = powers.map((p) => p / (powers[0]! + powers[1]!));
    const mixed = (of: readonly (readonly number[])[]): number[] =>
      of[0]!.map((_, i) => of.reduce((sum, each, p) => sum + shares[p]! * each[i]!, 0));
    const fused = Object.fromEntries(leaves.map((name) => [name, mixed(found.map(({ decision }) => decision[name]!))]));
    return matrix(task.query.x.features).map((row, i) =>
      decide(fused, row, mixed(found.map(({ contexts }) => contexts[i]!))),
    );
  }

  test("are means over known rows that share a word, gated, and fused by the losses of the support rows", () => {
    expect(difference(told(task.support, task.query, 0), byHand())).toBeLessThan(1e-8);
  });

  test("an item that shares no word with a known one has no context, whatever is known", () => {
    const { encodings, ...known } = learner.adapt(params, task.support) as { readonly encodings: Tensor };
    const other = { ...known, encodings: noiseTensor(encodings.shape, 9) } as unknown as Tree;
    const [before, after] = [told(task.support), valuesIn(learner.predict(other, task.query.x))];
    expect(after[2]).toBe(before[2]);
    expect(after[0]).not.toBeCloseTo(before[0]!, 4);
    expect(after[1]).not.toBeCloseTo(before[1]!, 4);
  });

  test("do not change by the order of known rows, nor by rows of padding, nor by other queries", () => {
    expect(difference(told(reordered(task.support, [2, 0, 3, 1])), told(task.support))).toBeLessThan(1e-9);
    expect(difference(told(reordered(task.support, [4, 0, 1, 4, 2, 3])), told(task.support))).toBeLessThan(1e-9);
    const first = { ...task.query, x: reordered(task.query, [0]).x };
    expect(difference(told(task.support, first), told(task.support).slice(0, 1))).toBeLessThan(1e-12);
  });
});

describe("the meta-gradient", () => {
  const numbers = (given: typeof task): number[] => {
    const { loss, metrics, gradient } = learner.metaGradient(params, given);
    return numbersOf([loss, { ...metrics }, gradient]).flat();
  };

  test("is what central differences through both adaptations and the fusion tell", () => {
    const { gradient, loss } = learner.metaGradient(params, task);
    const queryLoss = (at: Tree): Tensor =>
      learner.loss(learner.predict(learner.adapt(at, task.support), task.query.x), task.query.y);
    expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(queryLoss(params))[0]!, 10);
    expect(gradientError(queryLoss, params, gradient, { h: 1e-5 })).toBeLessThan(1e-6);
    for (const [path, values] of Object.entries(namedValues(gradient)))
      expect(
        values.some((value) => value !== 0),
        path,
      ).toBe(true);
  });

  test("does not change by rows of padding", () => {
    const filled = {
      support: reordered(task.support, [4, 0, 1, 4, 2, 3]),
      query: reordered(task.query, [0, 4, 1, 2, 3]),
    };
    expect(difference(numbers(filled), numbers(task))).toBeLessThan(1e-9);
  });

  test("is finite without any rating, and of one", () => {
    for (const order of [[4, 4], [2]])
      expect(numbers({ ...task, support: reordered(task.support, order) }).every(Number.isFinite)).toBe(true);
  });
});

test("steps fit the known ratings better", () => {
  const fit = (steps: number): number =>
    valuesIn(
      learner.loss(learner.predict(learner.adapt(params, task.support, { steps }), task.support.x), task.support.y),
    )[0]!;
  expect(fit(8)).toBeLessThan(fit(0));
});

test("says what its figures depend on", () => {
  expect(metahin({ features: 3, paths: [[1, 2]], inner: sgd({ learningRate: 0.1 }) })).toMatchObject({
    name: "MetaHIN",
    steps: 1,
    readsIds: true,
    description: { order: 2, paths: 1, units: 32 },
  });
});

test("refuses paths that are none, and sizes out of range", () => {
  const refused = (more: Partial<MetahinOptions>) => expect(() => build(more));
  refused({ paths: [] }).toThrow(/^IL102 metahin: paths are columns of none.*one attribute of items at least/);
  for (const path of [
    [2, 2],
    [-1, 2],
    [0.5, 2],
  ] as const)
    refused({ paths: [path] }).toThrow(/^IL102 metahin: paths are columns /);
  refused({ units: 0 }).toThrow("IL102 metahin: units 0");
  refused({ features: 1.5 }).toThrow("IL102 metahin: features 1.5");
});
