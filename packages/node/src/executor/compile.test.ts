import { add, compile, type Executor, GraphError, sub, type Tensor, tensor } from "@innerloop/graph";
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

test("a program of ever new shapes keeps 32 sessions; one that was closed is loaded again", async () => {
  const inner = onnxruntimeExecutor();
  let open = 0;
  let most = 0;
  let loads = 0;
  const counting: Executor = {
    ...inner,
    async load(model, inputs, outputs) {
      const session = await inner.load(model, inputs, outputs);
      loads++;
      most = Math.max(most, ++open);
      return {
        run: (feeds) => session.run(feeds),
        async close() {
          open--;
          await session.close();
        },
      };
    },
  };
  const double = compile((x: Tensor) => add(x, x), { executor: counting });
  const sized = (n: number): Tensor => tensor(new Float32Array(n).fill(n));
  const first = await double.prepare(sized(1));
  for (let n = 2; n <= 40; n++) {
    expect((await double(sized(n))).data).toEqual(new Float32Array(n).fill(2 * n));
  }
  expect(loads).toBe(40);
  await expect.poll(() => open).toBe(32);
  expect(most).toBeLessThanOrEqual(33);
  // The last ones are open still; the first was closed.
  expect((await double(sized(9))).data).toEqual(new Float32Array(9).fill(18));
  expect(loads).toBe(40);
  expect((await first.run(sized(1))).data).toEqual(Float32Array.of(2));
  expect(loads).toBe(41);
  await expect.poll(() => open).toBe(32);
  await inner.close();
});

test("sessions that run are not closed, however many there are", async () => {
  const double = compile((x: Tensor) => add(x, x), { executor });
  const sizes = Array.from({ length: 80 }, (_, i) => i + 1);
  const results = await Promise.all(sizes.map((n) => double(tensor(new Float32Array(n).fill(n)))));
  expect(results.map(({ data }) => data)).toEqual(sizes.map((n) => new Float32Array(n).fill(2 * n)));
});
