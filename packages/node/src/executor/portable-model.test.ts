/** Portable models against static ones of the same functions: the same bits. */
import {
  add,
  batchNorm,
  broadcastTo,
  cast,
  concat,
  conv2d,
  type DType,
  GraphError,
  grad,
  matmul,
  mean,
  mul,
  type PortableSlot,
  portableModel,
  relu,
  reshape,
  sizeOf,
  softmax,
  sub,
  sum,
  type Tensor,
  type TensorsByName,
  tanh,
  tensor,
  toNumbers,
  valuesOf,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { checkWithOnnx, onnxCheckerMissing } from "./onnx-checker.fixture.js";
import { openPortable } from "./portable-models.fixture.js";

const values = (shape: readonly number[], seed = 1): Tensor =>
  tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(seed + 1.7 * i)),
    shape,
  );
const slot = (name: string, shape: PortableSlot["shape"], dtype: DType = "float32"): PortableSlot => ({
  name,
  dtype,
  shape,
});

const filters = values([3, 3, 2, 4]);
const head = values([4 * 36, 3]);
const scale = values([4]);
/** A network over images, whose patches are gathered beside an appended row of zeros. */
const network = ({ x }: TensorsByName, { filters, head, scale }: TensorsByName): TensorsByName => {
  const maps = relu(
    batchNorm(
      conv2d(x!, filters!, { padding: "same" }),
      { mean: scale!, variance: mul(scale!, scale!) },
      { scale: scale!, shift: scale! },
    ),
  );
  const logits = matmul(reshape(maps, [x!.shape[0]!, -1]), head!);
  return { logits, probabilities: softmax(logits) };
};

/** Outputs with all their values, as text. */
const printed = (outputs: TensorsByName): string =>
  JSON.stringify(
    Object.entries(outputs).map(([name, { shape, data }]) => [name, shape, Array.from(data as Float32Array)]),
  );

/** Every model that is written here, for the official checker. */
const written: Uint8Array[] = [];

describe("a model for any number of rows", () => {
  const constants = { filters, head, scale };
  const dynamic = portableModel({ inputs: [slot("x", ["rows", 6, 6, 2])], constants, compute: network });
  written.push(dynamic.bytes);

  test("says which sizes of its inputs and outputs are open", () => {
    expect(dynamic.inputs).toEqual([slot("x", ["rows", 6, 6, 2])]);
    expect(dynamic.outputs).toEqual([slot("logits", ["rows", 3]), slot("probabilities", ["rows", 3])]);
  });

  test.each([1, 2, 17, 40])("computes for %i rows the bits of the model of so many", async (rows) => {
    const fixed = portableModel({ inputs: [slot("x", [rows, 6, 6, 2])], constants, compute: network });
    const [open, closed] = await Promise.all([openPortable(dynamic), openPortable(fixed)]);
    const x = values([rows, 6, 6, 2], 5);
    expect(printed(await open.run({ x }))).toEqual(printed(await closed.run({ x })));
    await Promise.all([open.close(), closed.close()]);
  });

  test.each(["same", "valid"] as const)(
    "computes long tables of pixels, padding %s, in a small file",
    async (padding) => {
      const weight = values([3, 3, 2, 4], 3);
      const convolution = portableModel({
        inputs: [slot("x", ["rows", 52, 48, 2])],
        constants: { weight },
        compute: ({ x }, { weight }) => ({ y: conv2d(x!, weight!, { padding, stride: 2 }) }),
      });
      written.push(convolution.bytes);
      // A table of 26 x 24 places by 9 taps has 22,464 bytes.
      expect(convolution.bytes.length).toBeLessThan(6000);
      const session = await openPortable(convolution);
      const x = values([2, 52, 48, 2], 7);
      const { y } = await session.run({ x });
      const expected = conv2d(x, weight, { padding, stride: 2 });
      expect(y!.shape).toEqual(expected.shape);
      const wanted = valuesOf(expected);
      toNumbers(y!).forEach((value, i) => {
        expect(value).toBeCloseTo(wanted[i]!, 4);
      });
      await session.close();
    },
  );

  test("repeats what it has one of for each row", async () => {
    const repeated = portableModel({
      inputs: [slot("x", ["rows", 2])],
      constants: { bias: values([1, 3]) },
      compute: ({ x }, { bias }) => ({ y: concat([x!, broadcastTo(mul(bias!, 2), [x!.shape[0]!, 3])], 1) }),
    });
    written.push(repeated.bytes);
    const session = await openPortable(repeated);
    const { y } = await session.run({
      x: tensor([
        [1, 2],
        [3, 4],
      ]),
    });
    expect(y!.toArray()).toEqual(
      [1, 3].map((first) => [first, first + 1, ...toNumbers(values([1, 3])).map((value) => 2 * value)]),
    );
    await session.close();
  });

  test.each([
    [
      "a mean over rows",
      ({ x }: TensorsByName) => ({ y: mean(x!) }),
      /IL405 portableModel: Mul output0 .*rows.*17 and 23/,
    ],
    [
      "a sum of one by one",
      ({ x }: TensorsByName) => ({ y: [17, 47].includes(x!.shape[0]!) ? add(x!, 1) : add(add(x!, x!), 1) }),
      /IL405/,
    ],
  ])("is refused where its form depends on the number: %s", (_, compute, message) => {
    const make = () => portableModel({ inputs: [slot("x", ["rows", 2])], constants: {}, compute });
    expect(make).toThrow(message);
    expect(make).toThrow(GraphError);
  });
});

