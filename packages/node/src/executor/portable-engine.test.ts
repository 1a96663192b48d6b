import { add, matmul, portableModel, tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import { portableEngine } from "./portable-engine.js";

const { bytes } = portableModel({
  inputs: [
    { name: "x", dtype: "float32", shape: ["rows", 2] },
    { name: "image", dtype: "uint8", shape: [2] },
  ],
  constants: { weight: tensor([[1], [2]], [2, 1]) },
  compute: ({ x, image }, { weight }) => ({ y: matmul(add(x!, image!), weight!) }),
});

test("runs by names, for any number of rows, and says what a model takes and gives", async () => {
  const session = await portableEngine().open(bytes);
  const [x, image] = session.inputs;
  expect([x!.name, x!.dtype, typeof x!.shape[0], x!.shape[1]]).toEqual(["x", "float32", "string", 2]);
  expect(image).toEqual({ name: "image", dtype: "uint8", shape: [2] });
  expect(session.outputs.map(({ name, dtype }) => [name, dtype])).toEqual([["y", "float32"]]);
  const found = await session.run({
    x: { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    image: { dtype: "uint8", shape: [2], data: Uint8Array.of(10, 20) },
  });
  expect(Array.from(found.y!.data, Number)).toEqual([11 + 44, 13 + 48]);
  await expect(session.run({})).rejects.toThrow();
  await session.close();
});

test("refuses what is no model, one that refers to another file, and operators that are not the standard's", async () => {
  const engine = portableEngine();
  await expect(engine.open(Uint8Array.of(1, 2, 3))).rejects.toThrow(/ILD81/);
  // A field of a tensor that names a file, behind all that is there: protobuf merges it into the graph.
  const location = [0x6a, 0x02, 0x0a, 0x00];
  const weight = [0x2a, location.length, ...location];
  const outside = Uint8Array.from([...bytes, 0x3a, weight.length, ...weight]);
  await expect(engine.open(outside)).rejects.toThrow(/ILD81 .*external data/);
  // A node, likewise: its output z, its operator X, its domain "own".
  const text = (field: number, value: string): number[] => [8 * field + 2, value.length, ...Buffer.from(value)];
  const node = [...text(2, "z"), ...text(4, "X"), ...text(7, "own")];
  const ofOwn = Uint8Array.from([...bytes, 0x3a, node.length + 2, 0x0a, node.length, ...node]);
  await expect(engine.open(ofOwn)).rejects.toThrow('operators of the domain "own"');
});
