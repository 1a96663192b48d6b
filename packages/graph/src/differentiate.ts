import { formatShape, GraphError } from "./errors.js";
import { add, mul } from "./primitives/elementwise.js";
import { sum, sumTo } from "./primitives/reduce.js";
import { onesLike, zerosLike } from "./primitives/shape.js";
import { rewrite, topologicalOrder } from "./rewriting.js";
import { input, isFloat, sameShape, scalar, Tensor } from "./tensor.js";
import { leaves, mapTree, type Tree, unflatten } from "./tree.js";

/**
 * Cotangents of `wanted` given those of `outputs`: reverse-mode accumulation (Griewank & Walther 2008, section 3.2)
 * over the operations between them. Zero where an output does not depend on a wanted tensor.
 */
function pullBack(outputs: readonly Tensor[], cotangents: readonly Tensor[], wanted: readonly Tensor[]): Tensor[] {
  const targets = new Set(wanted);
  const order = topologicalOrder(outputs, targets);
  const depends = new Set<Tensor>();
  for (const x of order) if (targets.has(x) || x.inputs.some((source) => depends.has(source))) depends.add(x);
  const totals = new Map<Tensor, Tensor>();
  const accumulate = (x: Tensor, cotangent: Tensor): void => {
    const have = totals.get(x);
    totals.set(x, have ? add(have, cotangent) : cotangent);
  };
  outputs.forEach((output, i) => {
    if (depends.has(output)) accumulate(output, cotangents[i]!);
  });
  for (let at = order.length - 1; at >= 0; at--) {
    const x = order[at]!;
    const cotangent = totals.get(x);
    if (!cotangent || !x.primitive || targets.has(x)) continue;
    const { vjp, name } = x.primitive;
    if (typeof vjp !== "function") {
      if (vjp.gradient === "zero") continue;
      throw new GraphError(
        "IL302",
        name,
        vjp.reason,
        "Keep it out of the differentiated part, or wrap it in stopGradient",
      );
    }
    const pullbacks = vjp(cotangent, x.inputs, x, x.attributes);
    x.inputs.forEach((source, i) => {
      const pullback = pullbacks[i];
      if (pullback && depends.has(source) && isFloat(source.dtype)) accumulate(source, sumTo(pullback(), source.shape));
    });
  }
  return wanted.map((x) => totals.get(x) ?? zerosLike(x));
}

/**
 * Runs `f` on fresh inputs in place of the leaves of `argument`, so that what it builds can be told from tensors that
 * it merely refers to, then hands the result to `transform` and puts the argument's own leaves back.
 */
function onFreshInputs<A extends Tree>(
  f: (argument: A) => Tensor[],
  argument: A,
  transform: (outputs: Tensor[], fresh: readonly Tensor[]) => Tensor[],
): Tensor[] {
  const actual = leaves(argument);
  const fresh = actual.map((leaf) => input(leaf.shape, leaf.dtype));
  const results = transform(f(unflatten(argument, fresh)), fresh);
  return rewrite(results, new Map(fresh.map((x, i) => [x, actual[i]!])), (x, inputs) =>
    Tensor.apply(x.primitive!, inputs, x.attributes),
  );
}

function requireScalar(loss: unknown): asserts loss is Tensor {
  if (!(loss instanceof Tensor)) {
    throw new GraphError(
      "IL301",
      "grad",
      `the function returned ${typeof loss}`,
      "Return one scalar tensor, or use auxiliary results",
    );
  }
  if (loss.rank !== 0 || !isFloat(loss.dtype)) {
    const problem = `the function returned ${loss.dtype}${formatShape(loss.shape)}`;
    throw new GraphError("IL301", "grad", problem, "Return a floating-point scalar, e.g. mean(loss)");
  }
}

export interface ValueAndGradient<A, Auxiliary> {
  readonly value: Tensor;
  /** Same structure as the argument; integer and bool leaves get zeros. */
  readonly gradient: A;
  readonly auxiliary: Auxiliary;
}

