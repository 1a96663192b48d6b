/** What of a program stays as it is while some of its inputs change. */
import type { Graph } from "../program/graph.js";
import type { Tensor } from "../program/tensor.js";
import { bytesPerElement } from "../program/tensor-type.js";

/**
 * The values that follow from inputs which stay and that the rest of the graph goes on from: computed once, they are inputs of
 * what is computed for each of the `changing` ones. Values of more than `mostBytes` are not among them, but what these are
 * computed from.
 *
 * @param graph simplified
 * @param changing inputs of the graph; its others stay
 */
export function lastingValues(graph: Graph, changing: ReadonlySet<Tensor>, mostBytes: number): Tensor[] {
  const changed = new Set(changing);
  /** What follows from the inputs that stay. Values of constants alone are no matter: they are known when it is compiled. */
  const lasting = new Set(graph.inputs.filter((x) => !changing.has(x)));
  for (const x of graph.order) {
    if (x.inputs.some((source) => changed.has(source))) changed.add(x);
    else if (x.inputs.some((source) => lasting.has(source))) lasting.add(x);
  }
  const kept = new Set<Tensor>();
  const seen = new Set<Tensor>();
  const pending = [...graph.outputs, ...graph.order.flatMap((x) => (changed.has(x) ? x.inputs : []))];
  while (pending.length > 0) {
    const x = pending.pop()!;
    if (seen.has(x) || !lasting.has(x) || !x.primitive) continue;
    seen.add(x);
    if (x.size * bytesPerElement[x.dtype] <= mostBytes) kept.add(x);
    else pending.push(...x.inputs);
  }
  return [...kept].sort((a, b) => a.id - b.id);
}
