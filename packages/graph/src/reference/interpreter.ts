import { GraphError } from "../errors.js";
import { topologicalOrder } from "../program/graph.js";
import type { ReferenceArray, Tensor } from "../program/tensor.js";

/**
 * The reference interpreter: runs any program in float64 with obvious loops. It is the oracle of every test, and far
 * too slow for anything else.
 *
 * @param outputs the tensors to compute
 * @param feeds values of the inputs they depend on, row-major
 * @throws IL401 where an input has no value
 */
export function interpret(
  outputs: readonly Tensor[],
  feeds: ReadonlyMap<Tensor, ArrayLike<number>> = new Map(),
): Float64Array[] {
  const values = new Map<Tensor, ReferenceArray>();
  for (const x of topologicalOrder(outputs, new Set(feeds.keys())))
    values.set(x, { shape: x.shape, data: evaluate(x) });

  function evaluate(x: Tensor): Float64Array {
    const fed = feeds.get(x);
    if (fed) {
      if (fed.length === x.size) return Float64Array.from(fed);
      throw new GraphError(
        "IL402",
        "interpret",
        `${fed.length} values for an input ${x}`,
        "Feed as many as its shape holds",
      );
    }
    if (x.data) return Float64Array.from(x.data as ArrayLike<number | bigint>, Number);
    if (!x.primitive) throw new GraphError("IL401", "interpret", `an input ${x} has no value`, "Feed all inputs");
    return x.primitive.evaluate(
      x.inputs.map((source) => values.get(source)!),
      x.attributes,
      x,
    );
  }

  return outputs.map((output) => values.get(output)!.data);
}

/** The values of a tensor that depends on constants only, in float64 by the reference interpreter. For tests and small tables. */
export function valuesOf(x: Tensor): Float64Array {
  return interpret([x])[0]!;
}
