/** A long short-term memory, step by step: what memory networks and full-context embeddings are made of. */
import {
  add,
  concat,
  GraphError,
  greater,
  matmul,
  mul,
  reshape,
  sigmoid,
  sliceAxis,
  type Tensor,
  tanh,
  tensor,
  where,
  zeros,
} from "@innerloop/graph";
import { type Key, split } from "../random/random.js";
import { glorotUniform } from "./initialization.js";
import { withTraits } from "./parameter-roles.js";

/** inputWeight [inputs, 4 hidden], hiddenWeight [hidden, 4 hidden], bias [4 hidden]; gates in the order i, f, o, g. */
export type LstmParameters = { readonly inputWeight: Tensor; readonly hiddenWeight: Tensor; readonly bias: Tensor };

/** The state that goes from step to step: both [rows, hidden]. */
export type LstmState = { readonly hidden: Tensor; readonly cell: Tensor };

/** PyTorch has the candidate before the output gate: i, f, g, o. */
const torchGates = [0, 1, 3, 2] as const;

/** A long short-term memory cell: parameters, a state to start from, and the next state. */
export interface LstmCell {
  readonly inputs: number;
  readonly hidden: number;
  init(key: Key): LstmParameters;
  /** Zeros to start from. */
  start(rows: number, dtype?: Tensor["dtype"]): LstmState;
  /** The next state for inputs [rows, inputs]. */
  step(params: LstmParameters, x: Tensor, state: LstmState): LstmState;
  /** The share of inputs [..., inputs] in the gates, [..., 4 hidden]. Of a sequence it is one product for all its steps. */
  drive(params: LstmParameters, x: Tensor): Tensor;
  /** `step` with the drive of the inputs, [rows, 4 hidden], in their place. */
  advance(params: LstmParameters, drive: Tensor, state: LstmState): LstmState;
}

/**
 * One step of a long short-term memory (Hochreiter & Schmidhuber 1997; with the forget gate of Gers et al. 2000):
 *
 *   i, f, o = sigmoid(x W + h U + b),  g = tanh(x W + h U + b)   (each with its quarter of the columns)
 *   c' = f c + i g,  h' = o tanh(c')
 *
 * Glorot initialisation of each gate by itself; the forget gate's bias is 1 at first, so that a fresh memory keeps what
 * it holds (Jozefowicz et al. 2015), the other biases are 0.
 *
 * @throws IL102 where `inputs` or `hidden` is not a whole number of 1 or more
 * @example const cell = lstmCell({ inputs: 8, hidden: 16 }); cell.step(params, x, cell.start(x.shape[0]!)).hidden
 */
export function lstmCell(options: { readonly inputs: number; readonly hidden: number }): LstmCell {
  const { inputs, hidden } = options;
  for (const [name, units] of Object.entries({ inputs, hidden })) {
    if (!Number.isSafeInteger(units) || units < 1)
      throw new GraphError("IL102", "lstmCell", `${name} ${units}`, "Use a whole number, 1 or more");
  }
  const gates = (key: Key, rows: number): Tensor => {
    const quarter = (name: string) => glorotUniform([rows, hidden], { in: rows, out: hidden }, split(key, name));
    const parts = ["input", "forget", "output", "candidate"].map((name) => quarter(name).data as Float32Array);
    const values = new Float32Array(rows * 4 * hidden);
    parts.forEach((part, gate) => {
      for (let row = 0; row < rows; row++)
        values.set(part.subarray(row * hidden, (row + 1) * hidden), (row * 4 + gate) * hidden);
    });
    return withTraits(tensor(values, [rows, 4 * hidden]), { torchAxes: [1, 0], torchGates });
  };
  const drive = (params: LstmParameters, x: Tensor): Tensor => add(matmul(x, params.inputWeight), params.bias);
  const advance = (params: LstmParameters, given: Tensor, state: LstmState): LstmState => {
    const all = add(given, matmul(state.hidden, params.hiddenWeight));
    const open = sigmoid(sliceAxis(all, -1, 0, 3 * hidden));
    const gate = (at: number): Tensor => sliceAxis(open, -1, at * hidden, (at + 1) * hidden);
    const candidate = tanh(sliceAxis(all, -1, 3 * hidden, 4 * hidden));
    const cell = add(mul(gate(1), state.cell), mul(gate(0), candidate));
    return { hidden: mul(gate(2), tanh(cell)), cell };
  };
  return {
    inputs,
    hidden,
    init: (key) => ({
      inputWeight: gates(split(key, "inputWeight"), inputs),
      hiddenWeight: gates(split(key, "hiddenWeight"), hidden),
      bias: withTraits(
        tensor(Float32Array.from({ length: 4 * hidden }, (_, i) => (Math.floor(i / hidden) === 1 ? 1 : 0))),
        { torchGates, torchSum: { apart: [] } },
      ),
    }),
    start: (rows, dtype) => ({ hidden: zeros([rows, hidden], dtype), cell: zeros([rows, hidden], dtype) }),
    step: (params, x, state) => advance(params, drive(params, x), state),
    drive,
    advance,
  };
}

/**
 * The hidden states of a cell that reads the rows of x as a sequence, the state of each row after it was read:
 * [length, inputs] -> [length, hidden].
 *
 * @param options.reverse reads from the last row to the first
 * @param options.present [length], 1 for rows that are there: the state passes over the others
 */
export function lstmOverRows(
  cell: LstmCell,
  params: LstmParameters,
  x: Tensor,
  options: { readonly reverse?: boolean; readonly present?: Tensor } = {},
): Tensor {
  const { reverse = false, present } = options;
  const length = x.shape[0]!;
  const drives = cell.drive(params, x);
  const rows = Array.from({ length }, (_, i) => (reverse ? length - 1 - i : i));
  const hidden: Tensor[] = [];
  let state = cell.start(1, x.dtype);
  for (const row of rows) {
    const next = cell.advance(params, sliceAxis(drives, 0, row, row + 1), state);
    if (present) {
      const there = reshape(greater(sliceAxis(present, 0, row, row + 1), 0.5), [1, 1]);
      state = { hidden: where(there, next.hidden, state.hidden), cell: where(there, next.cell, state.cell) };
    } else {
      state = next;
    }
    hidden[row] = state.hidden;
  }
  return concat(hidden, 0);
}
