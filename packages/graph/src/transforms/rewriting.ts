import type { Tensor } from "../program/tensor.js";

/** The operations that some outputs depend on, inputs before users. Recursion-free: graphs are thousands deep. */
export function topologicalOrder(outputs: readonly Tensor[], stopAt?: ReadonlySet<Tensor>): Tensor[] {
  const seen = new Set<Tensor>();
  const pending = [...outputs];
  while (pending.length > 0) {
    const x = pending.pop()!;
    if (seen.has(x)) continue;
    seen.add(x);
    if (!stopAt?.has(x)) pending.push(...x.inputs);
  }
  // An operation is newer than its inputs, so the order of creation is topological.
  return [...seen].sort((a, b) => a.id - b.id);
}

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
