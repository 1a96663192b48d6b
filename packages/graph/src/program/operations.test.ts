import { describe, expect, it } from "vitest";
import { valuesOf } from "../reference/interpreter.js";
import { type Example, exampleValues, floats } from "../testing/examples.js";
import {
  derivativesHold,
  exampleDerivativesHold,
  exampleSimplifyHolds,
  requireClose,
  vmapHolds,
} from "../testing/laws.js";
import { grad } from "../transforms/differentiate.js";
import * as ops from "./operations.js";
import { convolutionPrimitive } from "./primitives/convolution.js";
import { add, addPrimitive, mul, mulPrimitive, relu, reluPrimitive } from "./primitives/elementwise.js";
import { oneHot } from "./primitives/indexing.js";
import { reduceMin, sum } from "./primitives/reduce.js";
import { moveAxis, range, sliceAxis, stack } from "./primitives/shape.js";
import { input, type Tensor, tensor } from "./tensor.js";
import { type Shape, sizeOf } from "./tensor-type.js";

const at = (x: Tensor, ...index: number[]): number => {
  let flat = 0;
  index.forEach((i, axis) => {
    flat = flat * x.shape[axis]! + i;
  });
  return valuesOf(x)[flat]!;
};

/** An array of the given shape whose elements are a function of their index. */
function build(shape: Shape, f: (...index: number[]) => number): Tensor {
  const index = shape.map(() => 0);
  const values = Array.from({ length: sizeOf(shape) }, () => {
    const value = f(...index);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
    return value;
  });
  return tensor(values, shape, "float64");
}

const constant = (shape: Shape, seed = 1): Tensor => tensor(floats(shape).values(seed), shape, "float64");
const same = (found: Tensor, expected: Tensor): void => {
  expect(found.shape).toEqual(expected.shape);
  requireClose("values", valuesOf(found), valuesOf(expected), 1e-12);
};

const x = constant([3, 4]);
const row = (i: number): number[] => Array.from({ length: 4 }, (_, j) => at(x, i, j));
const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

