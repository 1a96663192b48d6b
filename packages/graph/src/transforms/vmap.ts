import { formatShape, GraphError } from "../errors.js";
import { topologicalOrder } from "../program/graph.js";
import { broadcastTo, moveAxis } from "../program/primitives/shape.js";
import { input, Tensor } from "../program/tensor.js";
import { leaves, type Tree, unflatten } from "../program/tree.js";

/** For each argument the axis that is mapped, or null where all calls share the argument. */
export type MappedAxes = readonly (number | null)[];

/**
 * The function of one task turned into the function of all: it takes arrays with one more axis and returns them so,
 * running f on each slice. No loop is left: each operation becomes one operation on all tasks.
 *
 * @param axes the mapped axis of each argument (all its leaves), 0 by default; null, or left out at the end of the
 *   list, for an argument that is shared
 * @param options.out the axis of the results that runs over the tasks, 0 by default
 * @throws IL304 where nothing is mapped or the mapped axes differ in size
 * @example vmap((x: Tensor, w: Tensor) => matmul(x, w), [0, null])
 */
export function vmap<Arguments extends readonly Tree[], Result extends Tree>(
  f: (...args: Arguments) => Result,
  axes?: MappedAxes,
  options: { readonly out?: number } = {},
): (...args: Arguments) => Result {
  return (...args) => {
    const size = commonSize(args, axes);
    const batched = new Map<Tensor, Tensor>();
    const perTask = args.map((argument, i) => {
      const axis = axisOf(axes, i);
      if (axis === null) return argument;
      const slices = leaves(argument).map((leaf) => {
        const front = moveAxis(leaf, axis, 0);
        const slice = input(front.shape.slice(1), leaf.dtype);
        batched.set(slice, front);
        return slice;
      });
      return unflatten(argument, slices);
    }) as unknown as Arguments;
    const result = f(...perTask);
    const outputs = leaves(result);
    // Operations that are the same for all tasks and yet made anew: they wait for one that is not.
    const shared = new Map<Tensor, Tensor>();
    for (const x of topologicalOrder(outputs, new Set(batched.keys()))) {
      if (batched.has(x) || !x.primitive) continue;
      if (!x.inputs.some((source) => batched.has(source) || shared.has(source))) continue;
      const inputs = x.inputs.map((source) => ({
        tensor: batched.get(source) ?? shared.get(source) ?? source,
        mapped: batched.has(source),
      }));
      if (inputs.slice(0, x.primitive.valueInputs).some(({ mapped }) => mapped)) {
        batched.set(x, x.primitive.batch(inputs, x.attributes, size));
      } else {
        const sources = inputs.map(({ tensor }) => tensor);
        shared.set(x, Tensor.apply(x.primitive, sources, x.attributes));
      }
    }
    const mapped = outputs.map((x) => {
      const all = batched.get(x);
      return moveAxis(all ?? broadcastTo(shared.get(x) ?? x, [size, ...x.shape]), 0, options.out ?? 0);
    });
    return unflatten(result, mapped);
  };
}

const axisOf = (axes: MappedAxes | undefined, i: number): number | null => (axes === undefined ? 0 : (axes[i] ?? null));

function commonSize(args: readonly Tree[], axes: MappedAxes | undefined): number {
  let size: number | undefined;
  args.forEach((argument, i) => {
    const axis = axisOf(axes, i);
    if (axis === null) return;
    for (const leaf of leaves(argument)) {
      const n = leaf.shape[axis < 0 ? axis + leaf.rank : axis];
      if (n === undefined) {
        const problem = `argument ${i} has a leaf of shape ${formatShape(leaf.shape)} without an axis ${axis}`;
        throw new GraphError(
          "IL304",
          "vmap",
          problem,
          "Map an axis that every leaf has, or share the argument with null",
        );
      }
      if (size !== undefined && n !== size) {
        const problem = `argument ${i} has ${n} slices along its mapped axis, others ${size}`;
        throw new GraphError("IL304", "vmap", problem, "All mapped axes must have one size");
      }
      size = n;
    }
  });
  if (size === undefined) throw new GraphError("IL304", "vmap", "no argument is mapped", "Map at least one axis");
  return size;
}
