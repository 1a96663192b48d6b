import { compile, GraphError, sub, type Tensor, tensor } from "@innerloop/graph";
import { afterAll, expect, test } from "vitest";
import { onnxruntimeExecutor } from "./onnxruntime-executor.js";

type Pair = { readonly a: Tensor; readonly b: Tensor };

const executor = onnxruntimeExecutor();
afterAll(() => executor.close());

test("arguments are matched by name: their properties may come in any order", async () => {
  const difference = compile(({ a, b }: Pair) => sub(a, b), { executor });
  expect((await difference({ a: tensor(10), b: tensor(1) })).data).toEqual(Float32Array.of(9));
  expect((await difference({ b: tensor(1), a: tensor(10) })).data).toEqual(Float32Array.of(9));
  const program = await difference.prepare({ a: tensor(0), b: tensor(0) });
  expect((await program.run({ b: tensor(1), a: tensor(10) })).data).toEqual(Float32Array.of(9));
});

test("a program refuses an argument of another structure or shape", async () => {
  const program = await compile(({ a, b }: Pair) => sub(a, b), { executor }).prepare({ a: tensor(0), b: tensor(0) });
  await expect(program.run({ a: tensor(1) } as unknown as Pair)).rejects.toThrow(
    /IL402 run: argument 0 has the leaves a, compiled for a, b/,
  );
  await expect(program.run({ a: tensor([1, 2]), b: tensor(1) })).rejects.toThrow(GraphError);
});
