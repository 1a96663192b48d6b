import type { Tensor, Tree } from "@innerloop/graph";
import { tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { classificationTask, flat, namedValues, regressionTask, valuesIn } from "../../numerical.fixture.js";
import type { Examples } from "../../tasks/task.js";
import { type MemoryNetworkOptions, memoryNetwork } from "./memory-network.js";
import {
  bothKinds,
  difference,
  generalParams,
  reordered,
  testModelBased,
  testRefusals,
} from "./model-based.fixture.js";
import type { ReadTask } from "./model-based-learner.js";

const sizes = { hidden: 3, slots: 5, width: 2, heads: 2 };
const build = (more: Partial<MemoryNetworkOptions>) => (options: MemoryNetworkOptions) =>
  memoryNetwork({ ...sizes, ...more, ...options });

testModelBased([...bothKinds(build({})), ...bothKinds(build({ labels: "together" }), ", labels together")], {
  setLike: false,
});
testRefusals("memoryNetwork", build({}));

type Values = Readonly<Record<string, number[]>>;
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, v, i) => total + v * b[i]!, 0);

/** x W + b with numbers. */
function affine(x: readonly number[], weight: readonly number[], bias: readonly number[]): number[] {
  const columns = bias.length;
  return bias.map((b, j) => x.reduce((total, v, i) => total + v * weight[i * columns + j]!, b));
}

/** The paper's stream in loops over numbers: rows with labels, then one query. Returns its output and the memory. */
function stream(
  p: Values,
  rows: readonly (readonly number[])[],
  labels: readonly (readonly number[])[],
  query: readonly number[],
) {
  const { hidden, slots, width, heads } = sizes;
  const at = (name: string): number[] => p[`network/${name}`]!;
  let h = new Array<number>(hidden).fill(0);
  let c = new Array<number>(hidden).fill(0);
  let memory = Array.from({ length: slots }, () => new Array<number>(width).fill(0));
  let read = new Array<number>(heads * width).fill(0);
  let readWeights = Array.from({ length: heads }, () => new Array<number>(slots).fill(0));
  let usage = new Array<number>(slots).fill(0);
  const controller = (x: readonly number[]): void => {
    const given = affine(x, at("cell/inputWeight"), at("cell/bias"));
    const gates = affine(h, at("cell/hiddenWeight"), given);
    const gate = (k: number, u: number): number => gates[k * hidden + u]!;
    c = c.map((value, u) => sigmoid(gate(1, u)) * value + sigmoid(gate(0, u)) * Math.tanh(gate(3, u)));
    h = c.map((value, u) => sigmoid(gate(2, u)) * Math.tanh(value));
  };
  const keysNow = (): number[][] => {
    const all = affine(h, at("keys/weight"), at("keys/bias")).map(Math.tanh);
    return Array.from({ length: heads }, (_, k) => all.slice(k * width, (k + 1) * width));
  };
  const length = (v: readonly number[]): number => Math.sqrt(dot(v, v) + 1e-6);
  const weightsOf = (keys: readonly number[][]): number[][] =>
    keys.map((key, k) => {
      const scores = memory.map((slot) =>
        Math.exp((at("sharpness")[k]! * dot(key, slot)) / (length(key) * length(slot))),
      );
      const total = scores.reduce((a, b) => a + b, 0);
      return scores.map((score) => score / total);
    });
  const readBy = (weights: readonly number[][]): number[] =>
    weights.flatMap((w) =>
      Array.from({ length: width }, (_, d) =>
        dot(
          w,
          memory.map((slot) => slot[d]!),
        ),
      ),
    );
  rows.forEach((x, t) => {
    controller([...x, ...(t === 0 ? labels[0]!.map(() => 0) : labels[t - 1]!), ...read]);
    const keys = keysNow();
    const weights = weightsOf(keys);
    const found = readBy(weights);
    const least = usage
      .map((value, slot) => ({ value, slot }))
      .sort((a, b) => a.value - b.value || a.slot - b.slot)
      .slice(0, heads)
      .map(({ slot }) => slot);
    const write = weights.map((_, k) =>
      usage.map((__, slot) => {
        const share = sigmoid(at("alpha")[k]!);
        return share * readWeights[k]![slot]! + (1 - share) * (least[k] === slot ? 1 : 0);
      }),
    );
    memory = memory.map((slot, s) =>
      slot.map(
        (value, d) =>
          (least.includes(s) ? 0 : value) + keys.reduce((total, key, k) => total + write[k]![s]! * key[d]!, 0),
      ),
    );
    usage = usage.map((value, s) => 0.95 * value + weights.reduce((total, w, k) => total + w[s]! + write[k]![s]!, 0));
    readWeights = weights;
    read = found;
  });
  controller([...query, ...labels.at(-1)!, ...read]);
  const found = readBy(weightsOf(keysNow()));
  return { output: affine([...h, ...found], at("head/weight"), at("head/bias")), memory: memory.flat() };
}

