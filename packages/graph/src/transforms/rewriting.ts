import { topologicalOrder } from "../program/graph.js";
import type { Tensor } from "../program/tensor.js";

/**
 * The outputs with some tensors replaced. Operations that depend on none of them are kept; all others are made anew by
 * `make`, which sees an operation and its new inputs.
 */
export function rewrite(
  outputs: readonly Tensor[],
  replacements: ReadonlyMap<Tensor, Tensor>,
  make: (operation: Tensor, inputs: readonly Tensor[]) => Tensor,
): Tensor[] {
  const now = new Map<Tensor, Tensor>(replacements);
  const stop = new Set(replacements.keys());
  for (const x of topologicalOrder(outputs, stop)) {
    if (now.has(x) || !x.primitive) continue;
    const inputs = x.inputs.map((input) => now.get(input) ?? input);
    if (inputs.some((input, i) => input !== x.inputs[i])) now.set(x, make(x, inputs));
  }
  return outputs.map((output) => now.get(output) ?? output);
}
