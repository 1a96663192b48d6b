import {
  add,
  formatShape,
  GraphError,
  grad,
  leaves,
  mapTree,
  mean,
  mul,
  paths,
  type Shape,
  sum,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { convNet, linearClassifier, mlp, omniglotMlp } from "../networks/models.js";
import { gradientError, namedValues, noise, noiseLike, noiseTensor, valuesIn } from "../numerical.fixture.js";
import { key } from "../random/random.js";
import { constantInit, glorotUniform, heNormal, normalInit, truncatedNormal } from "./initialization.js";
import type { Layer } from "./layer.js";
import {
  activations,
  averagePool,
  batchNorm,
  conv1d,
  conv2d,
  dropout,
  embedding,
  flatten,
  gelu,
  globalAveragePool,
  layerNorm,
  leakyRelu,
  linear,
  maxPool,
  relu,
  residual,
  sequential,
  sigmoid,
  silu,
  tanh,
} from "./layers.js";

interface LayerCase {
  readonly name: string;
  readonly layer: Layer;
  readonly x: Tensor;
  readonly output: Shape;
  /** Paths and shapes of its parameters. */
  readonly parameters: Readonly<Record<string, Shape>>;
  /** The values it should have, from those of its parameters and its input. */
  readonly formula?: (params: Readonly<Record<string, number[]>>, x: number[]) => number[];
}

const elementwise = (name: string, layer: Layer, f: (x: number) => number): LayerCase => ({
  name,
  layer,
  x: tensor([
    [-2, -0.5, 0],
    [0.25, 1, 3],
  ]),
  output: [2, 3],
  parameters: {},
  formula: (_, x) => x.map(f),
});

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** The standard normal distribution function by Simpson's rule. */
function normalDistribution(x: number): number {
  const n = 2000;
  const from = -12;
  const h = (x - from) / n;
  let total = 0;
  for (let i = 0; i <= n; i++) {
    const at = from + i * h;
    total += (i === 0 || i === n ? 1 : i % 2 ? 4 : 2) * Math.exp((-at * at) / 2);
  }
  return (total * h) / 3 / Math.sqrt(2 * Math.PI);
}

function normalized(x: number[], rows: number, channels: number, scale: number[], shift: number[]): number[] {
  const out = new Array<number>(x.length);
  for (let c = 0; c < channels; c++) {
    const column = Array.from({ length: rows }, (_, i) => x[i * channels + c]!);
    const mean = column.reduce((a, b) => a + b, 0) / rows;
    const variance = column.reduce((a, b) => a + (b - mean) ** 2, 0) / rows;
    for (let i = 0; i < rows; i++) {
      out[i * channels + c] = ((column[i]! - mean) / Math.sqrt(variance + 1e-5)) * scale[c]! + shift[c]!;
    }
  }
  return out;
}

const cases: readonly LayerCase[] = [
  {
    name: "linear",
    layer: linear({ inputs: 3, outputs: 2 }),
    x: noiseTensor([4, 3], 1),
    output: [4, 2],
    parameters: { weight: [3, 2], bias: [2] },
    formula: ({ weight, bias }, x) =>
      Array.from({ length: 8 }, (_, at) => {
        const [row, unit] = [at >> 1, at & 1];
        return bias![unit]! + [0, 1, 2].reduce((total, i) => total + x[row * 3 + i]! * weight![i * 2 + unit]!, 0);
      }),
  },
  {
    name: "linear without bias",
    layer: linear({ inputs: 1, outputs: 2, bias: false }),
    x: tensor([[2], [-1]]),
    output: [2, 2],
    parameters: { weight: [1, 2] },
    formula: ({ weight }) => [2 * weight![0]!, 2 * weight![1]!, -weight![0]!, -weight![1]!],
  },
  {
    name: "conv2d, 3 x 3, padding 1, stride 2",
    layer: conv2d({ channelsIn: 2, channelsOut: 3, stride: 2 }),
    x: noiseTensor([2, 5, 4, 2], 2),
    output: [2, 3, 2, 3],
    parameters: { weight: [3, 3, 2, 3], bias: [3] },
    formula: ({ weight, bias }, x) => {
      const out: number[] = [];
      for (let n = 0; n < 2; n++)
        for (let row = 0; row < 3; row++)
          for (let column = 0; column < 2; column++)
            for (let to = 0; to < 3; to++) {
              let total = bias![to]!;
              for (let i = 0; i < 3; i++)
                for (let j = 0; j < 3; j++)
                  for (let from = 0; from < 2; from++) {
                    const [h, w] = [2 * row + i - 1, 2 * column + j - 1];
                    if (h < 0 || h >= 5 || w < 0 || w >= 4) continue;
                    total += x[((n * 5 + h) * 4 + w) * 2 + from]! * weight![((i * 3 + j) * 2 + from) * 3 + to]!;
                  }
              out.push(total);
            }
      return out;
    },
  },
  {
    name: "conv2d in groups",
    layer: conv2d({ channelsIn: 4, channelsOut: 6, groups: 2, window: [1, 2], padding: "valid" }),
    x: noiseTensor([1, 2, 3, 4], 3),
    output: [1, 2, 2, 6],
    parameters: { weight: [1, 2, 2, 6], bias: [6] },
    formula: ({ weight, bias }, x) => {
      const out: number[] = [];
      for (let row = 0; row < 2; row++)
        for (let column = 0; column < 2; column++)
          for (let to = 0; to < 6; to++) {
            let total = bias![to]!;
            const group = Math.floor(to / 3);
            for (let j = 0; j < 2; j++)
              for (let from = 0; from < 2; from++)
                total += x[(row * 3 + column + j) * 4 + group * 2 + from]! * weight![(j * 2 + from) * 6 + to]!;
            out.push(total);
          }
      return out;
    },
  },
  {
    name: "conv1d",
    layer: conv1d({ channelsIn: 2, channelsOut: 2, window: 3, dilation: 2 }),
    x: noiseTensor([2, 6, 2], 4),
    output: [2, 6, 2],
    parameters: { weight: [3, 2, 2], bias: [2] },
    formula: ({ weight, bias }, x) =>
      Array.from({ length: 24 }, (_, flat) => {
        const [n, place, to] = [Math.floor(flat / 12), Math.floor(flat / 2) % 6, flat % 2];
        let total = bias![to]!;
        for (let i = 0; i < 3; i++) {
          const at = place + 2 * i - 2;
          if (at < 0 || at >= 6) continue;
          for (let from = 0; from < 2; from++) total += x[(n * 6 + at) * 2 + from]! * weight![(i * 2 + from) * 2 + to]!;
        }
        return total;
      }),
  },
  {
    name: "batchNorm of rows",
    layer: batchNorm({ channels: 3, mode: "transductive" }),
    x: noiseTensor([5, 3], 5),
    output: [5, 3],
    parameters: { scale: [3], shift: [3] },
    formula: ({ scale, shift }, x) => normalized(x, 5, 3, scale!, shift!),
  },
  {
    name: "batchNorm of images",
    layer: batchNorm({ channels: 2, mode: "support" }),
    x: noiseTensor([3, 2, 2, 2], 6),
    output: [3, 2, 2, 2],
    parameters: { scale: [2], shift: [2] },
    formula: ({ scale, shift }, x) => normalized(x, 12, 2, scale!, shift!),
  },
  {
    name: "batchNorm with running averages",
    layer: batchNorm({ channels: 2, mode: "running" }),
    x: noiseTensor([3, 2], 7),
    output: [3, 2],
    parameters: { scale: [2], shift: [2], runningMean: [2], runningVariance: [2] },
    formula: ({ scale, shift, runningMean, runningVariance }, x) =>
      x.map((value, i) => {
        const c = i % 2;
        return ((value - runningMean![c]!) / Math.sqrt(runningVariance![c]! + 1e-5)) * scale![c]! + shift![c]!;
      }),
  },
  {
    name: "layerNorm",
    layer: layerNorm({ channels: 4 }),
    x: noiseTensor([2, 4], 8),
    output: [2, 4],
    parameters: { scale: [4], shift: [4] },
    formula: ({ scale, shift }, x) =>
      [0, 1].flatMap((row) => {
        const values = x.slice(row * 4, row * 4 + 4);
        const mean = values.reduce((a, b) => a + b, 0) / 4;
        const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / 4;
        return values.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * scale![i]! + shift![i]!);
      }),
  },
  {
    name: "embedding",
    layer: embedding({ entries: 4, width: 2 }),
    x: tensor(Int32Array.of(3, 0, 3), [3]),
    output: [3, 2],
    parameters: { weight: [4, 2] },
    formula: ({ weight }, x) => x.flatMap((entry) => [weight![2 * entry]!, weight![2 * entry + 1]!]),
  },
  elementwise("relu", relu(), (x) => Math.max(x, 0)),
  elementwise("leakyRelu", leakyRelu(0.2), (x) => (x > 0 ? x : 0.2 * x)),
  elementwise("tanh", tanh(), Math.tanh),
  elementwise("sigmoid", sigmoid(), logistic),
  elementwise("gelu", gelu(), (x) => x * normalDistribution(x)),
  elementwise("silu", silu(), (x) => x * logistic(x)),
  {
    name: "maxPool",
    layer: maxPool(2),
    x: tensor([
      [
        [[1], [5], [9]],
        [[2], [3], [9]],
        [[8], [8], [8]],
      ],
    ]),
    output: [1, 1, 1, 1],
    parameters: {},
    formula: () => [5],
  },
  {
    name: "averagePool",
    layer: averagePool(2, { stride: 1 }),
    x: tensor([
      [
        [[1], [5], [9]],
        [[2], [4], [8]],
      ],
    ]),
    output: [1, 1, 2, 1],
    parameters: {},
    formula: () => [3, 6.5],
  },
  {
    name: "globalAveragePool",
    layer: globalAveragePool(),
    x: noiseTensor([2, 2, 3, 2], 9),
    output: [2, 2],
    parameters: {},
    formula: (_, x) =>
      [0, 1].flatMap((n) =>
        [0, 1].map((c) => [0, 1, 2, 3, 4, 5].reduce((total, pixel) => total + x[n * 12 + pixel * 2 + c]!, 0) / 6),
      ),
  },
  {
    name: "flatten",
    layer: flatten(),
    x: noiseTensor([2, 3, 2], 10),
    output: [2, 6],
    parameters: {},
    formula: (_, x) => x,
  },
  {
    name: "dropout without a key",
    layer: dropout({ rate: 0.5 }),
    x: noiseTensor([2, 3], 11),
    output: [2, 3],
    parameters: {},
    formula: (_, x) => x,
  },
  {
    name: "residual",
    layer: residual(linear({ inputs: 1, outputs: 1 })),
    x: tensor([[2], [3]]),
    output: [2, 1],
    parameters: { weight: [1, 1], bias: [1] },
    formula: ({ weight, bias }, x) => x.map((value) => value + value * weight![0]! + bias![0]!),
  },
  {
    name: "mlp, inputs of any shape flattened",
    layer: mlp({ sizes: [4, 3, 2], activation: "tanh" }),
    x: noiseTensor([3, 2, 2], 12),
    output: [3, 2],
    parameters: { "1/weight": [4, 3], "1/bias": [3], "3/weight": [3, 2], "3/bias": [2] },
    formula: (params, x) =>
      [0, 1, 2].flatMap((row) => {
        const hidden = [0, 1, 2].map((unit) =>
          Math.tanh(
            params["1/bias"]![unit]! +
              [0, 1, 2, 3].reduce((t, i) => t + x[row * 4 + i]! * params["1/weight"]![i * 3 + unit]!, 0),
          ),
        );
        return [0, 1].map(
          (unit) =>
            params["3/bias"]![unit]! + hidden.reduce((t, h, i) => t + h * params["3/weight"]![i * 2 + unit]!, 0),
        );
      }),
  },
  {
    name: "mlp with batch normalisation",
    layer: mlp({ sizes: [2, 3, 1], batchNorm: "transductive" }),
    x: noiseTensor([4, 2], 13),
    output: [4, 1],
    parameters: {
      "1/weight": [2, 3],
      "1/bias": [3],
      "2/scale": [3],
      "2/shift": [3],
      "4/weight": [3, 1],
      "4/bias": [1],
    },
  },
  {
    name: "convNet, strided",
    layer: convNet({ imageShape: [7, 7, 1], ways: 3, filters: 4, blocks: 2 }),
    x: noiseTensor([2, 7, 7], 14),
    output: [2, 3],
    parameters: {
      "1/0/weight": [3, 3, 1, 4],
      "1/0/bias": [4],
      "1/1/scale": [4],
      "1/1/shift": [4],
      "2/0/weight": [3, 3, 4, 4],
      "2/0/bias": [4],
      "2/1/scale": [4],
      "2/1/shift": [4],
      "4/weight": [4, 3],
      "4/bias": [3],
    },
  },
  {
    name: "convNet, pooled",
    layer: convNet({ imageShape: [8, 8, 3], ways: 2, filters: 3, blocks: 2, downsampling: "pool" }),
    x: noiseTensor([1, 8, 8, 3], 15),
    output: [1, 2],
    parameters: {
      "1/0/weight": [3, 3, 3, 3],
      "1/0/bias": [3],
      "1/1/scale": [3],
      "1/1/shift": [3],
      "2/0/weight": [3, 3, 3, 3],
      "2/0/bias": [3],
      "2/1/scale": [3],
      "2/1/shift": [3],
      "4/weight": [12, 2],
      "4/bias": [2],
    },
  },
  {
    name: "linearClassifier",
    layer: linearClassifier({ inputs: 4, ways: 3 }),
    x: noiseTensor([2, 2, 2], 16),
    output: [2, 3],
    parameters: { "1/weight": [4, 3], "1/bias": [3] },
  },
];

