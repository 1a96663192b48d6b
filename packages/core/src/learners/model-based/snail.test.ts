import {
  add,
  concat,
  conv1d,
  matmul,
  mul,
  oneHot,
  reshape,
  sigmoid,
  sliceAxis,
  softmax,
  swapLast,
  type Tensor,
  type Tree,
  tanh,
  zeros,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import type { KeysAndValues } from "../../layers/attention.js";
import { classificationTask, flat, regressionTask, valuesIn } from "../../numerical.fixture.js";
import type { Examples } from "../../tasks/task.js";
import {
  bothKinds,
  difference,
  generalParams,
  reordered,
  testModelBased,
  testRefusals,
} from "./model-based.fixture.js";
import type { ReadTask } from "./model-based-learner.js";
import { type SnailOptions, snail } from "./snail.js";

const sizes = {
  filters: 2,
  length: 4,
  attention: [
    { keys: 2, values: 3 },
    { keys: 3, values: 2 },
  ],
};
const build = (options: SnailOptions) => snail({ ...sizes, ...options });

testModelBased(bothKinds(build), { setLike: false });
testRefusals("snail", build);

type Linear = { readonly weight: Tensor; readonly bias: Tensor };
type Network = { readonly blocks: readonly Linear[]; readonly head: Linear };

/** The paper's network over one whole sequence [length, channels], by dilated convolutions and a masked softmax. */
function overSequence(network: Network, sequence: Tensor): Tensor {
  const length = sequence.shape[0]!;
  const convolved = (t: Tensor, { weight, bias }: Linear, dilation: number): Tensor => {
    const both = add(conv1d(reshape(t, [1, ...t.shape]), weight, { dilation, padding: [dilation, 0] }), bias);
    const f = reshape(sliceAxis(both, -1, 0, 2), [length, 2]);
    const g = reshape(sliceAxis(both, -1, 2, 4), [length, 2]);
    return concat([t, mul(tanh(f), sigmoid(g))], -1);
  };
  const attended = (t: Tensor, { weight, bias }: Linear, keys: number, values: number): Tensor => {
    const all = add(matmul(t, weight), bias);
    const scores = matmul(sliceAxis(all, -1, 0, keys), swapLast(sliceAxis(all, -1, keys, 2 * keys)));
    const later = flat(
      Array.from({ length: length ** 2 }, (_, i) => (i % length > Math.floor(i / length) ? -1e30 : 0)),
      [length, length],
    );
    const weights = softmax(add(mul(scores, 1 / Math.sqrt(keys)), later));
    return concat([t, matmul(weights, sliceAxis(all, -1, 2 * keys, 2 * keys + values))], -1);
  };
  const { blocks, head } = network;
  let t = attended(sequence, blocks[0]!, 2, 3);
  [1, 2, 4].forEach((dilation, i) => {
    t = convolved(t, blocks[1 + i]!, dilation);
  });
  t = attended(t, blocks[4]!, 3, 2);
  return add(matmul(t, head.weight), head.bias);
}

const networkOf = (params: Tree): Network => (params as { network: Tree }).network as unknown as Network;

describe("a prediction is the last row of the network over the support set and that query", () => {
  test.each([
    ["of the length it was made for", 4],
    ["shorter than the largest dilation", 3],
    ["longer than the convolutions reach", 9],
  ])("support sets %s", (_, shots) => {
    const { support, query } = regressionTask(3, 2, shots, 3);
    const learner = build({ features: 3, outputs: 2 });
    const params = generalParams(learner);
    const predictions = valuesIn(learner.predict(learner.adapt(params, support), query.x));
    for (const row of [0, 1, 2]) {
      const rows = concat([
        concat([support.x, support.y], -1),
        concat([sliceAxis(query.x, 0, row, row + 1), zeros([1, 2])], -1),
      ]);
      const expected = valuesIn(overSequence(networkOf(params), rows)).slice(-2);
      expect(difference(predictions.slice(2 * row, 2 * row + 2), expected)).toBeLessThan(1e-7);
    }
  });

  test("classes are one-hot", () => {
    const { support, query } = classificationTask([3], 2, 2, 1);
    const learner = build({ features: 3, ways: 2 });
    const params = generalParams(learner);
    const labelled = concat([support.x, oneHot(support.y, 2)], -1);
    const rows = concat([labelled, concat([sliceAxis(query.x, 0, 0, 1), zeros([1, 2])], -1)]);
    const expected = valuesIn(overSequence(networkOf(params), rows)).slice(-2);
    const logits = valuesIn(learner.predict(learner.adapt(params, support), query.x)).slice(0, 2);
    expect(difference(logits, expected)).toBeLessThan(1e-7);
  });
});

describe("causality", () => {
  const learner = build({ features: 3, outputs: 2 });
  const params = generalParams(learner);
  const { support, query } = regressionTask(3, 2, 6, 2);
  /** Keys of the last attention block, row by row. */
  const keysOf = (rows: Examples): number[][] => {
    const { memory } = learner.adapt(params, rows) as ReadTask & { memory: { blocks: readonly Tree[] } };
    const values = valuesIn((memory.blocks.at(-1) as KeysAndValues).keys);
    return Array.from({ length: 6 }, (_, row) => values.slice(3 * row, 3 * row + 3));
  };

  test("a support row changes itself and later rows, not earlier ones", () => {
    const before = keysOf(support);
    for (const row of [0, 3, 5]) {
      const changed = keysOf({ x: add(support.x, delta(row)), y: support.y });
      changed.forEach((values, at) => {
        if (at < row) expect(values).toEqual(before[at]);
        else expect(difference(values, before[at]!)).toBeGreaterThan(1e-6);
      });
    }
  });

  test("the order of the support set matters", () => {
    const predictions = (rows: Examples): number[] => valuesIn(learner.predict(learner.adapt(params, rows), query.x));
    expect(difference(predictions(reordered(support, [5, 1, 2, 3, 4, 0])), predictions(support))).toBeGreaterThan(1e-4);
  });
});

/** 0.5 in the row of a [6, 3] array. */
const delta = (row: number): Tensor =>
  flat(
    Array.from({ length: 18 }, (_, i) => (Math.floor(i / 3) === row ? 0.5 : 0)),
    [6, 3],
  );

test("the dilations reach over the length that they are asked for, and no further", () => {
  const blocksFor = (length: number): number =>
    networkOf(build({ features: 3, outputs: 2, length }).init({ seed: 0, path: "" })).blocks.length;
  // Dilations 1, 2 and 4 reach seven rows back.
  expect([1, 3, 7, 8, 25].map((length) => blocksFor(length) - 2)).toEqual([1, 2, 3, 4, 5]);
});

test("says what its figures depend on", () => {
  expect(snail({ features: 64, ways: 5, length: 5 })).toMatchObject({
    name: "SNAIL",
    description: { filters: 32, attention: "16/16, 32/32, 32/32", length: 5 },
  });
});

test("refuses sizes out of range", () => {
  const refused = (more: Partial<SnailOptions>) => expect(() => snail({ features: 1, outputs: 1, ...more }));
  refused({ filters: 0 }).toThrow("IL102 snail: filters is 0");
  refused({ length: 0 }).toThrow("IL102 snail: length is 0");
  refused({ attention: [] }).toThrow("IL102 snail: the number of attention blocks is 0");
  refused({ attention: [{ keys: 0, values: 1 }] }).toThrow("IL102 snail: keys of an attention block is 0");
});