describe("compositions agree with their formulas", () => {
  it("logSumExp, softmax, logSoftmax", () => {
    const sums = Array.from({ length: 3 }, (_, i) => total(row(i).map(Math.exp)));
    same(
      ops.logSumExp(x, 1),
      build([3], (i) => Math.log(sums[i]!)),
    );
    same(
      ops.logSumExp(x, 1, { keepAxes: true }),
      build([3, 1], (i) => Math.log(sums[i]!)),
    );
    same(
      ops.logSumExp(x),
      build([], () => Math.log(total(sums))),
    );
    same(
      ops.softmax(x),
      build([3, 4], (i, j) => Math.exp(at(x, i, j)) / sums[i]!),
    );
    same(
      ops.logSoftmax(x),
      build([3, 4], (i, j) => at(x, i, j) - Math.log(sums[i]!)),
    );
    same(
      ops.softmax(x, 0),
      build([3, 4], (i, j) => Math.exp(at(x, i, j)) / total([0, 1, 2].map((k) => Math.exp(at(x, k, j))))),
    );
  });

  it("without overflow", () => {
    const far = tensor([[1000, 1001, -1000]], undefined, "float64");
    requireClose("softmax", valuesOf(ops.softmax(far)), [1 / (1 + Math.E), Math.E / (1 + Math.E), 0], 1e-12);
    expect(valuesOf(ops.logSumExp(far))[0]).toBeCloseTo(1001 + Math.log1p(Math.exp(-1)), 9);
    requireClose("softplus", valuesOf(ops.softplus(far)), [1000, 1001, 0], 1e-12);
    requireClose("slope of softplus", valuesOf(grad((a: Tensor) => sum(ops.softplus(a)))(far)), [1, 1, 0], 1e-12);
    requireClose(
      "gradient",
      valuesOf(grad((a: Tensor) => ops.logSumExp(a))(far)),
      [1 / (1 + Math.E), Math.E / (1 + Math.E), 0],
      1e-12,
    );
  });

  it("variance, standardize, layerNorm, batchNorm, norm", () => {
    const mean = (i: number): number => total(row(i)) / 4;
    const variance = (i: number): number => total(row(i).map((value) => (value - mean(i)) ** 2)) / 4;
    const normal = (i: number, j: number): number => (at(x, i, j) - mean(i)) / Math.sqrt(variance(i) + 1e-5);
    const [scale, shift] = [constant([4], 2), constant([4], 3)];
    same(ops.variance(x, 1), build([3], variance));
    same(ops.variance(x, 1, { keepAxes: true }), build([3, 1], variance));
    same(ops.standardize(x, 1), build([3, 4], normal));
    same(
      ops.layerNorm(x, scale, shift),
      build([3, 4], (i, j) => normal(i, j) * at(scale, j) + at(shift, j)),
    );
    const statistics = { mean: constant([4], 4), variance: mul(constant([4], 5), constant([4], 5)) };
    const given = (i: number, j: number): number =>
      (at(x, i, j) - at(statistics.mean, j)) / Math.sqrt(at(statistics.variance, j) + 0.1);
    same(
      ops.batchNorm(x, statistics, { scale, shift }, 0.1),
      build([3, 4], (i, j) => given(i, j) * at(scale, j) + at(shift, j)),
    );
    same(
      ops.norm(x, 1),
      build([3], (i) => Math.hypot(...row(i))),
    );
    same(
      ops.norm(x, 1, { keepAxes: true, epsilon: 0.5 }),
      build([3, 1], (i) => Math.sqrt(Math.hypot(...row(i)) ** 2 + 0.5)),
    );
  });

  it("batchNormOfBatch, over a convolution of few inputs too: the same values, and the same gradients", () => {
    const [scale, shift, bias] = [constant([20], 2), constant([20], 3), constant([20], 4)];
    const given = [constant([3, 5, 4, 2], 5), constant([3, 3, 2, 20], 6), bias, scale, shift];
    const weights = constant([3, 3, 2, 20], 7);
    const convolved = ([images, filters, b]: readonly Tensor[], biased: boolean): Tensor => {
      const y = ops.conv2d(images!, filters!, { stride: 2, padding: 1 });
      return biased ? add(y, b!) : y;
    };
    for (const biased of [true, false]) {
      // A product with 1 hides the convolution, so that the statistics are taken of its result.
      const plain = (at: readonly Tensor[]) =>
        ops.batchNormOfBatch(mul(convolved(at, biased), tensor(1, [], "float64")), { scale: at[3]!, shift: at[4]! });
      const folded = (at: readonly Tensor[]) =>
        ops.batchNormOfBatch(convolved(at, biased), { scale: at[3]!, shift: at[4]! });
      expect(folded(given).output.inputs[0]!.inputs[0]!.primitive).toBe(convolutionPrimitive);
      expect(plain(given).output.inputs[0]!.primitive).toBe(mulPrimitive);
      same(folded(given).output, plain(given).output);
      same(folded(given).mean, plain(given).mean);
      same(folded(given).variance, plain(given).variance);
      const loss = (normalized: typeof plain) => (at: readonly Tensor[]) => sum(mul(normalized(at).output, weights));
      const expected = grad(loss(plain))(given);
      grad(loss(folded))(given).forEach((found, i) => {
        requireClose(`gradient ${i}`, valuesOf(found), valuesOf(expected[i]!), 1e-11, 1);
      });
    }
  });

  it("maxPool2d after what keeps the order of pixels is that after the pooling", () => {
    const [images, row] = [constant([2, 4, 4, 3], 1), constant([3], 2)];
    const pooled = ops.maxPool2d(relu(add(images, row)), 2);
    expect(pooled.primitive).toBe(reluPrimitive);
    expect(pooled.inputs[0]!.primitive).toBe(addPrimitive);
    same(pooled, relu(add(ops.maxPool2d(images, 2), row)));
    const brute = build([2, 2, 2, 3], (n, i, j, c) =>
      Math.max(
        ...[0, 1].flatMap((a) => [0, 1].map((b) => Math.max(0, at(images, n, 2 * i + a, 2 * j + b, c) + at(row, c)))),
      ),
    );
    same(pooled, brute);
  });

  it("activations", () => {
    const elementwise = (f: (v: number) => number): Tensor => build([3, 4], (i, j) => f(at(x, i, j)));
    same(
      ops.softplus(x),
      elementwise((v) => Math.log1p(Math.exp(v))),
    );
    same(
      ops.leakyRelu(x, 0.2),
      elementwise((v) => (v > 0 ? v : 0.2 * v)),
    );
    same(
      ops.elu(x),
      elementwise((v) => (v > 0 ? v : Math.expm1(v))),
    );
    same(
      ops.silu(x),
      elementwise((v) => v / (1 + Math.exp(-v))),
    );
    same(
      ops.clip(x, -1, 0.5),
      elementwise((v) => Math.min(0.5, Math.max(-1, v))),
    );
    // Values of x Phi(x) from tables of the normal distribution.
    requireClose(
      "gelu",
      valuesOf(ops.gelu(tensor([-1, 0, 1, 2], undefined, "float64"))),
      [-0.15865525393, 0, 0.84134474607, 1.95449973611],
      1e-10,
    );
  });

  it("have the right slope at 0, where they are put together of pieces", () => {
    const slopeAt0 = (f: (x: Tensor) => Tensor): number =>
      valuesOf(grad((a: Tensor) => f(a))(tensor(0, [], "float64")))[0]!;
    expect(slopeAt0(ops.softplus)).toBeCloseTo(0.5, 12);
    expect(slopeAt0(ops.elu)).toBe(1);
    expect(slopeAt0(ops.gelu)).toBeCloseTo(0.5, 12);
    expect(slopeAt0(ops.silu)).toBeCloseTo(0.5, 12);
    const bend = grad((b: Tensor) => grad((a: Tensor) => ops.softplus(a))(b))(tensor(0, [], "float64"));
    expect(valuesOf(bend)[0]).toBeCloseTo(0.25, 12);
  });

  it("oneHot, range, stack, moveAxis, reduceMin", () => {
    same(
      oneHot(tensor([2, 0, 5], [3], "int32"), 3),
      tensor([
        [0, 0, 1],
        [1, 0, 0],
        [0, 0, 0],
      ]),
    );
    expect(oneHot(tensor([[1]], undefined, "int32"), 2).shape).toEqual([1, 1, 2]);
    expect([...valuesOf(range(4))]).toEqual([0, 1, 2, 3]);
    same(
      stack([tensor([1, 2]), tensor([3, 4])], 1),
      tensor([
        [1, 3],
        [2, 4],
      ]),
    );
    expect(moveAxis(input([2, 3, 4]), 0, 2).shape).toEqual([3, 4, 2]);
    expect(moveAxis(input([2, 3, 4]), -1, 0).shape).toEqual([4, 2, 3]);
    same(
      reduceMin(x, 1),
      build([3], (i) => Math.min(...row(i))),
    );
    same(
      sliceAxis(x, -1, 1, 3),
      build([3, 2], (i, j) => at(x, i, j + 1)),
    );
  });
});

