import { formatShape, GraphError } from "../errors.js";
import { topologicalOrder } from "../program/graph.js";
import { add, mul } from "../program/primitives/elementwise.js";
import { after } from "../program/primitives/ordering.js";
import { sum, sumTo } from "../program/primitives/reduce.js";
import { onesLike, zerosLike } from "../program/primitives/shape.js";
import { input, scalar, Tensor, tensorsMade } from "../program/tensor.js";
import { isFloat, sameShape } from "../program/tensor-type.js";
import { leaves, mapTree, type Tree, unflatten } from "../program/tree.js";
import { rewrite } from "./rewriting.js";

/** A part of a program whose operations are those made while a function ran: tensors with ids in this range. */
interface Segment {
  readonly from: number;
  readonly to: number;
}

/** Segments of the function being differentiated, while it runs. */
let recording: Segment[] | undefined;

/**
 * The result of f; where a gradient is taken through it, its operations are computed a second time for that, from what
 * they started from, instead of being kept from the first. Memory for time: a chain of K such steps keeps what goes
 * from step to step and the operations of one step, not of K (checkpointing, Griewank & Walther 2008, chapter 12;
 * Chen et al. 2016). No value changes.
 *
 * It counts for the gradient whose function calls it, `grad(w => ... recomputed(...))`, and within another call of
 * itself not at all.
 *
 * @example grad((w: Tensor) => loss(recomputed(() => layer2(recomputed(() => layer1(w))))))
 */
export function recomputed<T>(f: () => T): T {
  const outer = recording;
  const from = tensorsMade();
  recording = undefined;
  try {
    const result = f();
    outer?.push({ from, to: tensorsMade() });
    return result;
  } finally {
    recording = outer;
  }
}

/**
 * Copies of a segment's operations that are computed after the given cotangents, from the same inputs. Operations that
 * depend on nothing that is differentiated have no copy: they are the same in each step, and kept.
 */
function copied(
  { from, to }: Segment,
  order: readonly Tensor[],
  depends: ReadonlySet<Tensor>,
  cotangents: readonly Tensor[],
): Map<Tensor, Tensor> {
  const copies = new Map<Tensor, Tensor>();
  const copyOf = (x: Tensor): Tensor => {
    if (!depends.has(x)) return x;
    let copy = copies.get(x);
    if (!copy) {
      copy = after(x, cotangents);
      copies.set(x, copy);
    }
    return copy;
  };
  for (const x of order) {
    if (x.primitive && x.id >= from && x.id < to && depends.has(x)) {
      copies.set(x, Tensor.apply(x.primitive, x.inputs.map(copyOf), x.attributes));
    }
  }
  return copies;
}

/**
 * Cotangents of `wanted` given those of `outputs`: reverse-mode accumulation (Griewank & Walther 2008, section 3.2)
 * over the operations between them. Zero where an output does not depend on a wanted tensor.
 */
function pullBack(
  outputs: readonly Tensor[],
  cotangents: readonly Tensor[],
  wanted: readonly Tensor[],
  segments: readonly Segment[],
): Tensor[] {
  const targets = new Set(wanted);
  const order = topologicalOrder(outputs, targets);
  const depends = new Set<Tensor>();
  for (const x of order) if (targets.has(x) || x.inputs.some((source) => depends.has(source))) depends.add(x);
  const totals = new Map<Tensor, Tensor>();
  const copies = new Map<Segment, ReadonlyMap<Tensor, Tensor>>();
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
    // Copies are made when the walk comes to a segment: what uses its results is newer, and has been pulled back.
    const segment = segments.find(({ from, to }) => x.id >= from && x.id < to);
    if (segment && !copies.has(segment)) {
      const results = order
        .filter(({ id }) => id >= segment.from && id < segment.to)
        .flatMap((y) => totals.get(y) ?? []);
      copies.set(segment, copied(segment, order, depends, results));
    }
    const kept = (segment && copies.get(segment)?.get(x)) ?? x;
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
    const pullbacks = vjp(cotangent, kept.inputs, kept, x.attributes);
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
  transform: (outputs: Tensor[], fresh: readonly Tensor[], segments: readonly Segment[]) => Tensor[],
): Tensor[] {
  const actual = leaves(argument);
  const fresh = actual.map((leaf) => input(leaf.shape, leaf.dtype));
  const segments: Segment[] = [];
  const outer = recording;
  recording = segments;
  let outputs: Tensor[];
  try {
    outputs = f(unflatten(argument, fresh));
  } finally {
    recording = outer;
  }
  const results = transform(outputs, fresh, segments);
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

/** The result of a function that `valueAndGrad` made. */
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
      ([loss, ...extra], fresh, segments) => [
        loss!,
        ...pullBack([loss!], [onesLike(loss!)], fresh, segments),
        ...extra,
      ],
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
      (outputs, fresh, segments) => {
        outputs.forEach((output, i) => {
          if (sameShape(output.shape, given[i]!.shape)) return;
          const problem = `cotangent ${formatShape(given[i]!.shape)} for a result of ${formatShape(output.shape)}`;
          throw new GraphError("IL303", "vjp", problem, "Give a cotangent of the result's own structure and shapes");
        });
        return pullBack(outputs, given, fresh, segments);
      },
    );
    return unflatten(argument, results);
  };
  return { value, pullback };
}

/**
 * The product of the Hessian of the scalar f at `argument` with a vector of the argument's structure: grad(<grad f,
 * v>).
 */
export function hessianVectorProduct<A extends Tree>(f: (argument: A) => Tensor, argument: A, vector: A): A {
  const directions = leaves(mapTree((_leaf, matching) => matching!, argument, vector));
  return grad((at: A) => {
    const terms = leaves(grad(f)(at)).flatMap((slope, i) =>
      isFloat(slope.dtype) ? [sum(mul(slope, directions[i]!))] : [],
    );
    return terms.length === 0 ? scalar(0) : terms.reduce((total, term) => add(total, term));
  })(argument);
}
