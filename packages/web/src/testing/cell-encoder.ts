/** A frozen encoder that tests write: the mean colours of squares, and the squares of these. */
import { encode, type OnnxNode, type Value } from "@innerloop/graph";

/** Images [n, channels, side, side] -> map [n, 2 channels, side / cell, side / cell]. */
export function cellEncoder(side: number, cell: number, channels: 1 | 3): Uint8Array {
  const cells = side / cell;
  const tensorOf = (name: string, shape: readonly number[]): Value => ({
    name,
    dtype: "float32",
    shape,
    data: undefined,
  });
  const [means, squares] = ["means", "squares"].map((name) => tensorOf(name, [-1, channels, cells, cells])) as [
    Value,
    Value,
  ];
  const [image, map] = [
    tensorOf("image", [-1, channels, side, side]),
    tensorOf("map", [-1, 2 * channels, cells, cells]),
  ];
  const window = { kernel_shape: [cell, cell], strides: [cell, cell] };
  const nodes: OnnxNode[] = [
    { operator: "AveragePool", domain: "", inputs: [image], output: means, attributes: window },
    { operator: "Mul", domain: "", inputs: [means, means], output: squares, attributes: {} },
    { operator: "Concat", domain: "", inputs: [means, squares], output: map, attributes: { axis: 1 } },
  ];
  return encode({ nodes, initializers: [], inputs: [image], outputs: [map] });
}