/**
 * A function that returns f's value and its gradient by the first argument. It may be differentiated again.
 *
 * @param f returns a scalar, or `[scalar, auxiliary]` where `auxiliary` is a tree that is passed through
 * @throws IL301 where the value is not a floating-point scalar, IL302 where an operation has no gradient
 * @example valueAndGrad((w: Tensor) => sum(mul(w, w)))(tensor([1, 2])) // value 5, gradient [2, 4]
 */
export function valueAndGrad<A extends Tree, Rest extends readonly unknown[]>(
  f: (argument: A, ...rest: Rest) => Tensor,
): (argument: A, ...rest: Rest) => ValueAndGradient<A, undefined>;
export function valueAndGrad<A extends Tree, Rest extends readonly unknown[], Auxiliary extends Tree>(
  f: (argument: A, ...rest: Rest) => readonly [Tensor, Auxiliary],
): (argument: A, ...rest: Rest) => ValueAndGradient<A, Auxiliary>;
export function valueAndGrad<A extends Tree, Rest extends readonly unknown[]>(
  f: (argument: A, ...rest: Rest) => Tensor | readonly [Tensor, Tree],
): (argument: A, ...rest: Rest) => ValueAndGradient<A, Tree | undefined> {
  return (argument, ...rest) => {
    let auxiliary: Tree | undefined;
    const [value, ...others] = onFreshInputs(
      (fresh) => {
        const result = f(fresh, ...rest);
        const [loss, extra] = result instanceof Tensor || !Array.isArray(result) ? [result, undefined] : result;
        requireScalar(loss);
        auxiliary = extra;
        return [loss, ...(extra === undefined ? [] : leaves(extra))];
      },
      argument,
      ([loss, ...extra], fresh) => [loss!, ...pullBack([loss!], [onesLike(loss!)], fresh), ...extra],
    );
    const count = leaves(argument).length;
    return {
      value: value!,
      gradient: unflatten(argument, others.slice(0, count)),
      auxiliary: auxiliary === undefined ? undefined : unflatten(auxiliary, others.slice(count)),
    };
  };
}

/** A function that returns the gradient of the scalar f by its first argument. */
export function grad<A extends Tree, Rest extends readonly unknown[]>(
  f: (argument: A, ...rest: Rest) => Tensor,
): (argument: A, ...rest: Rest) => A {
  const both = valueAndGrad(f);
  return (argument, ...rest) => both(argument, ...rest).gradient;
}

/** f(argument) and the function that pulls a cotangent of it back to the argument: cotangent -> cotangent^T df. */
export function vjp<A extends Tree, B extends Tree>(
  f: (argument: A) => B,
  argument: A,
): { readonly value: B; readonly pullback: (cotangent: B) => A } {
  const value = f(argument);
  const pullback = (cotangent: B): A => {
    const given = leaves(mapTree((_output, matching) => matching!, value, cotangent));
    const results = onFreshInputs(
      (fresh) => leaves(f(fresh)),
      argument,
      (outputs, fresh) => {
        outputs.forEach((output, i) => {
          if (sameShape(output.shape, given[i]!.shape)) return;
          const problem = `cotangent ${formatShape(given[i]!.shape)} for a result of ${formatShape(output.shape)}`;
          throw new GraphError("IL303", "vjp", problem, "Give a cotangent of the result's own structure and shapes");
        });
        return pullBack(outputs, given, fresh);
      },
    );
    return unflatten(argument, results);
  };
  return { value, pullback };
}

/** The product of the Hessian of the scalar f at `argument` with a vector of the argument's structure: grad(<grad f, v>). */
export function hessianVectorProduct<A extends Tree>(f: (argument: A) => Tensor, argument: A, vector: A): A {
  const directions = leaves(mapTree((_leaf, matching) => matching!, argument, vector));
  return grad((at: A) => {
    const terms = leaves(grad(f)(at)).flatMap((slope, i) =>
      isFloat(slope.dtype) ? [sum(mul(slope, directions[i]!))] : [],
    );
    return terms.length === 0 ? scalar(0) : terms.reduce((total, term) => add(total, term));
  })(argument);
}
