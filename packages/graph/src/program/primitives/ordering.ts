import type { Primitive } from "../tensor.js";
import { Tensor } from "../tensor.js";

/**
 * The first input, once all others have been computed. It is a tensor of its own: what is computed from it does not
 * merge with what is computed from the input itself.
 */
export const afterPrimitive: Primitive<Record<string, never>> = {
  name: "after",
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  vjp: (g, inputs) => inputs.map((_, i) => (i === 0 ? () => g : null)),
  valueInputs: 1,
  batch: ([x, ...others]) =>
    after(
      x!.tensor,
      others.map(({ tensor }) => tensor),
    ),
  // ONNX orders nodes by their inputs alone. The shape that x is expanded to, its own, is made to depend on the others:
  // on their sizes, times zero. A Reshape would not copy, but runtimes that optimize merge it with others.
  onnx: (e, [x, ...others]) => {
    const count = { dtype: "int64", shape: [] } as const;
    const sizes = others.map((other) => e.op("Size", [other], count));
    const smallest = sizes.length === 1 ? sizes[0]! : e.op("Min", sizes, count);
    const nothing = e.op("Mul", [smallest, e.scalar(0, "int64")], count);
    const rank = { dtype: "int64", shape: [x!.shape.length] } as const;
    const shape = e.op("Add", [e.integers(x!.shape), nothing], rank);
    return e.op("Expand", [x!, shape], x!);
  },
  native: { kind: "same" },
  evaluate: ([x]) => x!.data,
};

/**
 * x, but not before `others` are computed: for programs that compute something again in order not to keep it. Its
 * gradient goes to x alone.
 */
export function after(x: Tensor, others: readonly Tensor[]): Tensor {
  return others.length === 0 ? x : Tensor.apply(afterPrimitive, [x, ...others], {});
}
