import {
  concat,
  GraphError,
  leakyRelu,
  mapTree,
  matmul,
  mul,
  reshape,
  sliceAxis,
  softmax,
  sub,
  swapLast,
  type Tensor,
  type Tree,
} from "@innerloop/graph";
import { glorotUniform, normalInit } from "../../layers/initialization.js";
import type { Layer } from "../../layers/layer.js";
import { linear, unitRows } from "../../layers/layers.js";
import { mapWithPaths } from "../../layers/parameter-roles.js";
import { type Loss, meanSquaredError } from "../../losses/losses.js";
import { mlp } from "../../networks/models.js";
import type { Optimizer } from "../../optimizers/gradient-transformation.js";
import { type Key, split } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { requirePositive } from "../closed-form/linear-head-learner.js";
import { type Learner, requireOneTensor } from "../learner.js";
import { meanOfPresent } from "../model-based/model-based-learner.js";
import type { AdaptedModel, InnerLoop } from "./gradient-adaptation.js";
import { gradientLearner } from "./gradient-learner.js";
import { requireCount } from "./mini-batches.js";
import { supervised } from "./objective.js";

/** Columns of inputs, from the first up to one that is not among them. */
export type ColumnRange = readonly [from: number, to: number];

/** Options of `mamo`. */
export interface MamoOptions {
  /** Numbers of an input. */
  readonly features: number;
  /** The columns of inputs that say whom the task is about: the same in all of its rows. */
  readonly profile: readonly ColumnRange[];
  /** Numbers of one target, 1 by default. */
  readonly outputs?: number;
  /** Mean squared error by default; the authors' code has ratings as classes. */
  readonly loss?: Loss;
  /** The inner optimizer. */
  readonly inner: Optimizer;
  /** Inner steps in training, 1 by default. */
  readonly steps?: number;
  /** 2 (default) differentiates through the inner gradients; 1 holds them constant, as the authors' code does. */
  readonly order?: 1 | 2;
  /** Numbers of the embedding of a profile, and of the rest of a row: 32 by default. */
  readonly units?: number;
  /** Memories, K: kinds of profiles. 8 by default; the authors' code has 3. */
  readonly memories?: number;
  /** Part tau of what memories say that the start moves by: 0.1 by default. */
  readonly memoryRate?: number;
}

/** Deviation of the first memories of parameters, as in the authors' code. */
const firstDeviation = 0.05;

/**
 * MAMO, memory-augmented meta-optimization (Dong, Yuan, Yao, Xu & Zhu 2020): the inner loop of a user starts from what is
 * known of users of such a profile.
 *
 *   p = the profile of the task,  a = softmax(W cos(p, M_P) + w), [K]                      attention to memories of profiles
 *   theta_user = phi_user - tau sum over k of a_k M_U[k],  M_task = sum over k of a_k M_UI[k]        where the loop starts
 *   f(x) = decision(M_task' [l(user(p)), l(item(i))]),  l(h) = max(h, 0.01 h)
 *   theta <- theta - alpha grad L(theta; support), of user, item, M_task and decision alike
 *
 * `user` and `item` are networks of the columns that are profile, and of the others; M_task, [2 units, 2 units], is the
 * task's slice of the memory cube M_UI. Meta-parameters are { model: { user, item, decision }, memories: { profiles,
 * attention, user, preferences } }, and the meta-gradient goes through the steps to all of them.
 *
 * The paper writes its memories, user by user: M_P <- b a p' + (1 - b) M_P, of M_U the user's gradient likewise, and of M_UI
 * the slice that has adapted. Here memories are learned by the meta-gradient, as the rest is: what is written depends on
 * the order of users, which tasks that are adapted side by side do not have, and memories that are written so decay to
 * averages whether that helps or not. Gradients are of second order (theirs are of first), and the profile is the mean over
 * the support rows: without one it is zeros, and the start that of no profile in particular.
 *
 * @throws IL102 where columns are none of the inputs', all of them, or overlap; or sizes are no whole numbers above 0
 * @example mamo({ features: 40, profile: [[24, 40]], inner: sgd({ learningRate: 0.05 }), steps: 3 })
 */
