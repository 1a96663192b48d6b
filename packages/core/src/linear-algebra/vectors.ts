/** Vectors of numbers outside of graphs. */

/** The sum of products a_i b_i in float64, in order. @param b as long as a */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