describe.each(cases)("$name", ({ layer, x, output, parameters, formula }) => {
  const params = layer.init(key(3));

  test("has the parameters it should, of values that follow from the key alone", () => {
    expect(Object.fromEntries(paths(params).map((path, i) => [path, leaves(params)[i]!.shape]))).toEqual(parameters);
    expect(namedValues(layer.init(key(3)))).toEqual(namedValues(params));
    for (const leaf of leaves(params)) expect(leaf.data).toBeDefined();
  });

  test("computes its formula", () => {
    // Biases, scales and shifts start at 0 and 1, which would hide that they are used; a variance stays positive.
    const others = noiseLike(params, 1, 20);
    const names = paths(params);
    let at = 0;
    const filled = mapTree((leaf) => (names[at++]!.endsWith("runningVariance") ? tensor([0.5, 2]) : leaf), others);
    const y = layer.apply(filled, x);
    expect(y.shape).toEqual(output);
    const got = valuesIn(y);
    for (const value of got) expect(value).not.toBeNaN();
    const expected = formula?.(namedValues(filled), valuesIn(x));
    if (expected) {
      const worst = got.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
      expect(got).toHaveLength(expected.length);
      // Slopes and epsilons are float32 constants in the layer and float64 ones here.
      expect(worst).toBeLessThan(2e-6);
    }
  });

  test("has the gradient that differences tell", () => {
    if (leaves(params).length === 0) return expect(parameters).toEqual({});
    const at = mapTree(
      (leaf) =>
        tensor(
          noise(leaf.size, leaf.size, 5).map((v) => 0.6 + 0.4 * v),
          leaf.shape,
        ),
      params,
    );
    const weights = noiseTensor(output, 77);
    const f = (p: Tree): Tensor => sum(mul(layer.apply(p, x), weights));
    expect(gradientError(f, at, grad(f)(at), { h: 1e-4 })).toBeLessThan(1e-6);
  });
});