export function mamo(options: MamoOptions): Learner<Tree, AdaptedModel> {
  const { features, profile, outputs = 1, loss = meanSquaredError, inner, steps = 1, order = 2 } = options;
  const { units = 32, memories: count = 8, memoryRate = 0.1 } = options;
  for (const [name, value] of Object.entries({ features, outputs, units, memories: count }))
    requireCount("mamo", name, value);
  requirePositive("mamo", { memoryRate });
  const others = columnsBeside(profile, features);
  const widths = { user: widthOf(profile), item: widthOf(others) };
  const networks = {
    user: mlp({ sizes: [widths.user, units, units] }),
    item: mlp({ sizes: [widths.item, units, units] }),
    decision: mlp({ sizes: [2 * units, units, outputs] }),
  };
  const attention = linear({ inputs: count, outputs: count });
  const initNetworks = (key: Key): NetworksOfRating => ({
    user: networks.user.init(split(key, "user")),
    item: networks.item.init(split(key, "item")),
    decision: networks.decision.init(split(key, "decision")),
  });
  const cube = (slices: readonly number[], key: Key): Tensor =>
    glorotUniform([...slices, 2 * units, 2 * units], { in: 2 * units, out: 2 * units }, split(key, "preferences"));
  const model: Layer<StartOfTask> = {
    init: (key) => ({ ...initNetworks(key), preferences: cube([], key) }),
    apply: (params, x) => {
      const rows = requireOneTensor("mamo", x);
      const user = leakyRelu(networks.user.apply(params.user, columnsOf(rows, profile)));
      const item = leakyRelu(networks.item.apply(params.item, columnsOf(rows, others)));
      return networks.decision.apply(params.decision, matmul(concat([user, item], -1), params.preferences));
    },
  };
  const problem = supervised(model as Layer, loss);
  const loop: InnerLoop = { objective: problem.inner, traits: problem.traits, inner, order };
  /** Where the loop of a task starts. */
  const startOf = ({ model: own, memories }: Parameters, { x, present }: Examples): StartOfTask => {
    const known = meanOfPresent(columnsOf(requireOneTensor("mamo", x), profile), present);
    const likeness = matmul(unitRows(reshape(known, [1, widths.user])), swapLast(unitRows(memories.profiles)));
    const shares = softmax(attention.apply(memories.attention, likeness));
    return {
      ...own,
      user: mapTree((leaf, memory) => sub(leaf, mul(recalled(memory!, shares), memoryRate)), own.user, memories.user),
      preferences: recalled(memories.preferences, shares),
    };
  };
  const learner = gradientLearner({
    name: "MAMO",
    description: { order, steps, inner: inner.description, units, memories: count, memoryRate },
    problem,
    steps,
    init: (key): Parameters => {
      const own = initNetworks(split(key, "model"));
      const at = split(key, "memories");
      const ofUser = (path: string, leaf: Tensor): Tensor =>
        normalInit(firstDeviation)(
          [count, ...leaf.shape],
          { in: count, out: leaf.size },
          split(split(at, "user"), path),
        );
      return {
        model: own,
        memories: {
          profiles: normalInit(1)([count, widths.user], { in: count, out: widths.user }, split(at, "profiles")),
          attention: attention.init(split(at, "attention")),
          user: mapWithPaths(ofUser, own.user),
          preferences: cube([count], at),
        },
      };
    },
    loopFor: (params, _how, support) => ({ loop, params: startOf(params as Parameters, support) }),
  });
  return { ...learner, loss };
}

/** Networks of a profile, of the rest of a row, and of both embeddings. */
type NetworksOfRating = { readonly user: Tree; readonly item: Tree; readonly decision: Tree };

/** Parameters that an inner loop adapts. */
type StartOfTask = NetworksOfRating & {
  /** M_task: [2 units, 2 units] */
  readonly preferences: Tensor;
};

type Parameters = {
  readonly model: NetworksOfRating;
  readonly memories: {
    /** M_P: [K, columns of the profile] */
    readonly profiles: Tensor;
    readonly attention: ReturnType<ReturnType<typeof linear>["init"]>;
    /** M_U: for each parameter of the user's network K of it, [K, ...]. */
    readonly user: Tree;
    /** M_UI: [K, 2 units, 2 units] */
    readonly preferences: Tensor;
  };
};

/** sum over k of a_k M[k]: of memories [K, ...] by shares [1, K]. */
function recalled(memory: Tensor, shares: Tensor): Tensor {
  const [count, ...shape] = memory.shape as readonly [number, ...number[]];
  return reshape(matmul(shares, reshape(memory, [count, -1])), shape);
}

const widthOf = (ranges: readonly ColumnRange[]): number => ranges.reduce((sum, [from, to]) => sum + to - from, 0);

const columnsOf = (rows: Tensor, ranges: readonly ColumnRange[]): Tensor =>
  concat(
    ranges.map(([from, to]) => sliceAxis(rows, -1, from, to)),
    -1,
  );

/** The columns that are in none of the ranges. @throws IL102 where there are none, or ranges are no ranges of columns */
function columnsBeside(ranges: readonly ColumnRange[], columns: number): readonly ColumnRange[] {
  const shown = `profile is columns ${ranges.map(([from, to]) => `${from} to ${to}`).join(", ") || "of none"} of ${columns}`;
  const refuse = (remedy: string): never => {
    throw new GraphError("IL102", "mamo", shown, remedy);
  };
  let next = 0;
  const others = [...ranges]
    .sort(([a], [b]) => a - b)
    .flatMap(([from, to]): ColumnRange[] => {
      const fits = Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= next && from < to && to <= columns;
      if (!fits) refuse("Give ranges [from, to] of columns that do not overlap");
      const before: ColumnRange = [next, from];
      next = to;
      return before[0] < before[1] ? [before] : [];
    });
  const rest: readonly ColumnRange[] = next < columns ? [...others, [next, columns]] : others;
  if (ranges.length === 0) refuse("Give the columns that say whom a task is about: mamo starts from these");
  if (rest.length === 0) refuse("Leave columns that differ from row to row");
  return rest;
}
