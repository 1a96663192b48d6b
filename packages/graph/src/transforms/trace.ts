import { GraphError } from "../errors.js";
import { type Graph, topologicalOrder } from "../program/graph.js";
import { input } from "../program/tensor.js";
import { leaves, type Tree, unflatten } from "../program/tree.js";
import { simplify } from "./simplify.js";

/** A graph with the structure of its result. */
export interface Traced<Result extends Tree> {
  readonly graph: Graph;
  /** The structure of the result; its leaves are the graph's outputs. */
  readonly result: Result;
}

/**
 * Runs a function once on inputs without values and records what it computes.
 *
 * @param args example arguments: only structure, types and shapes of their leaves matter
 * @throws IL401 where the function uses an input of some other trace
 */
export function trace<Arguments extends readonly Tree[], Result extends Tree>(
  f: (...args: Arguments) => Result,
  args: Arguments,
  options: { readonly simplify?: boolean } = {},
): Traced<Result> {
  const inputs = args.flatMap((argument) => leaves(argument)).map((leaf) => input(leaf.shape, leaf.dtype));
  let at = 0;
  const fresh = args.map((argument) => {
    const count = leaves(argument).length;
    at += count;
    return unflatten(argument, inputs.slice(at - count, at));
  }) as unknown as Arguments;
  const result = f(...fresh);
  const outputs = options.simplify === false ? leaves(result) : simplify(leaves(result));
  const order = topologicalOrder(outputs);
  const known = new Set(inputs);
  const stranger = order.find((x) => !x.primitive && !x.data && !known.has(x));
  if (stranger) {
    const problem = `the result depends on an input ${stranger} that is not one of the arguments`;
    throw new GraphError("IL401", "trace", problem, "Pass every tensor without values as an argument");
  }
  return { graph: { inputs, outputs, order }, result: unflatten(result, outputs) };
}

/** The same computation in fewer operations; see `simplify`. */
export function simplifyGraph({ inputs, outputs }: Graph): Graph {
  const simplified = simplify(outputs);
  return { inputs, outputs: simplified, order: topologicalOrder(simplified) };
}
