import {
  add,
  argMax,
  broadcastTo,
  concat,
  div,
  GraphError,
  greater,
  matmul,
  mul,
  neg,
  oneHot,
  reshape,
  sigmoid,
  sliceAxis,
  softmax,
  sqrt,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  tanh,
  tensor,
  where,
  zeros,
} from "@innerloop/graph";
import { type LinearParameters, linear } from "../../layers/layers.js";
import { type LstmParameters, type LstmState, lstmCell } from "../../layers/lstm.js";
import { split } from "../../random/random.js";
import type { Learner } from "../learner.js";
import {
  type ModelBasedOptions,
  modelBasedLearner,
  type ReadTask,
  requireWhole,
  taskFormOf,
} from "./model-based-learner.js";

/** Options of `memoryNetwork`. */
export interface MemoryNetworkOptions extends ModelBasedOptions {
  /** Units of the controller. 200 by default, as in the paper. */
  readonly hidden?: number;
  /** Slots of the memory. 128 by default. */
  readonly slots?: number;
  /** Numbers that a slot holds. 40 by default. */
  readonly width?: number;
  /** Heads that read and write. 4 by default. */
  readonly heads?: number;
  /** What of a slot's usage is left after a step. 0.95 by default. */
  readonly usageDecay?: number;
  /** Whether a support row comes with the label before it, as in the paper, or with its own. */
  readonly labels?: "offset" | "together";
}

/**
 * Memory-augmented neural network (MANN, Santoro et al. 2016): an LSTM that reads the support set row by row and
 * writes to a memory where it is used least; nothing adapts by gradients.
 *
 *   h_t = LSTM(x_t, y_{t-1}, r_{t-1}),  keys k_t = tanh(W h_t)                                  (one for each head)
 *   read    w^r_t = softmax(beta cos(k_t, M)),  r_t = w^r_t M
 *   write   w^w_t = s w^r_{t-1} + (1 - s) w^lu,  s = sigmoid(alpha),  M <- (M, least used slots cleared) + w^w_t k_t
 *   usage   w^u_t = decay w^u_{t-1} + w^r_t + w^w_t,  w^lu one-hot at the least used slot, another for each head
 *   output  W [h, r] of the query's step
 *
 * What differs from the paper: there a task is one stream of examples, each to be named before its label is shown; here
 * the support rows come first, and each query is the next step of a stream of its own, so that all predictions are made
 * with the same support set as in the other learners. A step reads before it writes (the paper leaves the order open):
 * a query then need not write, and cannot find what it wrote itself. The sharpness beta is a parameter, 10 at
 * first: at 1, as in the paper, the largest and the least weight of a read differ by a factor of e^2 at most.
 *
 * The order of the support set matters. A step is unrolled for each support row: graphs of more than a hundred are slow
 * to make.
 *
 * @throws IL102 where an option is out of range
 * @example memoryNetwork({ model: convEmbedding({ imageShape: [28, 28, 1] }), features: 64, ways: 5 })
 */
