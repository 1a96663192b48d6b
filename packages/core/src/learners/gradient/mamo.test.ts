import { grad, mapTree, mul, sub, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { meanSquaredError } from "../../losses/losses.js";
import {
  gradientError,
  namedValues,
  noiseTensor,
  numbersOf,
  regressionTask,
  valuesIn,
} from "../../numerical.fixture.js";
import { sgd } from "../../optimizers/optimizers.js";
import type { Examples, Task } from "../../tasks/task.js";
import { stackTasks } from "../../training/task-batch.js";
import { meanMetaGradient } from "../learner.js";
import { difference, generalParams, padded, queryLoss, reordered } from "../model-based/model-based.fixture.js";
import type { AdaptedModel } from "./gradient-adaptation.js";
import { type MamoOptions, mamo } from "./mamo.js";

const build = (more: Partial<MamoOptions> = {}) =>
  mamo({
    features: 5,
    profile: [
      [1, 2],
      [3, 5],
    ],
    inner: sgd({ learningRate: 0.1 }),
    steps: 2,
    units: 6,
    memories: 2,
    memoryRate: 0.5,
    ...more,
  });

/** A task whose rows have two columns of their own, and three of a profile that is the same in all of them. */
function taskOf(index: number, profile = index): Task {
  const { support, query } = regressionTask(2, 1, 4, 4, index);
  const [first, second, third] = valuesIn(noiseTensor([3], profile, 31)) as [number, number, number];
  const withProfile = ({ x, y }: Examples): Examples => {
    const own = valuesIn(x);
    const rows = Array.from({ length: 4 }, (_, row) => [own[2 * row]!, first, own[2 * row + 1]!, second, third]);
    return { x: tensor(rows), y };
  };
  return { support: withProfile(support), query: withProfile(query) };
}

type Start = { readonly user: Tree; readonly item: Tree; readonly decision: Tree; readonly preferences: Tensor };
const startOf = (learner: ReturnType<typeof build>, params: Tree, support: Examples): Start =>
  (learner.adapt(params, support, { steps: 0 }) as AdaptedModel).params as Start;

describe("the meta-gradient", () => {
  const learner = build();
  const params = generalParams(learner);
  const task = taskOf(1);

  test("is what central differences through start and steps tell, of all memories too", () => {
    const { gradient, loss } = learner.metaGradient(params, task);
    expect(valuesIn(loss)[0]).toBeCloseTo(valuesIn(queryLoss(learner, params, task))[0]!, 10);
    expect(gradientError((at: Tree) => queryLoss(learner, at, task), params, gradient, { h: 1e-5 })).toBeLessThan(1e-6);
    const still = Object.entries(namedValues(gradient)).filter(([, values]) => values.every((value) => value === 0));
    expect(still.map(([path]) => path)).toEqual([]);
    const first = build({ order: 1 }).metaGradient(params, task).gradient;
    expect(difference(numbersOf(first).flat(), numbersOf(gradient).flat())).toBeGreaterThan(1e-4);
  });

  test("does not change by rows of padding, nor does a prediction", () => {
    const numbers = (given: Task): number[] => {
      const { loss, gradient } = learner.metaGradient(params, given);
      return numbersOf([loss, gradient]).flat();
    };
    const filled = { support: padded(task.support), query: padded(task.query) };
    expect(difference(numbers(filled), numbers(task))).toBeLessThan(1e-9);
    const told = (support: Examples): number[] =>
      valuesIn(learner.predict(learner.adapt(params, support), task.query.x));
    expect(difference(told(padded(task.support)), told(task.support))).toBeLessThan(1e-9);
    expect(difference(told(reordered(task.support, [2, 0, 3, 1])), told(task.support))).toBeLessThan(1e-12);
  });

  test("is finite without any rating: the start is then that of no profile", () => {
    const { support, query } = task;
    const none = { ...support, present: noiseTensor([4], 1) };
    const empty = { ...none, present: mul(none.present, 0) };
    const { loss, gradient } = learner.metaGradient(params, { support: empty, query });
    expect(numbersOf([loss, gradient]).flat().every(Number.isFinite)).toBe(true);
    const other = { ...taskOf(2).support, present: empty.present };
    expect(namedValues(startOf(learner, params, empty))).toEqual(namedValues(startOf(learner, params, other)));
  });

  test("is the mean of single ones over tasks", () => {
    const [a, b] = [1, 2].map((index) => numbersOf(learner.metaGradient(params, taskOf(index)).gradient).flat());
    const all = numbersOf(meanMetaGradient(learner, params, stackTasks([taskOf(1), taskOf(2)])).gradient).flat();
    const expected = a!.map((value, i) => (value + b![i]!) / 2);
    expect(difference(all, expected)).toBeLessThan(1e-9);
  });
});

describe("the start of a task", () => {
  const learner = build();
  const params = generalParams(learner);
  const at = namedValues(params);

  test("is the learned one less tau times what memories say, by attention to profiles", () => {
    const task = taskOf(3);
    const rows = valuesIn(task.support.x);
    const profile = [rows[1]!, rows[3]!, rows[4]!];
    const memory = [0, 1].map((k) => at["memories/profiles"]!.slice(3 * k, 3 * k + 3));
    const norm = (v: readonly number[]): number => Math.hypot(...v);
    const cosines = memory.map((m) => m.reduce((sum, v, i) => sum + v * profile[i]!, 0) / (norm(m) * norm(profile)));
    const logits = [0, 1].map(
      (k) =>
        cosines.reduce((sum, c, j) => sum + c * at["memories/attention/weight"]![2 * j + k]!, 0) +
        at["memories/attention/bias"]![k]!,
    );
    const powers = logits.map(Math.exp);
    const shares = powers.map((p) => p / (powers[0]! + powers[1]!));
    const recalled = (values: readonly number[]): number[] => {
      const size = values.length / 2;
      return Array.from({ length: size }, (_, i) => shares[0]! * values[i]! + shares[1]! * values[size + i]!);
    };
    const found = namedValues(startOf(learner, params, task.support));
    const users = Object.keys(found).filter((path) => path.startsWith("user/"));
    expect(users).toHaveLength(4);
    for (const path of users) {
      const moved = recalled(at[`memories/${path}`]!);
      const expected = at[`model/${path}`]!.map((value, i) => value - 0.5 * moved[i]!);
      expect(difference(found[path]!, expected)).toBeLessThan(1e-9);
    }
    expect(difference(found.preferences!, recalled(at["memories/preferences"]!))).toBeLessThan(1e-9);
    // What is about items and about both starts where all tasks do.
    for (const path of Object.keys(found).filter((name) => /^(item|decision)\//.test(name)))
      expect(found[path]).toEqual(at[`model/${path}`]);
  });

  test("is of the profile alone: the same whatever is rated, and how", () => {
    const [one, other] = [taskOf(4, 9), taskOf(5, 9)];
    expect(valuesIn(one.support.x)).not.toEqual(valuesIn(other.support.x));
    const [a, b, c] = [one, other, taskOf(4, 8)].map((task) =>
      numbersOf(startOf(learner, params, task.support)).flat(),
    ) as [number[], number[], number[]];
    expect(difference(a, b)).toBeLessThan(1e-12);
    expect(difference(a, c)).toBeGreaterThan(1e-3);
  });

  test("is where gradient steps on the support set begin, which all of it takes", () => {
    const { support } = taskOf(6);
    const start = startOf(learner, params, support);
    const task = { params: start, statistics: {} } as unknown as AdaptedModel;
    const loss = (from: Start): Tensor =>
      meanSquaredError(learner.predict({ ...task, params: from as unknown as Tree }, support.x), support.y);
    const step = mapTree((w, g) => sub(w, mul(g, 0.1)), start as Tree, grad(loss)(start) as Tree);
    const after = (learner.adapt(params, support, { steps: 1 }) as AdaptedModel).params;
    expect(difference(numbersOf(after).flat(), numbersOf(step).flat())).toBeLessThan(1e-9);
    const [before, now] = [namedValues(start), namedValues(after)];
    for (const part of ["user/", "item/", "decision/", "preferences"])
      expect(
        Object.keys(now).some((path) => path.startsWith(part) && now[path]!.some((v, i) => v !== before[path]![i])),
      ).toBe(true);
  });
});

test("says what its figures depend on", () => {
  expect(mamo({ features: 3, profile: [[2, 3]], inner: sgd({ learningRate: 0.1 }) })).toMatchObject({
    name: "MAMO",
    steps: 1,
    description: { order: 2, units: 32, memories: 8, memoryRate: 0.1 },
  });
});

test("refuses a profile that is none, and sizes out of range", () => {
  const refused = (more: Partial<MamoOptions>) => expect(() => build(more));
  refused({ profile: [] }).toThrow(/^IL102 mamo: profile is columns of none of 5.*Give the columns that say whom/);
  refused({ profile: [[0, 5]] }).toThrow(/^IL102 mamo: profile is columns 0 to 5 of 5.*Leave columns/);
  for (const profile of [
    [[3, 6]],
    [[2, 2]],
    [
      [0, 2],
      [1, 3],
    ],
    [[-1, 2]],
    [[0.5, 2]],
  ] as const)
    refused({ profile }).toThrow(/^IL102 mamo: profile is columns .*that do not overlap/);
  refused({ units: 0 }).toThrow("IL102 mamo: units 0");
  refused({ memories: 1.5 }).toThrow("IL102 mamo: memories 1.5");
  refused({ memoryRate: 0 }).toThrow("IL102 mamo: memoryRate 0");
});