describe("sequential", () => {
  const head = (layers: readonly Layer[]) => sequential(layers).head;

  test("its head is the last layer with parameters, however deep", () => {
    const last = linear({ inputs: 2, outputs: 2 });
    expect(head([last, relu(), last])).toBe("2");
    expect(head([last, relu()])).toBe("0");
    expect(head([last, sequential([relu(), last])])).toBe("1/1");
    expect(head([last, residual(sequential([last, relu()]))])).toBe("1/0");
    expect(head([last, sequential([relu(), flatten()])])).toBe("0");
    expect(mlp({ sizes: [1, 4, 4, 1] }).head).toBe("5");
    expect(convNet({ imageShape: [4, 4, 1], ways: 2, filters: 2, blocks: 2 }).head).toBe("4");
  });

  test("refuses batch normalisations that differ: it could say but one", () => {
    const of = (mode: "transductive" | "support", steps?: number) =>
      mlp({ sizes: [2, 2, 2], batchNorm: mode, ...(steps ? { batchNormSteps: steps } : {}) });
    expect(() => sequential([of("support"), of("transductive")])).toThrow(
      /^IL102 sequential: batch normalisations that differ: support and transductive/,
    );
    expect(() => sequential([of("support", 2), relu(), of("support")])).toThrow(/: support, 2 steps and support/);
    expect(sequential([of("support", 2), relu(), of("support", 2)]).batchNormSteps).toBe(2);
  });

  test("says where its batch normalisation takes statistics from", () => {
    expect(mlp({ sizes: [1, 2, 1] }).batchNorm).toBeUndefined();
    expect(mlp({ sizes: [1, 2, 1], batchNorm: "support" }).batchNorm).toBe("support");
    expect(omniglotMlp({ inputs: 4, ways: 2 }).batchNorm).toBe("transductive");
  });

  test("a layer added after another does not change that one's first values", () => {
    const layer = linear({ inputs: 3, outputs: 3 });
    const short = namedValues(sequential([layer, layer]).init(key(1)));
    const long = namedValues(sequential([layer, layer, layer]).init(key(1)));
    expect(long).toMatchObject(short);
    expect(short["0/weight"]).not.toEqual(short["1/weight"]);
  });
});

