import { grad, mul, paths, sum, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { gradientError, namedValues, noiseLike, noiseTensor, numbersOf, valuesIn } from "../numerical.fixture.js";
import { key } from "../random/random.js";
import { type LstmParameters, lstmCell, lstmOverRows } from "./lstm.js";

const [inputs, hidden, length] = [3, 2, 4];
const cell = lstmCell({ inputs, hidden });
const params = noiseLike(cell.init(key(1)), 0.8, 1) as LstmParameters;
const x = noiseTensor([length, inputs], 2);

const logistic = (value: number): number => 1 / (1 + Math.exp(-value));

/** The equations in plain numbers, one gate and one unit at a time. */
function byHand(rows: readonly number[][]): number[][] {
  const { inputWeight, hiddenWeight, bias } = namedValues(params) as Record<string, number[]>;
  let h = new Array<number>(hidden).fill(0);
  let c = new Array<number>(hidden).fill(0);
  return rows.map((row) => {
    const pre = (gate: number, unit: number): number => {
      const column = gate * hidden + unit;
      return (
        bias![column]! +
        row.reduce((total, value, i) => total + value * inputWeight![i * 4 * hidden + column]!, 0) +
        h.reduce((total, value, i) => total + value * hiddenWeight![i * 4 * hidden + column]!, 0)
      );
    };
    const units = Array.from({ length: hidden }, (_, unit) => unit);
    const [i, f, o] = [0, 1, 2].map((gate) => units.map((unit) => logistic(pre(gate, unit)))) as [
      number[],
      number[],
      number[],
    ];
    const g = units.map((unit) => Math.tanh(pre(3, unit)));
    c = units.map((unit) => f[unit]! * c[unit]! + i[unit]! * g[unit]!);
    h = units.map((unit) => o[unit]! * Math.tanh(c[unit]!));
    return h;
  });
}

const rowsOf = (y: Tensor): number[][] => {
  const values = valuesIn(y);
  return Array.from({ length: y.shape[0]! }, (_, row) => values.slice(row * y.shape[1]!, (row + 1) * y.shape[1]!));
};
const close = (got: readonly number[], expected: readonly number[]): void => {
  expect(got).toHaveLength(expected.length);
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 12);
  });
};

describe("lstmCell", () => {
  test("is the equations, step after step", () => {
    let state = cell.start(1);
    const steps = rowsOf(x).map((row) => {
      state = cell.step(params, tensor(row, [1, inputs], "float32"), state);
      return valuesIn(state.hidden);
    });
    close(steps.flat(), byHand(rowsOf(x)).flat());
  });

  test("rows of a batch do not see each other", () => {
    const two = cell.step(params, noiseTensor([2, inputs], 3), {
      hidden: noiseTensor([2, 2], 4),
      cell: noiseTensor([2, 2], 5),
    });
    const half = (y: Tensor): Tensor => tensor(valuesIn(y).slice(y.shape[1]!), [1, y.shape[1]!], "float32");
    const second = cell.step(params, half(noiseTensor([2, inputs], 3)), {
      hidden: half(noiseTensor([2, 2], 4)),
      cell: half(noiseTensor([2, 2], 5)),
    });
    close(rowsOf(two.cell)[1]!, valuesIn(second.cell));
  });

  test("its gradient is what central differences tell", () => {
    const weights = noiseTensor([length, hidden], 6);
    const f = (at: { params: Tree; x: Tensor }): Tensor =>
      sum(mul(lstmOverRows(cell, at.params as LstmParameters, at.x), weights));
    expect(gradientError(f, { params, x }, grad(f)({ params, x }))).toBeLessThan(1e-8);
  });

  test("starts with the forget gate open, each gate within Glorot's bound", () => {
    const first = cell.init(key(3));
    expect(paths(first)).toEqual(["inputWeight", "hiddenWeight", "bias"]);
    expect(valuesIn(first.bias)).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
    const drawn = valuesIn(first.inputWeight);
    expect(Math.max(...drawn.map(Math.abs))).toBeLessThanOrEqual(Math.sqrt(6 / (inputs + hidden)));
    expect(new Set(drawn).size).toBe(inputs * 4 * hidden);
    expect(numbersOf(cell.init(key(3)))).toEqual(numbersOf(first));
  });

  test("refuses sizes that are none", () => {
    expect(() => lstmCell({ inputs: 0, hidden: 2 })).toThrow(/^IL102 lstmCell: inputs 0/);
    expect(() => lstmCell({ inputs: 2, hidden: 1.5 })).toThrow(/^IL102 lstmCell: hidden 1.5/);
  });
});

describe("lstmOverRows", () => {
  test("reads the rows in order, or from the last to the first", () => {
    close(valuesIn(lstmOverRows(cell, params, x)), byHand(rowsOf(x)).flat());
    close(valuesIn(lstmOverRows(cell, params, x, { reverse: true })), byHand(rowsOf(x).reverse()).reverse().flat());
  });

  test.each([false, true])("padding changes no state, wherever it stands (reverse %s)", (reverse) => {
    const padded = tensor(
      [...[9, 9, 9], ...valuesIn(x).slice(0, 6), ...[-9, 9, 9], ...valuesIn(x).slice(6)],
      [6, 3],
      "float32",
    );
    const present = tensor([0, 1, 1, 0, 1, 1], [6], "float32");
    const rows = rowsOf(lstmOverRows(cell, params, padded, { reverse, present }));
    close(
      [1, 2, 4, 5].flatMap((row) => rows[row]!),
      valuesIn(lstmOverRows(cell, params, x, { reverse })),
    );
  });
});
