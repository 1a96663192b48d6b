/** Conjugate gradients for products with a matrix that is nowhere written down. */

import { dot } from "./vectors.js";

/** A solution of A x = b by products with A. */
export interface ConjugateGradients {
  readonly x: Float64Array;
  /** Products that were taken. */
  readonly products: number;
  /** |b - A x|^2 by the recurrence. */
  readonly residual: number;
  /** x' A x = x' (b - r), without another product. */
  readonly curvature: number;
}

/** A residual below which float32 products say no more. */
const leastResidual = 1e-10;

/**
 * The method of conjugate gradients (Hestenes & Stiefel 1952) for A x = b, A symmetric: dot products in float64. It ends after
 * `most` products, at |r|^2 < 1e-10, or where p' A p <= 0, which rounding and damping too small can bring about: the x so far is
 * then the answer.
 *
 * @example await conjugateGradients(async (v) => v.map((value, i) => diagonal[i] * value), b, 10)
 */
export async function conjugateGradients(
  product: (vector: Float64Array) => Promise<Float64Array>,
  b: Float64Array,
  most: number,
): Promise<ConjugateGradients> {
  const x = new Float64Array(b.length);
  const r = b.slice();
  const p = b.slice();
  let residual = dot(r, r);
  let products = 0;
  while (products < most && residual >= leastResidual) {
    const along = await product(p);
    products++;
    const curvature = dot(p, along);
    if (!(curvature > 0)) break;
    const length = residual / curvature;
    for (let i = 0; i < x.length; i++) {
      x[i]! += length * p[i]!;
      r[i]! -= length * along[i]!;
    }
    const next = dot(r, r);
    const back = next / residual;
    for (let i = 0; i < p.length; i++) p[i] = r[i]! + back * p[i]!;
    residual = next;
  }
  return { x, products, residual, curvature: dot(x, b) - dot(x, r) };
}