describe("is the paper's network, worked out in loops over numbers", () => {
  const rowsOf = (x: Tensor): number[][] => {
    const width = x.shape[1]!;
    return Array.from({ length: x.shape[0]! }, (_, i) => valuesIn(x).slice(i * width, (i + 1) * width));
  };

  test("more writes than there are slots", () => {
    const { support, query } = regressionTask(3, 2, 6, 3);
    const learner = build({})({ features: 3, outputs: 2 });
    const params = generalParams(learner);
    const adapted = learner.adapt(params, support);
    const predictions = valuesIn(learner.predict(adapted, query.x));
    rowsOf(query.x).forEach((x, i) => {
      const { output, memory } = stream(namedValues(params), rowsOf(support.x), rowsOf(support.y), x);
      expect(difference(predictions.slice(2 * i, 2 * i + 2), output)).toBeLessThan(1e-7);
      expect(difference(valuesIn((adapted.memory as { memory: Tensor }).memory), memory)).toBeLessThan(1e-7);
    });
  });

  test("classes are one-hot, and a later row does not change what earlier ones left", () => {
    const { support, query } = classificationTask([3], 2, 2, 1);
    const learner = build({})({ features: 3, ways: 2 });
    const params = generalParams(learner);
    const labels = valuesIn(support.y).map((y) => (y === 0 ? [1, 0] : [0, 1]));
    // All four rows, and the first three with the fourth as padding.
    for (const count of [4, 3]) {
      const present = flat(
        [0, 1, 2, 3].map((row) => (row < count ? 1 : 0)),
        [4],
      );
      const logits = valuesIn(learner.predict(learner.adapt(params, { ...support, present }), query.x));
      const { output } = stream(
        namedValues(params),
        rowsOf(support.x).slice(0, count),
        labels.slice(0, count),
        rowsOf(query.x)[0]!,
      );
      expect(difference(logits.slice(0, 2), output)).toBeLessThan(1e-7);
    }
  });
});

test("with writes to least used slots alone, each row's keys are kept in slots of their own", () => {
  const learner = memoryNetwork({ features: 3, outputs: 1, hidden: 4, slots: 8, width: 3, heads: 2 });
  const start = generalParams(learner) as { network: Record<string, Tree> };
  const params = { ...start, network: { ...start.network, alpha: tensor([-1e4, -1e4]) } } as unknown as Tree;
  const memoryAfter = (rows: number): number[] => {
    const support = reordered(
      regressionTask(3, 1, 4, 1).support,
      Array.from({ length: rows }, (_, i) => i),
    );
    return valuesIn((learner.adapt(params, support).memory as { memory: Tensor }).memory);
  };
  const all = memoryAfter(4);
  for (const rows of [1, 2, 3, 4]) {
    // Two slots of three numbers a row; the others are as they were.
    expect(memoryAfter(rows)).toEqual(all.map((value, i) => (i < 6 * rows ? value : 0)));
  }
  expect(all.every((value) => value !== 0)).toBe(true);
});

test("the order of the support set matters", () => {
  const { support, query } = regressionTask(3, 2, 4, 2);
  const learner = build({})({ features: 3, outputs: 2 });
  const params = generalParams(learner);
  const predictions = (rows: Examples): number[] =>
    valuesIn(learner.predict(learner.adapt(params, rows) as ReadTask, query.x));
  expect(difference(predictions(reordered(support, [3, 1, 2, 0])), predictions(support))).toBeGreaterThan(1e-4);
});

test("says what its figures depend on", () => {
  expect(memoryNetwork({ features: 64, ways: 5 })).toMatchObject({
    name: "memory-augmented network",
    description: { hidden: 200, slots: 128, width: 40, heads: 4, usageDecay: 0.95, labels: "offset" },
  });
});

test("refuses sizes out of range", () => {
  const refused = (more: Partial<MemoryNetworkOptions>) =>
    expect(() => memoryNetwork({ features: 1, outputs: 1, ...more }));
  refused({ slots: 0 }).toThrow("IL102 memoryNetwork: slots is 0");
  refused({ heads: 3, slots: 2 }).toThrow("IL102 memoryNetwork: 3 heads of a memory of 2 slots");
  refused({ usageDecay: 1.5 }).toThrow("IL102 memoryNetwork: usageDecay 1.5");
});
