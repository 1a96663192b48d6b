/** Programs of tensors as functions of numbers, in the float64 reference interpreter: what the tests here compare with. */
import { input, interpret, leaves, paths, type Tensor, type Tree, tensor, unflatten } from "@innerloop/graph";
import type { Loss } from "./losses/losses.js";
import { random } from "./random/random.js";
import type { Task } from "./tasks/task.js";

/** The values of a tensor or tree that depends on constants only, leaf by leaf. */
export const numbersOf = (tree: Tree): number[][] => interpret(leaves(tree)).map((values) => Array.from(values));

/** The values of one tensor. */
export const valuesIn = (x: Tensor): number[] => numbersOf(x)[0]!;

/** The values of a tree by path. */
export function namedValues(tree: Tree): Record<string, number[]> {
  const values = numbersOf(tree);
  return Object.fromEntries(paths(tree).map((path, i) => [path, values[i]!]));
}

/** f, traced once, as a function of the numbers in the leaves of its argument. */
export function asFunction<A extends Tree>(f: (argument: A) => Tree, example: A): (values: number[][]) => number[][] {
  const inputs = leaves(example).map((leaf) => input(leaf.shape, leaf.dtype));
  const outputs = leaves(f(unflatten(example, inputs)));
  return (values) =>
    interpret(outputs, new Map(inputs.map((x, i) => [x, values[i]!]))).map((result) => Array.from(result));
}

/** The names of a loss's metrics that each task has: pooled ones are of many. */
export const metricNames = ({ metrics = [] }: Loss): string[] =>
  metrics.flatMap(({ name, compute }) => (compute ? [name] : []));

/** Numbers in [-1, 1). */
export const noise = (size: number, ...address: number[]): number[] => {
  const source = random(7, ...address);
  return Array.from({ length: size }, () => source.uniform(-1, 1));
};

export const noiseTensor = (shape: readonly number[], ...address: number[]): Tensor =>
  tensor(
    Float32Array.from(
      noise(
        shape.reduce((a, b) => a * b, 1),
        ...address,
      ),
    ),
    shape,
  );

/** A tree of the same structure and types with other values. */
export const noiseLike = <T extends Tree>(tree: T, scale: number, ...address: number[]): T =>
  unflatten(
    tree,
    leaves(tree).map((leaf, i) =>
      tensor(
        noise(leaf.size, i, ...address).map((value) => scale * value),
        leaf.shape,
        leaf.dtype,
      ),
    ),
  );

/** Flat list of numbers as a tensor: nested arrays do not know their type. */
export const flat = (values: ArrayLike<number>, shape: readonly number[], dtype: Tensor["dtype"] = "float32"): Tensor =>
  tensor(Array.from(values), shape, dtype);

/**
 * The largest disagreement, relative to the size of the derivative, between a gradient and central differences of
 * fourth order along some random directions.
 */
export function gradientError<A extends Tree>(
  f: (argument: A) => Tensor,
  at: A,
  gradient: A,
  { directions = 4, h = 1e-3 }: { readonly directions?: number; readonly h?: number } = {},
): number {
  const value = asFunction(f, at);
  const start = numbersOf(at);
  const slopes = numbersOf(gradient);
  let worst = 0;
  for (let k = 0; k < directions; k++) {
    const direction = start.map((values, i) => noise(values.length, 99, k, i));
    const moved = (distance: number): number =>
      value(start.map((values, i) => values.map((v, j) => v + distance * direction[i]![j]!)))[0]![0]!;
    const difference = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h);
    const product = slopes.reduce(
      (total, values, i) => total + values.reduce((sum, v, j) => sum + v * direction[i]![j]!, 0),
      0,
    );
    worst = Math.max(worst, Math.abs(difference - product) / Math.max(1e-3, Math.abs(difference)));
  }
  return worst;
}

/** A regression task with numbers of no meaning: support [n, inputs] -> [n, outputs]. */
export const regressionTask = (inputs: number, outputs: number, shots: number, queries: number, index = 0): Task => ({
  support: { x: noiseTensor([shots, inputs], index, 1), y: noiseTensor([shots, outputs], index, 2) },
  query: { x: noiseTensor([queries, inputs], index, 3), y: noiseTensor([queries, outputs], index, 4) },
});

/** A classification task on noise: `shape` is that of one example, rows are grouped by class. */
export function classificationTask(
  shape: readonly number[],
  ways: number,
  shots: number,
  queries: number,
  index = 0,
): Task {
  const labels = (each: number): Tensor =>
    tensor(Int32Array.from({ length: ways * each }, (_, i) => Math.floor(i / each)));
  return {
    support: { x: noiseTensor([ways * shots, ...shape], index, 5), y: labels(shots) },
    query: { x: noiseTensor([ways * queries, ...shape], index, 6), y: labels(queries) },
  };
}
