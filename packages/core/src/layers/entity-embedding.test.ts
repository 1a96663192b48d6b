import { grad, mul, sum, type Tensor, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { gradientError, noiseTensor, valuesIn } from "../numerical.fixture.js";
import { entityEmbedding } from "./entity-embedding.js";
import { traitsOf } from "./parameter-roles.js";

const layer = entityEmbedding({ fields: [{ slots: 1 }, { slots: 3 }], entries: 6, numbers: 2, width: 2 });
const vectors = tensor([9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 10, 20], [6, 2]);
const inputs = {
  ids: tensor(Int32Array.from([1, 2, 3, 0, 0, 5, 0, 0, 4, 0, 0, 0]), [3, 4], "int32"),
  numbers: tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [3, 2]),
};

describe("entityEmbedding", () => {
  test("is the vector of each field, a mean over filled slots, zeros where nothing is known, and the numbers", () => {
    expect(layer.outputShape).toEqual([6]);
    expect(valuesIn(layer.apply({ vectors }, inputs)).map((value) => Math.round(100 * value) / 100)).toEqual([
      ...[1, 2, 4, 5, 0.1, 0.2],
      ...[0, 0, 10, 20, 0.3, 0.4],
      ...[7, 8, 0, 0, 0.5, 0.6],
    ]);
  });

  test("has a table that belongs to all tasks, with a gradient that is right", () => {
    expect(traitsOf(layer).get("vectors")?.role).toBe("shared");
    const weights = noiseTensor([3, 6], 1);
    const loss = (params: { vectors: Tensor }): Tensor => {
      const out = layer.apply(params, inputs);
      return sum(mul(mul(out, out), weights));
    };
    expect(gradientError(loss, { vectors }, grad(loss)({ vectors }))).toBeLessThan(1e-6);
  });

  test("drops whole fields of a row in training alone, as ones that are not known", () => {
    const dropped = entityEmbedding({
      fields: [{ slots: 1, dropout: 0.5 }, { slots: 3 }],
      entries: 6,
      numbers: 2,
      width: 2,
    });
    const rows = 400;
    const many = {
      ids: tensor(
        Int32Array.from({ length: rows * 4 }, (_, i) => [1, 2, 3, 0][i % 4]!),
        [rows, 4],
        "int32",
      ),
      numbers: tensor(new Float32Array(rows * 2), [rows, 2]),
    };
    const firsts = (seed?: number): number[] => {
      const context = seed === undefined ? {} : { key: tensor([seed], [], "int32") };
      const out = valuesIn(dropped.apply({ vectors }, many, context));
      for (let row = 0; row < rows; row++) {
        expect(out.slice(6 * row + 2, 6 * row + 4)).toEqual([4, 5]);
        expect(out[6 * row + 1]).toBe(2 * out[6 * row]!);
      }
      return Array.from({ length: rows }, (_, row) => out[6 * row]!);
    };
    const share = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / rows;
    expect(share(firsts())).toBe(1);
    expect(share(firsts(3))).toBeGreaterThan(0.4);
    expect(share(firsts(3))).toBeLessThan(0.6);
    expect(firsts(3)).not.toEqual(firsts(4));
  });

  test.each([
    [{ width: 0 }, /IL102 entityEmbedding: width is 0/],
    [{ entries: 2.5 }, /entries is 2.5/],
    [{ fields: [] }, /no fields/],
    [{ fields: [{ slots: 0 }] }, /fields\[0\].slots is 0/],
    [{ fields: [{ slots: 1, dropout: 1 }] }, /fields\[0\].dropout is 1/],
  ])("refuses %j", (change, expected) => {
    expect(() => entityEmbedding({ fields: [{ slots: 1 }], entries: 6, numbers: 2, width: 2, ...change })).toThrow(
      expected,
    );
  });

  test("refuses rows of another number of ids", () => {
    const short = { ...inputs, ids: tensor(new Int32Array(6), [3, 2], "int32") };
    expect(() => layer.apply({ vectors }, short)).toThrow(/rows have 2 ids, and the fields 4 slots/);
  });
});