describe("initialization", () => {
  const fan = { in: 50, out: 150 };
  const draw = (initializer: typeof heNormal) => valuesIn(initializer([100, 100], fan, key(5)));
  const deviation = (values: number[]) => Math.sqrt(values.reduce((total, v) => total + v * v, 0) / values.length);

  test.each([
    ["heNormal", heNormal, Math.sqrt(2 / 50), 10],
    ["glorotUniform", glorotUniform, Math.sqrt(6 / 200 / 3), Math.sqrt(6 / 200)],
    ["normalInit", normalInit(0.3), 0.3, 10],
    ["truncatedNormal", truncatedNormal(0.01), 0.01 * 0.8796, 0.02],
  ] as const)("%s has its deviation, mean 0 and its bounds", (_, initializer, expected, bound) => {
    const values = draw(initializer);
    // 10,000 values: the deviation is known to 0.7%, the mean to 1% of a deviation (one standard error).
    expect(Math.abs(deviation(values) / expected - 1)).toBeLessThan(0.04);
    expect(Math.abs(values.reduce((a, b) => a + b, 0) / 1e4)).toBeLessThan(0.05 * expected);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound * 1.000001);
  });

  test("constantInit is constant", () =>
    expect(new Set(valuesIn(constantInit(3)([4], fan, key(1))))).toEqual(new Set([3])));
});

