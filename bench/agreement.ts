import { key, random } from "@innerloop/core";
import { meanMetaGradient } from "@innerloop/core/learners";
import { sampleTasks } from "@innerloop/core/training";
import { compile, type Executor, leaves, type Tensor, type Tree, tensor, unflatten } from "@innerloop/graph";
import type { Peer } from "./peer.js";
import { learnerOf, type Problem, tasksOf } from "./problem.js";
import { median } from "./statistics.js";

/**
 * How far two gradients of one problem are apart, over some tasks: the largest, over parameters, of |a - b| / |b|
 * (Euclidean norms). A parameter whose gradient is less than a hundredth of the whole gradient is measured by that:
 * biases before batch normalisation have none but rounding.
 */
export interface Agreement {
  readonly median: number;
  readonly largest: number;
  readonly tasks: number;
}

/** Above this the peer computes something else. */
export const tolerance = 1e-3;

/**
 * Compares our meta-gradient with a peer's on the same numbers, task by task. The median over tasks is what counts: in
 * float32 a relu whose argument is within rounding of 0 may fall on either side, and one such task is off by percents.
 */
export async function agreement(full: Problem, peer: Peer, executor: Executor, count = 5): Promise<Agreement> {
  const problem = comparable(full);
  const learner = learnerOf(problem);
  const tasks = tasksOf(problem);
  const params = offNeutral(learner.init(key(3)));
  const run = compile(
    (at: Tree, support: Tree, query: Tree) => {
      const task = { support, query } as Parameters<typeof learner.metaGradient>[1];
      return meanMetaGradient(learner, at, task).gradient;
    },
    { executor },
  );
  const differences: number[] = [];
  for (let i = 0; i < count; i++) {
    const { support, query } = sampleTasks(tasks, 2, i, 1);
    const task = {
      support: { x: centred(problem, support.x), y: support.y },
      query: { x: centred(problem, query.x), y: query.y },
    };
    const ours = leaves(await run(params, task.support, task.query));
    const answer = await peer.ask({
      command: "gradient",
      problem,
      parameters: leaves(params).map(encoded),
      supportX: encoded(task.support.x),
      supportY: encoded(task.support.y),
      queryX: encoded(task.query.x),
      queryY: encoded(task.query.y),
    });
    differences.push(difference(ours.map(numbers), (answer.gradient as EncodedArray[]).map(decoded)));
  }
  return { median: median(differences), largest: Math.max(...differences), tasks: count };
}

/**
 * The same program on fewer and smaller images where there are many: large ones pass so many relus and maxima within
 * rounding of a tie that PyTorch's own float32 and float64 gradients differ, by 6% in five steps at 84 x 84.
 */
function comparable(problem: Problem): Problem {
  const { model, learner, imageShape } = problem;
  if (model === "mlp") return problem;
  const [height, width, channels] = imageShape!;
  const few = { queries: Math.min(3, problem.queries), shots: Math.min(2, problem.shots) };
  const small: Problem = { ...problem, ...few, imageShape: [Math.min(28, height), Math.min(28, width), channels] };
  return learner === "prototypical" ? { ...small, ways: Math.min(10, problem.ways) } : small;
}

/** Images around 0: sums of positive numbers that cancel would be another source of rounding. */
function centred(problem: Problem, x: Tensor): Tensor {
  if (problem.model === "mlp") return x;
  return tensor(
    (x.data as Float32Array).map((value) => value - 0.5),
    x.shape,
  );
}

/** Parameters whose biases, scales and shifts are not 0 or 1, so that each can be told from the others. */
function offNeutral(params: Tree): Tree {
  const draw = random(5);
  return unflatten(
    params,
    leaves(params).map((leaf) => {
      const values = leaf.data as Float32Array;
      return tensor(leaf.rank === 1 ? values.map((value) => value + draw.uniform(-0.1, 0.1)) : values, leaf.shape);
    }),
  );
}

/** @internal */
export function difference(ours: readonly Float32Array[], theirs: readonly Float32Array[]): number {
  if (ours.length !== theirs.length) throw new Error(`the peer has ${theirs.length} gradients, we have ${ours.length}`);
  const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const total = Math.hypot(...theirs.map(norm));
  return Math.max(
    ...ours.map((values, i) => {
      const other = theirs[i]!;
      if (other.length !== values.length)
        throw new Error(`gradient ${i} has ${other.length} values, not ${values.length}`);
      const own = norm(other);
      return norm(values.map((value, at) => value - other[at]!)) / (own < 1e-2 * total ? total : own);
    }),
  );
}

/** An array on its way: base64 of float32, exact and short. */
export interface EncodedArray {
  readonly shape: readonly number[];
  readonly data: string;
}

const numbers = (x: Tensor): Float32Array => Float32Array.from(x.data as ArrayLike<number>);

export function encoded(x: Tensor): EncodedArray {
  const { buffer, byteOffset, byteLength } = numbers(x);
  return { shape: x.shape, data: Buffer.from(buffer, byteOffset, byteLength).toString("base64") };
}

export const decoded = ({ data }: EncodedArray): Float32Array =>
  new Float32Array(Uint8Array.from(Buffer.from(data, "base64")).buffer);
