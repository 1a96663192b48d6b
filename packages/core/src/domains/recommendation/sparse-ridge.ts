/** Ridge regression on sparse rows by conjugate gradients: its cost is that of going through the rows some times. */
import { dot } from "../../linear-algebra/vectors.js";
import { rowProduct, type SparseRows } from "./attribute-coding.js";

/** A linear function of rows: constant + weights . row. */
export interface LinearFunction {
  readonly constant: number;
  /** [width] */
  readonly weights: Float64Array;
}

/** The residual, as a share of what is on the right side, at which it ends; and the steps after which it does anyway. */
const tolerance = 1e-6;
const mostSteps = 1000;

/** The value of a linear function for each row. */
export const linearValues = (rows: SparseRows, { constant, weights }: LinearFunction): Float64Array =>
  Float64Array.from({ length: rows.starts.length - 1 }, (_, i) => constant + rowProduct(rows, i, weights));

/**
 * The linear function with the least
 *
 *   sum over rows of v_i (y_i - c - w . x_i)^2  +  penalty |w|^2
 *
 * where the constant c is free. Its normal equations are solved by conjugate gradients (Hestenes & Stiefel 1952), scaled by
 * their diagonal, to a residual of 1e-6: memory is for one number a feature, however many there are.
 *
 * @param weights v, [rows], 0 for rows that do not count; at least one is above 0
 * @param penalty above 0
 * @param start a guess, the solution of targets that were nearly the same
 */
export function sparseRidge(
  rows: SparseRows,
  targets: ArrayLike<number>,
  {
    weights,
    penalty,
    start,
  }: { readonly weights: ArrayLike<number>; readonly penalty: number; readonly start?: LinearFunction },
): LinearFunction {
  const { starts, features, values, width } = rows;
  const count = starts.length - 1;
  // The constant is the last place of each vector.
  const product = (x: Float64Array, result: Float64Array): Float64Array => {
    for (let f = 0; f < width; f++) result[f] = penalty * x[f]!;
    let free = 0;
    for (let i = 0; i < count; i++) {
      const v = weights[i]!;
      if (!(v > 0)) continue;
      const [from, to] = [starts[i]!, starts[i + 1]!];
      let value = x[width]!;
      for (let at = from; at < to; at++) value += values[at]! * x[features[at]!]!;
      value *= v;
      for (let at = from; at < to; at++) result[features[at]!]! += value * values[at]!;
      free += value;
    }
    result[width] = free;
    return result;
  };
  const right = new Float64Array(width + 1);
  const diagonal = new Float64Array(width + 1).fill(penalty);
  diagonal[width] = 0;
  for (let i = 0; i < count; i++) {
    const v = weights[i]!;
    if (!(v > 0)) continue;
    for (let at = starts[i]!; at < starts[i + 1]!; at++) {
      right[features[at]!]! += v * targets[i]! * values[at]!;
      diagonal[features[at]!]! += v * values[at]! ** 2;
    }
    right[width]! += v * targets[i]!;
    diagonal[width]! += v;
  }
  const solution = new Float64Array(width + 1);
  if (start) {
    solution.set(start.weights);
    solution[width] = start.constant;
  }
  const ahead = new Float64Array(width + 1);
  const residual = product(solution, ahead).map((value, f) => right[f]! - value);
  const scaled = residual.map((value, f) => value / diagonal[f]!);
  const direction = scaled.slice();
  let size = dot(residual, scaled);
  const enough =
    tolerance ** 2 *
    dot(
      right,
      right.map((value, f) => value / diagonal[f]!),
    );
  for (let step = 0; step < mostSteps && size > enough; step++) {
    product(direction, ahead);
    const length = size / dot(direction, ahead);
    for (let f = 0; f <= width; f++) {
      solution[f]! += length * direction[f]!;
      residual[f]! -= length * ahead[f]!;
      scaled[f] = residual[f]! / diagonal[f]!;
    }
    const next = dot(residual, scaled);
    for (let f = 0; f <= width; f++) direction[f] = scaled[f]! + (next / size) * direction[f]!;
    size = next;
  }
  return { constant: solution[width]!, weights: solution.subarray(0, width) };
}