describe("batchNorm", () => {
  const x = noiseTensor([6, 2], 30);
  const other = add(noiseTensor([6, 2], 31), 3);
  const params = batchNorm({ channels: 2, mode: "running" }).init(key(0));

  test("running: batch statistics in training, running ones in prediction", () => {
    const layer = batchNorm({ channels: 2, mode: "running" });
    const alike = batchNorm({ channels: 2, mode: "transductive" });
    expect(valuesIn(layer.apply(params, other, { phase: "train" }))).toEqual(valuesIn(alike.apply(params, other)));
    const running = { ...params, runningMean: tensor([3, 3]) };
    const wide = Math.fround(Math.sqrt(1 + 1e-5));
    valuesIn(layer.apply(running, other)).forEach((value, i) => {
      expect(value).toBeCloseTo((valuesIn(other)[i]! - 3) / wide, 5);
    });
  });

  test("support: uses the statistics it is given under its own path, and records those it computes", () => {
    const layer = batchNorm({ channels: 2, mode: "support" });
    const found: Record<string, number[]> = {};
    layer.apply(params, x, {
      path: "4",
      record: (path, statistics) => {
        found[`${path} mean`] = valuesIn(statistics.mean);
        found[`${path} variance`] = valuesIn(statistics.variance);
      },
    });
    const columns = [0, 1].map((c) => valuesIn(x).filter((_, i) => i % 2 === c));
    const means = columns.map((column) => column.reduce((a, b) => a + b, 0) / 6);
    const variances = columns.map((column, c) => column.reduce((a, b) => a + (b - means[c]!) ** 2, 0) / 6);
    found["4 mean"]!.forEach((value, c) => {
      expect(value).toBeCloseTo(means[c]!, 6);
      expect(found["4 variance"]![c]).toBeCloseTo(variances[c]!, 6);
    });
    const given = { "4": { mean: tensor([0, 0]), variance: tensor([1, 1]) } };
    const y = valuesIn(layer.apply(params, x, { path: "4", given }));
    y.forEach((value, i) => {
      expect(value).toBeCloseTo(valuesIn(x)[i]!, 4);
    });
    expect(valuesIn(layer.apply(params, x, { path: "5", given }))).toEqual(valuesIn(layer.apply(params, x)));
  });
});

