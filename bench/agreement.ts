import { compile, type Executor, leaves, type Tensor, type Tree, tensor, unflatten } from "@innerloop/graph";
import { key, meanMetaGradient, random, sampleTasks } from "innerloop";
import type { Peer } from "./peer.js";
import { learnerOf, type Problem, tasksOf } from "./problem.js";
import { median } from "./statistics.js";

/** How far two gradients of one problem are apart, over some tasks: parts of the largest entry. */
export interface Agreement {
  readonly median: number;
  readonly largest: number;
  readonly tasks: number;
}

/** Above this the peer computes something else. Five steps of float32 from different orders of addition reach 1e-4. */
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
    const task = sampleTasks(tasks, 2, i, 1);
    const ours = leaves(await run(params, task.support, task.query));
    const answer = await peer.ask({
      command: "gradient",
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
 * The same program on smaller images where they are large. Five steps at 84 x 84 pass so many relus and maxima within
 * rounding of a tie that PyTorch's own float32 and float64 gradients differ by 6% there, and by 1e-4 at 28 x 28.
 */
function comparable(problem: Problem): Problem {
  const [height, width, channels] = problem.imageShape ?? [0, 0, 0];
  if (height * width <= 28 * 28) return problem;
  return { ...problem, imageShape: [28, 28, channels], queries: Math.min(3, problem.queries) };
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

/** The largest difference, relative to the largest entry of its array. */
function difference(ours: readonly Float32Array[], theirs: readonly Float32Array[]): number {
  const largest = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // What is zero but for rounding - the biases before batch normalisation - is measured by the gradient as a whole.
  const least = 1e-2 * Math.max(...theirs.map(largest));
  if (ours.length !== theirs.length) throw new Error(`the peer has ${theirs.length} gradients, we have ${ours.length}`);
  return Math.max(
    ...ours.map((values, i) => {
      const other = theirs[i]!;
      if (other.length !== values.length)
        throw new Error(`gradient ${i} has ${other.length} values, not ${values.length}`);
      return largest(values.map((value, at) => value - other[at]!)) / Math.max(least, largest(other));
    }),
  );
}

/** An array on its way: base64 of float32, exact and short. */
interface EncodedArray {
  readonly shape: readonly number[];
  readonly data: string;
}

const numbers = (x: Tensor): Float32Array => Float32Array.from(x.data as ArrayLike<number>);

function encoded(x: Tensor): EncodedArray {
  const { buffer, byteOffset, byteLength } = numbers(x);
  return { shape: x.shape, data: Buffer.from(buffer, byteOffset, byteLength).toString("base64") };
}

const decoded = ({ data }: EncodedArray): Float32Array =>
  new Float32Array(Uint8Array.from(Buffer.from(data, "base64")).buffer);