interface Convolution {
  readonly stride?: readonly [number, number];
  readonly padding?: ops.Padding;
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
}

/** Convolution by its definition, with the padding [top, bottom, left, right] written out. */
function directConvolution(
  image: Tensor,
  filters: Tensor,
  padding: readonly number[],
  places: readonly [number, number],
  options: Convolution,
): Tensor {
  const [images, height, width] = image.shape as [number, number, number];
  const [down, across, channels, out] = filters.shape as [number, number, number, number];
  const { stride = [1, 1], dilation = [1, 1], groups = 1 } = options;
  return build([images, ...places, out], (n, row, column, o) => {
    const group = Math.floor(o / (out / groups));
    let value = 0;
    for (let a = 0; a < down; a++) {
      for (let b = 0; b < across; b++) {
        const y = row * stride[0] + a * dilation[0] - padding[0]!;
        const z = column * stride[1] + b * dilation[1] - padding[2]!;
        if (y < 0 || y >= height || z < 0 || z >= width) continue;
        for (let c = 0; c < channels; c++) value += at(image, n, y, z, group * channels + c) * at(filters, a, b, c, o);
      }
    }
    return value;
  });
}

describe("conv2d agrees with its definition", () => {
  const cases: readonly (readonly [
    Convolution,
    size: readonly [number, number],
    padding: readonly number[],
    places: readonly [number, number],
  ])[] = [
    [{}, [4, 5], [0, 0, 0, 0], [2, 3]],
    [{ padding: "same" }, [4, 5], [1, 1, 1, 1], [4, 5]],
    [{ padding: "same", stride: [2, 2] }, [4, 5], [0, 1, 1, 1], [2, 3]],
    [{ padding: 2, stride: [2, 3] }, [4, 5], [2, 2, 2, 2], [3, 3]],
    [{ padding: [0, 2, 1, 0] }, [4, 5], [0, 2, 1, 0], [4, 4]],
    [{ padding: "same", dilation: [2, 1] }, [4, 5], [2, 2, 1, 1], [4, 5]],
    [{ groups: 2 }, [4, 3], [0, 0, 0, 0], [2, 1]],
    [{ groups: 2, padding: "same", stride: [2, 2] }, [5, 4], [1, 1, 0, 1], [3, 2]],
  ];
  it.each(cases)("%j of %j", (options, size, padding, places) => {
    const { groups = 1 } = options;
    const image = constant([2, ...size, 2 * groups]);
    const filters = constant([3, 3, 2, 2 * groups], 2);
    same(ops.conv2d(image, filters, options), directConvolution(image, filters, padding, places, options));
  });

  it("in one dimension", () => {
    const [sequence, filters] = [constant([2, 7, 3]), constant([3, 3, 2], 2)];
    const direct = (padding: number, length: number, stride: number, dilation: number): Tensor =>
      build([2, length, 2], (n, place, o) => {
        let value = 0;
        for (let a = 0; a < 3; a++) {
          const t = place * stride + a * dilation - padding;
          if (t >= 0 && t < 7) for (let c = 0; c < 3; c++) value += at(sequence, n, t, c) * at(filters, a, c, o);
        }
        return value;
      });
    same(ops.conv1d(sequence, filters), direct(0, 5, 1, 1));
    same(ops.conv1d(sequence, filters, { padding: "same" }), direct(1, 7, 1, 1));
    same(ops.conv1d(sequence, filters, { padding: 2, stride: 2 }), direct(2, 5, 2, 1));
    // Causal, as temporal convolutions of memory models are.
    same(ops.conv1d(sequence, filters, { padding: [4, 0], dilation: 2 }), direct(4, 7, 1, 2));
    expect(ops.conv1d(constant([1, 7, 4]), constant([3, 2, 6]), { groups: 2 }).shape).toEqual([1, 5, 6]);
  });
});

