import { grad, sum, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { gradientError, noiseTensor, valuesIn } from "../numerical.fixture.js";
import { key } from "../random/random.js";
import { attend, multiHeadAttention } from "./attention.js";

const queries = noiseTensor([2, 3, 4], 1);
const memory = { keys: noiseTensor([2, 5, 4], 2), values: noiseTensor([2, 5, 6], 3) };

/** The definition, in loops: what query i of head h reads of the rows that it may. */
function read(h: number, i: number, may: (row: number) => boolean, own?: { keys: Tensor; values: Tensor }): number[] {
  const at = (x: Tensor, row: number): number[] => {
    const width = x.shape[2]!;
    const start = (h * x.shape[1]! + row) * width;
    return valuesIn(x).slice(start, start + width);
  };
  const rows = [0, 1, 2, 3, 4].filter(may).map((row) => ({ key: at(memory.keys, row), value: at(memory.values, row) }));
  if (own) rows.push({ key: at(own.keys, i), value: at(own.values, i) });
  const weights = rows.map((row) => Math.exp(row.key.reduce((total, k, d) => total + k * at(queries, i)[d]!, 0) / 2));
  const total = weights.reduce((a, b) => a + b, 0);
  return Array.from({ length: 6 }, (_, d) =>
    rows.reduce((mix, row, j) => mix + (weights[j]! / total) * row.value[d]!, 0),
  );
}

function expectRead(result: Tensor, may: (query: number, row: number) => boolean, own?: typeof memory): void {
  expect(result.shape).toEqual([2, 3, 6]);
  const expected = [0, 1].flatMap((h) => [0, 1, 2].flatMap((i) => read(h, i, (row) => may(i, row), own)));
  valuesIn(result).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 7);
  });
}

describe("attention is the softmax of scaled products, over the rows that may be read", () => {
  test("all of them", () => expectRead(attend(queries, memory), () => true));

  test("the same rows for all queries", () =>
    expectRead(attend(queries, memory, { mask: tensor([1, 0, 1, 1, 0]) }), (_, row) => [0, 2, 3].includes(row)));

  test("rows of their own for each query", () => {
    const mask = tensor([
      [1, 0, 0, 0, 0],
      [1, 1, 0, 0, 0],
      [0, 1, 1, 1, 0],
    ]);
    expectRead(attend(queries, memory, { mask }), (query, row) => valuesIn(mask)[5 * query + row] === 1);
  });

  test("the query's own row beside them", () => {
    const own = { keys: noiseTensor([2, 3, 4], 4), values: noiseTensor([2, 3, 6], 5) };
    expectRead(attend(queries, memory, { own }), () => true, own);
    expectRead(
      attend(queries, memory, { own, mask: tensor([0, 1, 0, 0, 1]) }),
      (_, row) => row === 1 || row === 4,
      own,
    );
  });

  test("zeros where there is nothing to read", () => {
    expect(valuesIn(attend(queries, memory, { mask: tensor([0, 0, 0, 0, 0]) })).every((value) => value === 0)).toBe(
      true,
    );
  });
});

test("multi-head attention: shapes, and the gradient of all projections", () => {
  const layer = multiHeadAttention({ queries: 3, keys: 2, values: 5, width: 4, heads: 2, outputs: 6 });
  const params = layer.init(key(1));
  const [x, places, contents] = [noiseTensor([4, 3], 1), noiseTensor([7, 2], 2), noiseTensor([7, 5], 3)];
  const f = (at: Tree): Tensor => {
    const y = layer.apply(at, x, layer.remembered(at, places, contents), { mask: tensor([1, 1, 0, 1, 0, 1, 1]) });
    expect(y.shape).toEqual([4, 6]);
    return sum(y);
  };
  expect(gradientError(f, params, grad(f)(params), { h: 1e-4 })).toBeLessThan(1e-7);
});

test("multi-head attention of one head of identity projections is attention", () => {
  const layer = multiHeadAttention({ queries: 2, width: 2, heads: 1 });
  const identity = {
    weight: tensor([
      [1, 0],
      [0, 1],
    ]),
    bias: tensor([0, 0]),
  };
  const params = { query: identity, key: identity, value: identity, output: identity };
  const rows = noiseTensor([3, 2], 9);
  const asHead = tensor(valuesIn(rows), [1, 3, 2]);
  expect(valuesIn(layer.apply(params, rows, layer.remembered(params, rows)))).toEqual(
    valuesIn(attend(asHead, { keys: asHead, values: asHead })),
  );
});

test("refuses heads that do not divide the width", () => {
  expect(() => multiHeadAttention({ queries: 4, width: 4, heads: 3 })).toThrow(
    /^IL102 multiHeadAttention: 3 heads of a width of 4.*a multiple/,
  );
  expect(() => multiHeadAttention({ queries: 4, width: 4, heads: 0 })).toThrow(/^IL102 /);
});
