import { formatShape, GraphError } from "../../errors.js";
import { broadcastOffsets, broadcastShapes } from "../broadcasting.js";
import type { Emitter, OnnxNode, Value } from "../emitter.js";
import type { Primitive } from "../tensor.js";
import { Tensor } from "../tensor.js";
import { type Shape, sizeOf } from "../tensor-type.js";
import { alignMapped, broadcastIndex, transpose } from "./shape.js";

type NoAttributes = Readonly<Record<string, never>>;

const batchShape = (shape: Shape): Shape => shape.slice(0, -2);

export const matmulPrimitive: Primitive<NoAttributes> = {
  name: "matmul",
  infer: ([a, b]) => {
    const shapes = `${formatShape(a!.shape)} x ${formatShape(b!.shape)}`;
    if (a!.shape.length < 2 || b!.shape.length < 2) {
      throw new GraphError(
        "IL201",
        "matmul",
        `needs matrices: ${shapes}`,
        "Give vectors an axis of size 1 with expandAxis",
      );
    }
    if (a!.dtype !== b!.dtype) throw new GraphError("IL103", "matmul", `${a!.dtype} x ${b!.dtype}`, "Cast one of them");
    if (a!.dtype === "bool")
      throw new GraphError("IL103", "matmul", "does not take bool", "Convert with cast(x, dtype)");
    const [k, kb] = [a!.shape.at(-1)!, b!.shape.at(-2)!];
    if (k !== kb) {
      const hint =
        k === b!.shape.at(-1)
          ? "Transpose the right side?"
          : a!.shape.at(-2) === kb
            ? "Transpose the left side?"
            : "The last axis of the left side must be as long as the last but one of the right side";
      throw new GraphError("IL203", "matmul", `inner sizes differ: ${shapes} (${k} and ${kb})`, hint);
    }
    const leading = broadcastShapes([batchShape(a!.shape), batchShape(b!.shape)]);
    if (!leading) {
      throw new GraphError("IL101", "matmul", `leading axes do not broadcast: ${shapes}`, "Sizes must agree, or be 1");
    }
    return { dtype: a!.dtype, shape: [...leading, a!.shape.at(-2)!, b!.shape.at(-1)!] };
  },
  vjp: (g, [a, b]) => [() => matmul(g, swapLast(b!)), () => matmul(swapLast(a!), g)],
  batch: (inputs) => {
    const rank = Math.max(...inputs.map(({ tensor: x, mapped }) => (mapped ? x.rank - 1 : x.rank)));
    const [a, b] = inputs.map(({ tensor: x, mapped }) => (mapped ? alignMapped(x, rank) : x));
    return matmul(a!, b!);
  },
  onnx: (e, [a, b]) => {
    const [left, right] = [transposed(e, a!), transposed(e, b!)];
    return e.matmul(left?.inputs[0] ?? a!, right?.inputs[0] ?? b!, { transposeA: !!left, transposeB: !!right });
  },
  native: {
    kind: "contraction",
    products: ([a, b], _attributes, output) => {
      const [rows, columns] = output.shape.slice(-2) as [number, number];
      return [
        {
          batch: batchShape(output.shape),
          rows: [rows],
          sums: [a!.shape.at(-1)!],
          columns,
          a: (batch, [row], [k]) => [...broadcastIndex(batch, batchShape(a!.shape)), row!, k!],
          b: (batch, [k], column) => [...broadcastIndex(batch, batchShape(b!.shape)), k!, column],
          out: (batch, [row], column) => [...batch, row!, column],
        },
      ];
    },
  },
  evaluate: ([a, b], _attributes, output) => {
    const [m, n] = output.shape.slice(-2) as [number, number];
    const k = a!.shape.at(-1)!;
    const leading = batchShape(output.shape);
    const offsetA = broadcastOffsets(batchShape(a!.shape), leading);
    const offsetB = broadcastOffsets(batchShape(b!.shape), leading);
    const out = new Float64Array(sizeOf(output.shape));
    for (let batch = 0; batch < sizeOf(leading); batch++) {
      const [atA, atB, at] = [offsetA(batch) * m * k, offsetB(batch) * k * n, batch * m * n];
      for (let i = 0; i < m; i++) {
        for (let p = 0; p < k; p++) {
          const value = a!.data[atA + i * k + p]!;
          for (let j = 0; j < n; j++) out[at + i * n + j]! += value * b!.data[atB + p * n + j]!;
        }
      }
    }
    return out;
  },
};

/** The node that swaps the last two axes of a value and does nothing else: a product can read its input instead. */
function transposed(e: Emitter, x: Value): OnnxNode | undefined {
  const node = e.producer(x);
  if (!e.profile.fusedMatMul || x.dtype !== "float32" || node?.operator !== "Transpose") return undefined;
  const rank = x.shape.length;
  const permutation = node.attributes.perm as readonly number[];
  const swapsLast = permutation.every(
    (axis, i) => axis === (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i),
  );
  return swapsLast ? node : undefined;
}

/** x with its last two axes swapped. */
export function swapLast(x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), x.rank - 1, x.rank - 2]);
}

/**
 * Matrix product of the last two axes: [..., m, k] x [..., k, n] -> [..., m, n]; leading axes broadcast.
 *
 * @throws IL203 where the inner sizes differ
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  return Tensor.apply(matmulPrimitive, [a, b], {});
}
