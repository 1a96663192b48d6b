import { add, compile, type Executor, GraphError, KeptPrograms, mul, sub, type Tensor, tensor } from "@innerloop/graph";
import { afterAll, expect, test } from "vitest";
import { countingLoads } from "./counting-loads.fixture.js";
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
  const { executor: counting, loads, open, most } = countingLoads(inner);
  const double = compile((x: Tensor) => add(x, x), { executor: counting });
  const sized = (n: number): Tensor => tensor(new Float32Array(n).fill(n));
  const first = await double.prepare(sized(1));
  for (let n = 2; n <= 40; n++) {
    expect((await double(sized(n))).data).toEqual(new Float32Array(n).fill(2 * n));
  }
  expect(loads()).toBe(40);
  await expect.poll(open).toBe(32);
  expect(most()).toBeLessThanOrEqual(33);
  // The last ones are open still; the first was closed.
  expect((await double(sized(9))).data).toEqual(new Float32Array(9).fill(18));
  expect(loads()).toBe(40);
  expect((await first.run(sized(1))).data).toEqual(Float32Array.of(2));
  expect(loads()).toBe(41);
  await expect.poll(open).toBe(32);
  await inner.close();
});

test("sessions that run are not closed, however many there are", async () => {
  const double = compile((x: Tensor) => add(x, x), { executor });
  const sizes = Array.from({ length: 80 }, (_, i) => i + 1);
  const results = await Promise.all(sizes.map((n) => double(tensor(new Float32Array(n).fill(n)))));
  expect(results.map(({ data }) => data)).toEqual(sizes.map((n) => new Float32Array(n).fill(2 * n)));
});

test("a program that is unloaded while it is loaded runs, and is unloaded when others are used", async () => {
  const { executor: counting, open } = countingLoads(executor);
  let begun = 0;
  let goOn = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const slow: Executor = {
    ...counting,
    load: async (...args) => {
      begun++;
      await gate;
      return counting.load(...args);
    },
  };
  const kept = new KeptPrograms({ programs: 3, bytes: 0 });
  const double = compile((x: Tensor) => add(x, x), { executor: slow, kept });
  const sized = (n: number): Tensor => tensor(new Float32Array(n).fill(n));
  const running: Promise<Tensor>[] = [];
  for (const n of [1, 2, 3]) {
    running.push(double(sized(n)));
    await expect.poll(() => begun).toBe(n);
  }
  goOn();
  const results = await Promise.all(running);
  expect(results.map(({ data }) => data)).toEqual([1, 2, 3].map((n) => new Float32Array(n).fill(2 * n)));
  // The two used last stay; of the first, which had to be loaded again to run, nothing does.
  for (const n of [2, 3]) await double(sized(n));
  await expect.poll(open).toBe(2);
  await double.release();
  expect(open()).toBe(0);
});

test("functions that share what is kept unload what ran longest ago, over a number of bytes", async () => {
  const { executor: counting, loads, open } = countingLoads(executor);
  // On n floats each takes 4n bytes for its input and as many for its result.
  const kept = new KeptPrograms({ programs: 3, bytes: 20_000 });
  const double = compile((x: Tensor) => add(x, x), { executor: counting, kept });
  const square = compile((x: Tensor) => mul(x, x), { executor: counting, kept });
  const ones = (n: number): Tensor => tensor(new Float32Array(n).fill(1));
  await double(ones(1000));
  await square(ones(1000));
  expect([loads(), open()]).toEqual([2, 2]);
  // One that takes more than all may stays with the one that it takes turns with, until a third is used.
  await double(ones(100_000));
  await expect.poll(open).toBe(2);
  for (let turn = 0; turn < 3; turn++) await square(ones(1000)).then(() => double(ones(100_000)));
  await square(ones(1000));
  expect([loads(), open()]).toEqual([3, 2]);
  // The fourth program takes the place of the first, whose shapes are then new again.
  await double(ones(500));
  await double(ones(1000));
  await expect.poll(open).toBe(2);
  expect(loads()).toBe(5);
  await Promise.all([double.release(), square.release()]);
  expect(open()).toBe(0);
  expect((await square(ones(1000))).data).toEqual(new Float32Array(1000).fill(1));
  await square.release();
});
