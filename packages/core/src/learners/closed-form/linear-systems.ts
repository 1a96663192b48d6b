/** Systems of linear equations in graph operations: ONNX has no solver. */
import {
  add,
  cast,
  div,
  formatShape,
  GraphError,
  greater,
  leaves,
  mapTree,
  matmul,
  max,
  mul,
  oneHot,
  range,
  sliceAxis,
  sqrt,
  stopGradient,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  where,
  zerosLike,
} from "@innerloop/graph";

/** Pivots that are eliminated together: the large products then are few, and the small ones small. */
const blockSize = 8;

/**
 * X with A X = B, for symmetric positive definite A [..., n, n] and B [..., n, m]: [..., n, m].
 *
 * A^-1 is found by elimination and held constant as Y, then the solution is refined, and only that is differentiated:
 *
 *   X_0 = Y B,  X_{j+1} = X_j + Y (B - A X_j)
 *
 * With an exact Y no refinement changes a value, and each makes one more order of derivative by A exact: an error
 * (Y - A^-1) of order dA is multiplied by one more dA. So a gradient costs products [n, n] x [n, m], not an elimination
 * run backwards.
 *
 * Give it float64 where A may be nearly singular. The elimination rounds off more, the higher the condition of A;
 * refinement takes that back while |I - Y A| < 1 and makes it worse beyond. In float32 that is from conditions of 1e4 to
 * 1e6 on, which X X^T + lambda I has for a few rows that are nearly equal.
 *
 * @param options.refinements orders of derivative that are exact, 3 by default
 * @throws IL202 where the shapes do not fit
 * @example solvePositiveDefinite(add(matmul(x, swapLast(x)), identityMatrix(x.shape[0]!)), y)
 */
export function solvePositiveDefinite(a: Tensor, b: Tensor, options: { readonly refinements?: number } = {}): Tensor {
  const { refinements = 3 } = options;
  const n = requireSquare("solvePositiveDefinite", a);
  if (b.rank < 2 || b.shape.at(-2) !== n) {
    const problem = `${formatShape(a.shape)} and right sides ${formatShape(b.shape)}`;
    throw new GraphError("IL202", "solvePositiveDefinite", problem, "Right sides are [..., n, m], a column each");
  }
  const inverse = inversePositiveDefinite(a);
  let x = matmul(inverse, b);
  for (let j = 0; j < refinements; j++) x = add(x, matmul(inverse, sub(b, matmul(a, x))));
  return x;
}

/**
 * A^-1 of symmetric positive definite A [..., n, n], as a constant: no gradient goes through it.
 *
 * Gauss-Jordan elimination by blocks, in the form that keeps one matrix (Goodnight's sweep): with the columns U of a
 * block of pivots less those of the identity, and the pivots' own block P,
 *
 *   A <- A - U P^-1 U^T
 *
 * leaves 2 I - A^-1 once all pivots had their turn. No pivot is chosen by its value, so that tasks can be mapped over it;
 * for positive definite A none has to be. A is scaled to a diagonal of ones first, which no pivot then exceeds.
 */
export function inversePositiveDefinite(a: Tensor): Tensor {
  const n = requireSquare("inversePositiveDefinite", a);
  const constant = stopGradient(a);
  const diagonal = sum(mul(constant, identityMatrix(n, a.dtype)), -1, { keepAxes: true });
  const scale = div(1, sqrt(diagonal));
  const scales = matmul(scale, swapLast(scale));
  return stopGradient(mul(sweptInverse(mul(constant, scales), blockSize), scales));
}

/** The inverse of a matrix whose diagonal is at most 1, its pivots in blocks of the given size. */
function sweptInverse(a: Tensor, block: number): Tensor {
  const n = a.shape.at(-1)!;
  const identity = identityMatrix(n, a.dtype);
  let swept = a;
  for (let from = 0; from < n; from += block) {
    const to = Math.min(from + block, n);
    const columns = sliceAxis(swept, -1, from, to);
    const pivots = sliceAxis(columns, -2, from, to);
    const reduced = sub(columns, sliceAxis(identity, -1, from, to));
    const weighted = block === 1 ? div(reduced, pivots) : matmul(reduced, sweptInverse(pivots, 1));
    swept = sub(swept, matmul(weighted, swapLast(reduced)));
  }
  return sub(mul(identity, 2), swept);
}

/** The identity matrix [n, n]. */
export const identityMatrix = (n: number, dtype: Tensor["dtype"] = "float32"): Tensor =>
  oneHot(range(n, "int32"), n, dtype);

function requireSquare(operation: string, a: Tensor): number {
  const [rows, columns] = a.shape.slice(-2);
  if (a.rank >= 2 && rows === columns && rows! > 0) return rows!;
  throw new GraphError("IL202", operation, `a matrix ${formatShape(a.shape)}`, "It must be square: [..., n, n]");
}

/**
 * x with A x = b after a fixed number of steps of conjugate gradients from 0 (Hestenes & Stiefel 1952), for a symmetric
 * positive definite A that is known by its products with vectors: trees of b's structure. Exact, but for rounding, after
 * as many steps as A has distinct eigenvalues.
 *
 * Where A turns out to be indefinite along a direction, the steps end there; x is b itself where that is the first one.
 *
 * @throws IL102 where `steps` is not a whole number of 1 or more
 * @example conjugateGradients((v) => hessianVectorProduct(loss, params, v), gradient, 10)
 */
export function conjugateGradients<T extends Tree>(product: (vector: T) => T, b: T, steps: number): T {
  if (!Number.isInteger(steps) || steps < 1)
    throw new GraphError("IL102", "conjugateGradients", `${steps} steps`, "Use a whole number, 1 or more");
  let x = mapTree((leaf) => zerosLike(leaf), b);
  let residual = b;
  let direction = b;
  let square = innerProduct(b, b);
  // 1 until a direction of no positive curvature is met, 0 from there on.
  let going: Tensor | undefined;
  for (let step = 0; step < steps; step++) {
    const image = product(direction);
    const curvature = innerProduct(direction, image);
    const positive = cast(greater(curvature, 0), curvature.dtype);
    // Divided by 1 where it is not positive: what is multiplied by 0 has to be finite.
    const length = mul(positive, div(square, where(greater(curvature, 0), max(curvature, smallest), 1)));
    const taken = going ? mul(length, going) : add(length, sub(1, positive));
    x = mapTree((at, p) => add(at, mul(p, taken)), x, direction);
    going = going ? mul(going, positive) : positive;
    if (step + 1 === steps) break;
    residual = mapTree((r, q) => sub(r, mul(q, taken)), residual, image);
    const next = innerProduct(residual, residual);
    const ratio = div(next, max(square, smallest));
    direction = mapTree((r, p) => add(r, mul(p, ratio)), residual, direction);
    square = next;
  }
  return x;
}

/** What squares are divided by at least: once they are 0, so is what they are divided into. */
const smallest = 1e-30;

const innerProduct = (a: Tree, b: Tree): Tensor =>
  leaves(mapTree((x, y) => sum(mul(x, y)), a, b)).reduce((total, term) => add(total, term));