describe("pooling agrees with its definition", () => {
  const image = constant([2, 5, 4, 3]);
  const windowValues = (
    n: number,
    row: number,
    column: number,
    c: number,
    window: readonly [number, number],
    stride: readonly [number, number],
    padding: number,
  ): number[] => {
    const found: number[] = [];
    for (let a = 0; a < window[0]; a++) {
      for (let b = 0; b < window[1]; b++) {
        const [y, z] = [row * stride[0] + a - padding, column * stride[1] + b - padding];
        if (y >= 0 && y < 5 && z >= 0 && z < 4) found.push(at(image, n, y, z, c));
      }
    }
    return found;
  };
  const cases: readonly (readonly [
    window: readonly [number, number],
    stride: readonly [number, number],
    padding: number,
    places: readonly [number, number],
  ])[] = [
    [[2, 2], [2, 2], 0, [2, 2]],
    [[5, 4], [5, 4], 0, [1, 1]],
    [[1, 1], [1, 1], 0, [5, 4]],
    [[3, 2], [3, 2], 0, [1, 2]],
    [[2, 2], [1, 1], 0, [4, 3]],
    [[3, 3], [2, 2], 1, [3, 2]],
    [[2, 2], [2, 2], 1, [3, 3]],
    [[1, 2], [3, 1], 0, [2, 3]],
  ];
  it.each(cases)("window %j, stride %j, padding %i", (window, stride, padding, places) => {
    const options = { stride, padding };
    const largest = build([2, ...places, 3], (n, row, column, c) =>
      Math.max(...windowValues(n, row, column, c, window, stride, padding)),
    );
    const average = build(
      [2, ...places, 3],
      (n, row, column, c) => total(windowValues(n, row, column, c, window, stride, padding)) / (window[0] * window[1]),
    );
    same(ops.maxPool2d(image, window, options), largest);
    same(ops.averagePool2d(image, window, options), average);
  });

  it("over all pixels", () => {
    const average = build([2, 3], (n, c) => total(windowValues(n, 0, 0, c, [5, 4], [1, 1], 0)) / 20);
    same(ops.globalAveragePool2d(image), average);
  });

  it("hands on the whole gradient where elements tie, tiled or overlapping", () => {
    const level = tensor(new Float64Array(16).fill(1), [1, 4, 4, 1]);
    for (const options of [{}, { stride: 1 }, { padding: 1 }]) {
      const pooled = (a: Tensor): Tensor => sum(ops.maxPool2d(a, 2, options));
      expect(total([...valuesOf(grad(pooled)(level))])).toBeCloseTo(
        valuesOf(sum(ops.maxPool2d(level, 2, options)))[0]!,
        12,
      );
    }
  });
});

