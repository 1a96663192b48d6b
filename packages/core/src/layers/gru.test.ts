import { grad, mul, paths, sum, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { gradientError, namedValues, noiseLike, noiseTensor, numbersOf, valuesIn } from "../numerical.fixture.js";
import { key } from "../random/random.js";
import { type GruParameters, gruCell } from "./gru.js";

const [inputs, hidden, length] = [3, 2, 4];
const cell = gruCell({ inputs, hidden });
const params = noiseLike(cell.init(key(1)), 0.8, 1) as GruParameters;
const x = noiseTensor([length, inputs], 2);

const logistic = (value: number): number => 1 / (1 + Math.exp(-value));
const rowsOf = (y: Tensor): number[][] => {
  const values = valuesIn(y);
  return Array.from({ length: y.shape[0]! }, (_, row) => values.slice(row * y.shape[1]!, (row + 1) * y.shape[1]!));
};

/** The equations in plain numbers, one gate and one unit at a time. */
function byHand(rows: readonly number[][]): number[][] {
  const { inputWeight, hiddenWeight, bias } = namedValues(params) as Record<string, number[]>;
  let h = new Array<number>(hidden).fill(0);
  return rows.map((row) => {
    const column = (gate: number, unit: number): number => gate * hidden + unit;
    const given = (gate: number, unit: number): number =>
      bias![column(gate, unit)]! +
      row.reduce((total, value, i) => total + value * inputWeight![i * 3 * hidden + column(gate, unit)]!, 0);
    const kept = (gate: number, unit: number): number =>
      h.reduce((total, value, i) => total + value * hiddenWeight![i * 3 * hidden + column(gate, unit)]!, 0);
    h = h.map((before, unit) => {
      const r = logistic(given(0, unit) + kept(0, unit));
      const z = logistic(given(1, unit) + kept(1, unit));
      const n = Math.tanh(given(2, unit) + r * kept(2, unit));
      return (1 - z) * n + z * before;
    });
    return h;
  });
}

const steps = (at: GruParameters, sequence: Tensor): Tensor[] => {
  let state = cell.start(1);
  return rowsOf(sequence).map((row) => {
    state = cell.step(at, tensor(row, [1, inputs], "float32"), state);
    return state;
  });
};

describe("gruCell", () => {
  test("is the equations, step after step", () => {
    const found = steps(params, x).flatMap((state) => valuesIn(state));
    byHand(rowsOf(x))
      .flat()
      .forEach((value, i) => {
        expect(found[i]).toBeCloseTo(value, 12);
      });
    expect(found).toHaveLength(length * hidden);
  });

  test("rows of a batch do not see each other", () => {
    const half = (y: Tensor): Tensor => tensor(valuesIn(y).slice(y.shape[1]!), [1, y.shape[1]!], "float32");
    const [given, state] = [noiseTensor([2, inputs], 3), noiseTensor([2, hidden], 4)];
    const alone = valuesIn(cell.step(params, half(given), half(state)));
    rowsOf(cell.step(params, given, state))[1]!.forEach((value, i) => {
      expect(value).toBeCloseTo(alone[i]!, 12);
    });
  });

  test("its gradient is what central differences tell", () => {
    const weights = noiseTensor([1, hidden], 6);
    const f = (at: Tree): Tensor => sum(mul(steps(at as GruParameters, x).at(-1)!, weights));
    expect(gradientError(f, params, grad(f)(params))).toBeLessThan(1e-8);
  });

  test("starts within Glorot's bound of each gate by itself", () => {
    const first = cell.init(key(3));
    expect(paths(first)).toEqual(["inputWeight", "hiddenWeight", "bias"]);
    const drawn = valuesIn(first.inputWeight);
    const bound = Math.sqrt(6 / (inputs + hidden));
    expect(Math.max(...drawn.map(Math.abs))).toBeLessThanOrEqual(bound);
    // A bound of all gates together would be sqrt(6 / 9) at most.
    expect(Math.max(...drawn.map(Math.abs))).toBeGreaterThan(Math.sqrt(6 / (inputs + 3 * hidden)));
    expect(new Set(drawn).size).toBe(inputs * 3 * hidden);
    expect(numbersOf(cell.init(key(3)))).toEqual(numbersOf(first));
  });

  test("refuses sizes that are none", () => {
    expect(() => gruCell({ inputs: 0, hidden: 2 })).toThrow(/^IL102 gruCell: inputs 0/);
    expect(() => gruCell({ inputs: 2, hidden: 1.5 })).toThrow(/^IL102 gruCell: hidden 1.5/);
  });
});