export function memoryNetwork(options: MemoryNetworkOptions): Learner<Tree, ReadTask> {
  const { hidden = 200, slots = 128, width = 40, heads = 4, usageDecay = 0.95, labels = "offset" } = options;
  const form = taskFormOf("memoryNetwork", options);
  for (const [name, value] of Object.entries({ hidden, slots, width, heads })) {
    requireWhole("memoryNetwork", name, value);
  }
  if (heads > slots) {
    const problem = `${heads} heads of a memory of ${slots} slots`;
    throw new GraphError("IL102", "memoryNetwork", problem, "Use a slot for each head, at least");
  }
  if (!(usageDecay >= 0 && usageDecay <= 1)) {
    throw new GraphError("IL102", "memoryNetwork", `usageDecay ${usageDecay}`, "Use 0 <= usageDecay <= 1");
  }
  const seen = form.features + form.targets;
  const found = heads * width;
  const cell = lstmCell({ inputs: seen + found, hidden });
  const keys = linear({ inputs: hidden, outputs: found });
  const head = linear({ inputs: hidden + found, outputs: form.targets });
  type Network = {
    readonly cell: LstmParameters;
    readonly keys: LinearParameters;
    /** beta, for each head. */
    readonly sharpness: Tensor;
    /** For each head. */
    readonly alpha: Tensor;
    readonly head: LinearParameters;
  };
  /** What goes from step to step, and what queries start from. */
  type State = {
    readonly controller: LstmState;
    /** [slots, width] */
    readonly memory: Tensor;
    /** [1, heads width] */
    readonly read: Tensor;
    /** [heads, slots] */
    readonly readWeights: Tensor;
    /** [slots] */
    readonly usage: Tensor;
    /** [1, targets]: the label that the next row comes with. */
    readonly label: Tensor;
  };
  type Unlabelled = Omit<State, "label">;
  /** What rows and labels [n, seen] add to the controller's gates. */
  const driveOf = ({ cell: at }: Network, rows: Tensor): Tensor =>
    cell.drive({ ...at, inputWeight: sliceAxis(at.inputWeight, 0, 0, seen) }, rows);
  /** Controller and reads of one step of `drive.shape[0]` streams at once. */
  const step = (at: Network, drive: Tensor, state: Pick<State, "controller" | "memory" | "read">) => {
    const streams = drive.shape[0]!;
    const fromRead = matmul(state.read, sliceAxis(at.cell.inputWeight, 0, seen, seen + found));
    const controller = cell.advance(at.cell, add(drive, fromRead), state.controller);
    const sought = reshape(tanh(keys.apply(at.keys, controller.hidden)), [streams, heads, width]);
    const similarity = matmul(directions(sought), swapLast(directions(state.memory)));
    const weights = softmax(mul(similarity, reshape(at.sharpness, [heads, 1])), -1);
    return { controller, sought, weights, read: reshape(matmul(weights, state.memory), [streams, found]) };
  };
  const written = (at: Network, drive: Tensor, state: Unlabelled): Unlabelled => {
    const { controller, sought, weights, read } = step(at, drive, state);
    const readWeights = reshape(weights, [heads, slots]);
    const least = leastUsed(state.usage, heads);
    const share = reshape(sigmoid(at.alpha), [heads, 1]);
    const writeWeights = add(mul(state.readWeights, share), mul(least, sub(1, share)));
    const cleared = mul(state.memory, reshape(sub(1, sum(least, 0)), [slots, 1]));
    const usage = add(mul(state.usage, usageDecay), sum(add(readWeights, writeWeights), 0));
    return {
      controller,
      memory: add(cleared, matmul(swapLast(writeWeights), reshape(sought, [heads, width]))),
      read,
      readWeights,
      usage,
    };
  };
  return modelBasedLearner({
    name: "memory-augmented network",
    description: { hidden, slots, width, heads, usageDecay, labels },
    form,
    init: (key): Network => ({
      cell: cell.init(split(key, "cell")),
      keys: keys.init(split(key, "keys")),
      sharpness: tensor(new Float32Array(heads).fill(10)),
      alpha: tensor(new Float32Array(heads)),
      head: head.init(split(key, "head")),
    }),
    read: (network, { features, targets, present }): State => {
      const at = network as Network;
      const n = features.shape[0]!;
      const row = (x: Tensor, i: number): Tensor => sliceAxis(x, 0, i, i + 1);
      const there = (i: number): Tensor | undefined => present && reshape(greater(row(present, i), 0.5), []);
      /** The label that each row comes with, and the one that is left for what follows the last. */
      const before: Tensor[] = [zeros([1, form.targets], targets.dtype)];
      for (let i = 0; i < n; i++) before.push(chosen(there(i), row(targets, i), before[i]!));
      const beside = labels === "offset" ? concat(before.slice(0, n), 0) : targets;
      const drives = driveOf(at, concat([features, beside], -1));
      let state: Unlabelled = {
        controller: cell.start(1, features.dtype),
        memory: zeros([slots, width], features.dtype),
        read: zeros([1, found], features.dtype),
        readWeights: zeros([heads, slots], features.dtype),
        usage: zeros([slots], features.dtype),
      };
      for (let i = 0; i < n; i++) {
        const next = written(at, row(drives, i), state);
        const here = there(i);
        const kept = (name: "memory" | "read" | "readWeights" | "usage") => chosen(here, next[name], state[name]);
        state = {
          controller: {
            hidden: chosen(here, next.controller.hidden, state.controller.hidden),
            cell: chosen(here, next.controller.cell, state.controller.cell),
          },
          memory: kept("memory"),
          read: kept("read"),
          readWeights: kept("readWeights"),
          usage: kept("usage"),
        };
      }
      return { ...state, label: labels === "offset" ? before[n]! : before[0]! };
    },
    answer: (network, memory, features) => {
      const at = network as Network;
      const { controller, label, read, memory: slotsRead } = memory as State;
      const streams = features.shape[0]!;
      const each = (x: Tensor): Tensor => broadcastTo(x, [streams, x.shape[1]!]);
      const last = step(at, driveOf(at, concat([features, each(label)], -1)), {
        controller: { hidden: each(controller.hidden), cell: each(controller.cell) },
        memory: slotsRead,
        read: each(read),
      });
      return head.apply(at.head, concat([last.controller.hidden, last.read], -1));
    },
  });
}

/** The first where the condition holds or there is none, else the second. */
const chosen = (condition: Tensor | undefined, yes: Tensor, no: Tensor): Tensor =>
  condition ? where(condition, yes, no) : yes;

/** Rows divided by their lengths; those of no length stay, with finite slopes. */
const directions = (x: Tensor): Tensor => div(x, sqrt(add(sum(mul(x, x), -1, { keepAxes: true }), 1e-6)));

/** One-hot rows [heads, slots] at the slots of least usage [slots], the first of equals; another one for each head. */
function leastUsed(usage: Tensor, heads: number): Tensor {
  const slots = usage.shape[0]!;
  let free = neg(usage);
  return concat(
    Array.from({ length: heads }, () => {
      const slot = oneHot(argMax(free), slots, usage.dtype);
      free = sub(free, mul(slot, 1e9));
      return reshape(slot, [1, slots]);
    }),
    0,
  );
}