describe("a model for any numbers of two kinds of rows", () => {
  const weight = values([2, 4]);
  /** Each row beside each of the others: what depends on both numbers, and on their product. */
  const pairs = ({ x, y }: TensorsByName, { weight }: TensorsByName): TensorsByName => {
    const [n, m] = [x!.shape[0]!, y!.shape[0]!];
    const beside = concat(
      [broadcastTo(reshape(x!, [n, 1, 2]), [n, m, 2]), broadcastTo(reshape(y!, [1, m, 2]), [n, m, 2])],
      2,
    );
    const hidden = tanh(matmul(reshape(beside, [n * m * 2, 2]), weight!));
    return { scores: sum(reshape(hidden, [n, m, 8]), 2), means: softmax(matmul(x!, weight!)) };
  };
  const inputs = (n: number | string, m: number | string) => [slot("x", [n, 2]), slot("y", [m, 2])];
  const dynamic = portableModel({ inputs: inputs("rows", "others"), constants: { weight }, compute: pairs });
  written.push(dynamic.bytes);

  test("says which sizes are which", () => {
    expect(dynamic.outputs).toEqual([slot("scores", ["rows", "others"]), slot("means", ["rows", 4])]);
  });

  test.each([
    [1, 1],
    [3, 1],
    [1, 5],
    [17, 19],
    [40, 2],
  ])("computes for %i and %i the bits of the model of so many", async (n, m) => {
    const fixed = portableModel({ inputs: inputs(n, m), constants: { weight }, compute: pairs });
    const [open, closed] = await Promise.all([openPortable(dynamic), openPortable(fixed)]);
    const given = { x: values([n, 2], 5), y: values([m, 2], 6) };
    expect(printed(await open.run(given))).toEqual(printed(await closed.run(given)));
    await Promise.all([open.close(), closed.close()]);
  });

  test("is refused where its form depends on one of them, or where more sizes are open", () => {
    const meanOf = ({ x, y }: TensorsByName) => ({ z: add(x!, mean(y!)) });
    expect(() => portableModel({ inputs: inputs("rows", "others"), constants: {}, compute: meanOf })).toThrow(
      /IL405 .*depends on the number of others: for 19 and 29/,
    );
    const three = [...inputs("rows", "others"), slot("z", ["more"])];
    expect(() => portableModel({ inputs: three, constants: { weight }, compute: pairs })).toThrow(
      /IL405 portableModel: sizes rows, others, more may be any, .*Leave 2 sizes open at most/,
    );
  });
});

