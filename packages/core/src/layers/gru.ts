/** A gated recurrent unit, step by step: what policies with a memory are made of. */
import {
  add,
  GraphError,
  matmul,
  mul,
  sigmoid,
  sliceAxis,
  sub,
  type Tensor,
  tanh,
  tensor,
  zeros,
} from "@innerloop/graph";
import { type Key, split } from "../random/random.js";
import { glorotUniform } from "./initialization.js";
import { withTraits } from "./parameter-roles.js";

/** inputWeight [inputs, 3 hidden], hiddenWeight [hidden, 3 hidden], bias [3 hidden]; columns in the order r, z, n. */
export type GruParameters = { readonly inputWeight: Tensor; readonly hiddenWeight: Tensor; readonly bias: Tensor };

/** PyTorch has the gates in the same order. */
const torchGates = [0, 1, 2] as const;
/** Its second bias of the candidate stands within the product with the reset gate, which this cell has not. */
const torchSum = { apart: [2] } as const;

/** A gated recurrent unit: parameters, a state to start from, and the next state. */
export interface GruCell {
  readonly inputs: number;
  readonly hidden: number;
  init(key: Key): GruParameters;
  /** Zeros to start from, [rows, hidden]. */
  start(rows: number, dtype?: Tensor["dtype"]): Tensor;
  /** The next state for inputs [rows, inputs] and a state [rows, hidden]. */
  step(params: GruParameters, x: Tensor, state: Tensor): Tensor;
}

/**
 * One step of a gated recurrent unit (Cho et al. 2014):
 *
 *   r, z = sigmoid(x W + h U + b),  n = tanh(x W + b + r (h U))   (each with its third of the columns)
 *   h' = n + z (h - n)
 *
 * The reset gate stands outside the product with the state, as in cuDNN and PyTorch: so one product serves all gates.
 * (In the paper it is inside, n = tanh(x W + (r h) U), and its z is 1 - z here.) Glorot initialisation of each gate by
 * itself; biases are 0.
 *
 * @throws IL102 where `inputs` or `hidden` is not a whole number of 1 or more
 * @example const cell = gruCell({ inputs: 8, hidden: 16 }); cell.step(params, x, cell.start(x.shape[0]!))
 */
export function gruCell(options: { readonly inputs: number; readonly hidden: number }): GruCell {
  const { inputs, hidden } = options;
  for (const [name, units] of Object.entries({ inputs, hidden })) {
    if (!Number.isSafeInteger(units) || units < 1)
      throw new GraphError("IL102", "gruCell", `${name} ${units}`, "Use a whole number, 1 or more");
  }
  const gates = (key: Key, rows: number): Tensor => {
    const values = new Float32Array(rows * 3 * hidden);
    ["reset", "update", "candidate"].forEach((name, gate) => {
      const part = glorotUniform([rows, hidden], { in: rows, out: hidden }, split(key, name)).data as Float32Array;
      for (let row = 0; row < rows; row++)
        values.set(part.subarray(row * hidden, (row + 1) * hidden), (row * 3 + gate) * hidden);
    });
    return withTraits(tensor(values, [rows, 3 * hidden]), { torchAxes: [1, 0], torchGates });
  };
  return {
    inputs,
    hidden,
    init: (key) => ({
      inputWeight: gates(split(key, "inputWeight"), inputs),
      hiddenWeight: gates(split(key, "hiddenWeight"), hidden),
      bias: withTraits(tensor(new Float32Array(3 * hidden)), { torchGates, torchSum }),
    }),
    start: (rows, dtype) => zeros([rows, hidden], dtype),
    step: (params, x, state) => {
      const given = add(matmul(x, params.inputWeight), params.bias);
      const kept = matmul(state, params.hiddenWeight);
      const part = (of: Tensor, from: number, to: number): Tensor => sliceAxis(of, -1, from * hidden, to * hidden);
      const open = sigmoid(add(part(given, 0, 2), part(kept, 0, 2)));
      const candidate = tanh(add(part(given, 2, 3), mul(part(open, 0, 1), part(kept, 2, 3))));
      return add(candidate, mul(part(open, 1, 2), sub(state, candidate)));
    },
  };
}