const composites: readonly Example[] = [
  { name: "logSumExp", inputs: [floats([2, 3])], apply: (a) => ops.logSumExp(a, 1) },
  { name: "logSoftmax", inputs: [floats([2, 3])], apply: (a) => ops.logSoftmax(a) },
  { name: "softmax", inputs: [floats([2, 3])], apply: (a) => ops.softmax(a, 0) },
  { name: "variance", inputs: [floats([2, 3])], apply: (a) => ops.variance(a, 0) },
  { name: "standardize", inputs: [floats([4, 3])], apply: (a) => ops.standardize(a, 0) },
  {
    name: "layerNorm",
    inputs: [floats([2, 3]), floats([3]), floats([3])],
    apply: (a, scale, shift) => ops.layerNorm(a, scale, shift),
  },
  { name: "softplus", inputs: [floats([5])], apply: ops.softplus },
  { name: "leakyRelu", inputs: [floats([5])], apply: (a) => ops.leakyRelu(a) },
  { name: "elu", inputs: [floats([5])], apply: ops.elu },
  { name: "gelu", inputs: [floats([5])], apply: ops.gelu },
  { name: "silu", inputs: [floats([5])], apply: ops.silu },
  { name: "clip", inputs: [floats([6])], apply: (a) => ops.clip(a, -1, 1) },
  { name: "norm", inputs: [floats([2, 3])], apply: (a) => ops.norm(a, 1) },
  {
    name: "conv2d",
    inputs: [floats([1, 4, 3, 2]), floats([3, 2, 2, 2])],
    apply: (a, w) => ops.conv2d(a, w, { stride: 2, padding: "same" }),
  },
  {
    name: "grouped conv2d",
    inputs: [floats([2, 3, 3, 4]), floats([2, 2, 2, 4])],
    apply: (a, w) => ops.conv2d(a, w, { groups: 2 }),
  },
  {
    name: "conv1d",
    inputs: [floats([2, 5, 2]), floats([3, 2, 2])],
    apply: (a, w) => ops.conv1d(a, w, { padding: [2, 0] }),
  },
  { name: "maxPool2d", inputs: [floats([1, 4, 5, 2])], apply: (a) => ops.maxPool2d(a, 2) },
  {
    name: "overlapping maxPool2d",
    inputs: [floats([1, 4, 5, 1])],
    apply: (a) => ops.maxPool2d(a, 3, { stride: 2, padding: 1 }),
  },
  { name: "averagePool2d", inputs: [floats([1, 5, 4, 2])], apply: (a) => ops.averagePool2d(a, 2) },
  {
    name: "overlapping averagePool2d",
    inputs: [floats([1, 4, 4, 1])],
    apply: (a) => ops.averagePool2d(a, 3, { stride: 1, padding: 1 }),
  },
];

describe("the laws hold of compositions", () => {
  it.each(composites.map((one) => [one.name, one] as const))("%s", (_name, example) => {
    exampleDerivativesHold(example);
    vmapHolds(example);
    exampleSimplifyHolds(example);
  });

  it.each([{}, { stride: 1 }])("max pooling %j has second derivatives", (options) => {
    const image = input([1, 4, 4, 1], "float64");
    const values = exampleValues({ name: "", inputs: [floats([1, 4, 4, 1])], apply: (a) => a });
    expect(values[0]!.length).toBe(image.size);
    derivativesHold(([a]) => [mul(ops.maxPool2d(a!, 2, options), ops.maxPool2d(a!, 2, options))], [image], values);
  });
});