describe("errors", () => {
  const codeOf = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      if (error instanceof GraphError) return `${error.code} ${error.message}`;
      throw error;
    }
    return "nothing was thrown";
  };

  test.each<[string, () => unknown, RegExp]>([
    ["dropout of all", () => dropout({ rate: 1 }), /^IL102 .*rate 1/],
    ["dropout of less than nothing", () => dropout({ rate: -0.1 }), /^IL102/],
    ["dropout of NaN", () => dropout({ rate: Number.NaN }), /^IL102/],
    ["an mlp of one size", () => mlp({ sizes: [3] }), /^IL102 .*sizes/],
    ["an mlp of a size that is no number of units", () => mlp({ sizes: [3, 0.5, 1] }), /^IL102 .*0\.5/],
    [
      "residual that changes the shape",
      () => {
        const layer = residual(linear({ inputs: 2, outputs: 3 }));
        layer.apply(layer.init(key(0)), noiseTensor([4, 2], 1));
      },
      /^IL202 .*\[4, 2\] into \[4, 3\]/,
    ],
    [
      "linear of the wrong width",
      () => {
        const layer = linear({ inputs: 2, outputs: 3 });
        layer.apply(layer.init(key(0)), noiseTensor([4, 5], 1));
      },
      /^IL203 .*5.*2/,
    ],
    [
      "conv2d of other channels",
      () => {
        const layer = conv2d({ channelsIn: 3, channelsOut: 2 });
        layer.apply(layer.init(key(0)), noiseTensor([1, 4, 4, 1], 1));
      },
      /^IL202/,
    ],
    ["an image too small for its window", () => maxPool(3).apply({}, noiseTensor([1, 2, 2, 1], 1)), /^IL204/],
  ])("%s", (_, run, expected) => expect(codeOf(run)).toMatch(expected));
});

test("activations by name are the layers' functions", () => {
  const x = tensor([-1.5, 0.5]);
  const layers = { relu, tanh, sigmoid, gelu, silu };
  for (const [name, f] of Object.entries(activations)) {
    expect(valuesIn(f(x)), name).toEqual(valuesIn(layers[name as keyof typeof layers]().apply({}, x)));
  }
  expect(formatShape(mean(x).shape)).toBe("[]");
});