/** Gradient descent on a network of one hidden layer, written as a loop and step by step. */
describe("a part that is repeated", () => {
  type Weights = { readonly hidden: Tensor; readonly head: Tensor };
  const first: Weights = { hidden: values([3, 8]), head: values([8, 2], 3) };
  const output = (x: Tensor, { hidden, head }: Weights): Tensor => matmul(tanh(matmul(x, hidden)), head);
  const stepOf =
    (x: Tensor, y: Tensor) =>
    (at: Weights, rate: Tensor | number): Weights => {
      const slopes = grad(({ hidden, head }: Weights) => {
        const error = sub(output(x, { hidden, head }), y);
        return mean(mul(error, error));
      })(at);
      return { hidden: sub(at.hidden, mul(slopes.hidden, rate)), head: sub(at.head, mul(slopes.head, rate)) };
    };
  const inputs = [slot("x", [5, 3]), slot("y", [5, 2]), slot("asked", ["queries", 3])];
  const repeated = portableModel({
    inputs: [...inputs, slot("steps", [], "int64")],
    constants: first,
    compute: ({ x, y, asked, steps }, { hidden, head }) => ({
      count: steps!,
      start: { hidden: hidden!, head: head! },
      step: (state, iteration) => stepOf(x!, y!)(state as Weights, mul(0.1, cast(add(iteration, 1), "float32"))),
      finish: (state) => ({ answer: output(asked!, state as Weights), adapted: (state as Weights).hidden }),
    }),
  });
  written.push(repeated.bytes);

  test.each([0, 1, 5, 10])("%i times gives the bits of the same written so often", async (steps) => {
    const unrolled = portableModel({
      inputs,
      constants: first,
      compute: ({ x, y, asked }, given) => {
        let at = given as Weights;
        for (let step = 0; step < steps; step++) at = stepOf(x!, y!)(at, mul(0.1, tensor(step + 1)));
        return { answer: output(asked!, at), adapted: at.hidden };
      },
    });
    written.push(unrolled.bytes);
    const [loop, plain] = await Promise.all([openPortable(repeated), openPortable(unrolled)]);
    const task = { x: values([5, 3], 7), y: values([5, 2], 8), asked: values([9, 3], 9) };
    const found = await loop.run({ ...task, steps: tensor([steps], [], "int64") });
    expect(printed(found)).toEqual(printed(await plain.run(task)));
    await Promise.all([loop.close(), plain.close()]);
  });

  test("is done no time for counts below 0", async () => {
    const session = await openPortable(repeated);
    const task = { x: values([5, 3], 7), y: values([5, 2], 8), asked: values([1, 3], 9) };
    const of = async (steps: number) => printed(await session.run({ ...task, steps: tensor([steps], [], "int64") }));
    expect(await of(-3)).toEqual(await of(0));
    expect(await of(1)).not.toEqual(await of(0));
    await session.close();
  });

  test("is refused where what it carries changes its form", () => {
    const growing = () =>
      portableModel({
        inputs: [slot("x", [2, 2])],
        constants: {},
        compute: ({ x }) => ({
          count: tensor([2], [], "int64"),
          start: { x: x! },
          step: (state) => ({ x: concat([(state as { x: Tensor }).x, x!], 0) }),
          finish: (state) => ({ y: sum((state as { x: Tensor }).x) }),
        }),
      });
    expect(growing).toThrow(/IL405 portableModel: a step makes float32\[4, 2\] of x, which is float32\[2, 2\]/);
  });
});

test("two values of one name are refused", () => {
  const named = (input: string, constant: string, output: string) => () =>
    portableModel({
      inputs: [slot(input, [2])],
      constants: { [constant]: values([2]) },
      compute: (given, own) => ({ [output]: mul(given[input]!, own[constant]!) }),
    });
  expect(named("x", "w", "x")).toThrow(/IL405 portableModel: two values are named x/);
  expect(named("x", "x", "y")).toThrow(/named x/);
  expect(named("x", "w", "w")).toThrow(/named w/);
});

test("bytes are taken as numbers from 0 to 255", async () => {
  const model = portableModel({
    inputs: [slot("x", ["rows", 2], "uint8" as DType)],
    constants: {},
    compute: ({ x }) => ({ y: mul(x!, 2) }),
    metadata: { format: "test" },
  });
  written.push(model.bytes);
  const session = await openPortable(model);
  const found = await session.run({ x: { bytes: Uint8Array.of(0, 1, 254, 255), shape: [2, 2] } });
  expect(found.y!.toArray()).toEqual([
    [0, 2],
    [508, 510],
  ]);
  await session.close();
});

test("the official ONNX checker accepts them all", (context) => {
  const missing = onnxCheckerMissing();
  if (missing) context.skip(missing);
  expect(checkWithOnnx(written)).toEqual([]);
});
