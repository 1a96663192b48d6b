import { grad, leaves, mapTree, mul, type Shape, sum, type Tensor, type Tree, tensor, vmap } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { bagNetwork, projection, textConvolutionNetwork, textTransformerNetwork } from "../networks/text-models.js";
import { gradientError, namedValues, noise, noiseTensor, valuesIn } from "../numerical.fixture.js";
import { key, random } from "../random/random.js";
import { identityInit } from "./initialization.js";
import type { Layer } from "./layer.js";
import { linear, modulated, scaled, sequential, unitRows } from "./layers.js";
import { roleAt, traitsOf } from "./parameter-roles.js";
import { textConvolution, textTransformer } from "./text-encoders.js";
import {
  besideSketch,
  countSketch,
  embeddingBag,
  idDropout,
  idMask,
  idVectors,
  maskedMean,
  mostTableRows,
  unitLength,
} from "./text-layers.js";

const entries = 12;
const idf = Float32Array.from({ length: entries }, (_, i) => 1 + i / 4);
const ids = (...texts: readonly (readonly number[])[]): Tensor =>
  tensor(Int32Array.from(texts.flat()), [texts.length, texts[0]!.length]);
/** Three texts of up to five ids, one of them without any. */
const texts = ids([3, 7, 1, 0, 0], [11, 2, 7, 7, 4], [0, 0, 0, 0, 0]);

interface TextCase {
  readonly name: string;
  readonly layer: Layer;
  readonly output: Shape;
  /** Roles of its parameters by path; all others are trained. */
  readonly shared: readonly string[];
}

const weights = "weights/logWeights";
const cases: readonly TextCase[] = [
  { name: "idVectors", layer: idVectors({ entries, width: 3 }), output: [3, 5, 3], shared: ["vectors"] },
  {
    name: "embeddingBag",
    layer: embeddingBag({ entries, width: 3, weights: idf }),
    output: [3, 3],
    shared: [weights, "table/vectors"],
  },
  { name: "countSketch, exact", layer: countSketch({ entries, width: 12 }), output: [3, 12], shared: ["logWeights"] },
  {
    name: "countSketch, hashed",
    layer: countSketch({ entries, width: 5, weights: idf }),
    output: [3, 5],
    shared: ["logWeights"],
  },
  {
    name: "besideSketch",
    layer: besideSketch(countSketch({ entries, width: 5 }), embeddingBag({ entries, width: 3 })),
    output: [3, 8],
    shared: ["sketch/logWeights", `layer/${weights}`, "layer/table/vectors"],
  },
  {
    name: "textConvolution",
    layer: textConvolution({ entries, width: 3, filters: 2 }),
    output: [3, 6],
    shared: ["table/vectors"],
  },
  {
    name: "textTransformer",
    layer: textTransformer({ entries, length: 6, width: 4, heads: 2, layers: 2 }),
    output: [3, 4],
    shared: ["table/vectors", "places"],
  },
  {
    name: "bagNetwork",
    layer: bagNetwork({ entries, sketch: 5, width: 3, weights: idf, idDropout: 0.5, scale: 3 }),
    output: [3, 8],
    shared: ["1/sketch/logWeights", `1/layer/0/${weights}`, "1/layer/0/table/vectors"],
  },
  {
    name: "bagNetwork, sketch alone",
    layer: bagNetwork({ entries, sketch: 5, width: 0 }),
    output: [3, 5],
    shared: ["1/logWeights"],
  },
  {
    name: "textConvolutionNetwork beside a sketch",
    layer: textConvolutionNetwork({ entries, sketch: 5, width: 3, filters: 2 }),
    output: [3, 11],
    shared: ["1/sketch/logWeights", "1/layer/table/vectors"],
  },
  {
    name: "textTransformerNetwork",
    layer: textTransformerNetwork({ entries, length: 6, width: 4, heads: 2, layers: 1 }),
    output: [3, 4],
    shared: ["1/table/vectors", "1/places"],
  },
];

/** Other parameters than the first ones, none of them 0. */
const moved = (params: Tree): Tree => {
  let i = 0;
  return mapTree(
    (leaf) =>
      tensor(
        noise(leaf.size, i++, 5).map((v) => 0.6 + 0.4 * v),
        leaf.shape,
      ),
    params,
  );
};

const closeTo = (found: readonly number[], expected: readonly number[], digits = 6): void => {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, digits);
  });
};

describe.each(cases)("$name", ({ layer, output, shared }) => {
  const params = moved(layer.init(key(3)));
  const given = noiseTensor(output, 77);
  const f = (x: Tensor) => (p: Tree) => sum(mul(layer.apply(p, x), given));

  test("has the shape it says, and values that follow from the key alone", () => {
    expect(layer.apply(params, texts).shape).toEqual(output);
    if (output.length === 2) expect(layer.outputShape).toEqual(output.slice(1));
    expect(namedValues(layer.init(key(3)))).toEqual(namedValues(layer.init(key(3))));
  });

  test("has the gradient that differences tell", () => {
    expect(gradientError(f(texts), params, grad(f(texts))(params), { h: 1e-4 })).toBeLessThan(1e-6);
  });

  test("of many sets at once is what it is of each", () => {
    const sets = [texts, ids([1, 2, 3, 4, 5], [6, 0, 0, 0, 0], [9, 9, 8, 0, 0])];
    const together = tensor(Int32Array.from(sets.flatMap(valuesIn)), [2, 3, 5]);
    const gradients = vmap((x: Tensor) => grad(f(x))(params))(together);
    const outputs = valuesIn(vmap((x: Tensor) => layer.apply(params, x))(together));
    closeTo(
      outputs,
      sets.flatMap((x) => valuesIn(layer.apply(params, x))),
    );
    leaves(gradients).forEach((leaf, i) => {
      closeTo(
        valuesIn(leaf),
        sets.flatMap((x) => valuesIn(leaves(grad(f(x))(params))[i]!)),
      );
    });
  });

  test("padding changes nothing, and a text without ids is finite, slopes too", () => {
    const longer = ids([3, 7, 1, 0, 0, 0], [11, 2, 7, 7, 4, 0], [0, 0, 0, 0, 0, 0]);
    const apart = valuesIn(layer.apply(params, texts));
    if (output.length === 2) closeTo(valuesIn(layer.apply(params, longer)), apart);
    expect(apart.slice(-output.slice(1).reduce((a, b) => a * b)).every((value) => value === 0)).toBe(true);
    const slopes = Object.values(namedValues(grad(f(texts))(params))).flat();
    expect(slopes.every(Number.isFinite)).toBe(true);
    expect(Math.max(...slopes.map(Math.abs))).toBeGreaterThan(1e-3);
  });

  test("inner loops leave its tables alone, and nothing else", () => {
    const traits = traitsOf(layer);
    const found = Object.keys(namedValues(params)).filter((path) => roleAt(traits, path) === "shared");
    expect(found.sort()).toEqual([...shared].sort());
  });

  test("refuses what is no rows of ids", () => {
    expect(() => layer.apply(params, noiseTensor([3, 5], 1))).toThrow(/^IL202 \w+: inputs are float32 \[3, 5\]/);
  });
});

describe("formulas", () => {
  test("maskedMean is over the places of the mask, zeros where it has none", () => {
    const x = noiseTensor([3, 5, 2], 1);
    const at = (text: number, place: number, d: number) => valuesIn(x)[(text * 5 + place) * 2 + d]!;
    const mean = (text: number, length: number, d: number) =>
      Array.from({ length }, (_, place) => at(text, place, d)).reduce((a, b) => a + b, 0) / Math.max(length, 1);
    const expected = [
      [0, 3],
      [1, 5],
      [2, 0],
    ].flatMap(([text, length]) => [mean(text!, length!, 0), mean(text!, length!, 1)]);
    closeTo(valuesIn(maskedMean(x, idMask(texts))), expected);
  });

  test("embeddingBag is the weighted mean of vectors, by the weights it was given at first", () => {
    const layer = embeddingBag({ entries, width: 3, weights: idf });
    const params = layer.init(key(1));
    const vectors = valuesIn(params.table.vectors);
    const [found] = [valuesIn(layer.apply(params, ids([3, 7, 1, 0, 0])))];
    const total = idf[3]! + idf[7]! + idf[1]!;
    const expected = [0, 1, 2].map(
      (d) => [3, 7, 1].reduce((sum, id) => sum + idf[id]! * vectors[id * 3 + d]!, 0) / total,
    );
    closeTo(found!, expected);
  });

  test("vectors start with variance 1 / width", () => {
    const values = valuesIn(idVectors({ entries: 500, width: 16 }).init(key(2)).vectors);
    const variance = values.reduce((total, value) => total + value * value, 0) / values.length;
    // A deviation of the variance of 8,000 normals of sqrt(2 / 8000) of itself.
    expect(Math.abs(variance * 16 - 1)).toBeLessThan(5 * Math.sqrt(2 / 8000));
  });

  test("an exact sketch is the weighted counts of ids, of unit length", () => {
    const layer = countSketch({ entries, width: entries, weights: idf });
    const counts = new Array<number>(entries).fill(0);
    for (const id of [11, 2, 7, 7, 4]) counts[id]! += idf[id]!;
    const length = Math.hypot(...counts);
    closeTo(
      valuesIn(layer.apply(layer.init(key(1)), ids([11, 2, 7, 7, 4]))),
      counts.map((count) => count / length),
    );
  });

  test("a hashed sketch keeps cosines, without bias and within a deviation of 1 / sqrt(width)", () => {
    const many = { entries: 60_000 };
    const source = random(5);
    // 100 pairs of texts of 40 ids, of which 10 are the same: cosines of 1/4 at equal weights.
    const pairs = Array.from({ length: 100 }, () => {
      const drawn = new Set<number>();
      while (drawn.size < 70) drawn.add(1 + source.integer(many.entries - 1));
      const all = [...drawn];
      return [all.slice(0, 40), all.slice(30)] as const;
    });
    const stacked = ids(...pairs.flat());
    for (const width of [256, 4096]) {
      const layer = countSketch({ ...many, width });
      const rows = valuesIn(layer.apply(layer.init(key(1)), stacked));
      const errors = pairs.map((_, i) => {
        let dot = 0;
        for (let k = 0; k < width; k++) dot += rows[2 * i * width + k]! * rows[(2 * i + 1) * width + k]!;
        return dot - 0.25;
      });
      const mean = errors.reduce((a, b) => a + b, 0) / errors.length;
      const deviation = Math.sqrt(errors.reduce((a, b) => a + b * b, 0) / errors.length);
      expect(Math.abs(mean), `${width}`).toBeLessThan(4 / Math.sqrt(width * errors.length));
      expect(deviation, `${width}`).toBeLessThan(1.3 / Math.sqrt(width));
      // Collisions are there: it is a sketch.
      expect(deviation, `${width}`).toBeGreaterThan(0.2 / Math.sqrt(width));
    }
  });

  test("beside a sketch, a cosine is that of both by their shares", () => {
    const sketch = countSketch({ entries, width: entries });
    const bag = embeddingBag({ entries, width: 3 });
    const layer = besideSketch(sketch, bag, { share: 0.5 });
    const params = layer.init(key(1));
    const pair = ids([3, 7, 1], [7, 1, 9]);
    const cosine = (x: Tensor): number => {
      const rows = valuesIn(unitRows(x));
      const width = rows.length / 2;
      return Array.from({ length: width }, (_, k) => rows[k]! * rows[width + k]!).reduce((a, b) => a + b);
    };
    const [c, other] = [sketch.apply(params.sketch as never, pair), bag.apply(params.layer as never, pair)].map(cosine);
    expect(cosine(layer.apply(params, pair))).toBeCloseTo((c! + 0.25 * other!) / 1.25, 6);
  });

  test("a table has 32,768 rows at most: ids beyond share them, and are still no padding", () => {
    const layer = idVectors({ entries: mostTableRows + 5, width: 2 });
    const params = layer.init(key(1));
    expect(params.vectors.shape).toEqual([mostTableRows, 2]);
    const [a, b, c] = [[3], [mostTableRows + 3], [mostTableRows]].map((id) => valuesIn(layer.apply(params, ids(id))));
    expect(b).toEqual(a);
    expect(c).toEqual(valuesIn(params.vectors).slice(0, 2));
    expect(Math.max(...c!.map(Math.abs))).toBeGreaterThan(0);
  });

  test("textConvolution is the largest of relu over windows, which texts may be shorter than", () => {
    const layer = textConvolution({ entries, width: 2, filters: 1, windows: [3] });
    const params = moved(layer.init(key(1)));
    const {
      "table/vectors": vectors,
      "convolutions/3/weight": weight,
      "convolutions/3/bias": bias,
    } = namedValues(params);
    const of = (text: readonly number[]): number => {
      const place = (i: number, d: number) => (i >= 0 && i < text.length ? vectors![text[i]! * 2 + d]! : 0);
      return Math.max(
        ...text.map((_, i) =>
          Math.max(
            0,
            [-1, 0, 1].reduce(
              (total, tap) => total + [0, 1].reduce((t, d) => t + place(i + tap, d) * weight![(tap + 1) * 2 + d]!, 0),
              bias![0]!,
            ),
          ),
        ),
      );
    };
    closeTo(valuesIn(layer.apply(params, ids([3, 7, 1, 5], [2, 0, 0, 0]))), [of([3, 7, 1, 5]), of([2])]);
  });

  test("textTransformer tells orders apart, which bags do not, and refuses longer texts", () => {
    const orders = ids([3, 7, 1], [1, 7, 3]);
    const rows = (layer: Layer): number[][] => {
      const values = valuesIn(layer.apply(moved(layer.init(key(1))), orders));
      return [values.slice(0, values.length / 2), values.slice(values.length / 2)];
    };
    const [a, b] = rows(textTransformer({ entries, length: 3, width: 4, heads: 2 }));
    expect(Math.max(...a!.map((value, i) => Math.abs(value - b![i]!)))).toBeGreaterThan(1e-4);
    const [c, d] = rows(bagNetwork({ entries, sketch: 5, width: 3 }));
    closeTo(c!, d!);
    const short = textTransformer({ entries, length: 2, width: 4, heads: 2 });
    expect(() => short.apply(short.init(key(1)), orders)).toThrow(
      /^IL202 textTransformer: texts \[2, 3\] .*made for 2/,
    );
  });

  test("ids are left out in training alone, as often as the rate says, anew in each pass", () => {
    const layer = idDropout({ rate: 0.3 });
    const long = tensor(new Int32Array(4000).fill(9), [4, 1000]);
    expect(layer.apply({}, long)).toBe(long);
    const drop = (pass: string, seed = 1) => valuesIn(layer.apply({}, long, { key: tensor(seed, [], "int32"), pass }));
    const left = drop("support").filter((id) => id === 0).length / 4000;
    expect(Math.abs(left - 0.3)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / 4000));
    expect(new Set(drop("support"))).toEqual(new Set([0, 9]));
    expect(drop("query")).not.toEqual(drop("support"));
    expect(drop("support", 2)).not.toEqual(drop("support"));
  });
});

describe("projection", () => {
  const x = noiseTensor([4, 3], 2);

  test("starts as rows of one length, and without normalising as the identity", () => {
    const plain = projection({ features: 3, normalize: false });
    closeTo(valuesIn(plain.apply(plain.init(key(1)), x)), valuesIn(x));
    const layer = projection({ features: 3, scale: 2 });
    const found = valuesIn(layer.apply(layer.init(key(1)), x));
    closeTo(
      found,
      valuesIn(unitRows(x)).map((value) => 2 * value),
    );
    expect(layer.outputShape).toEqual([3]);
  });

  test("has the gradient that differences tell", () => {
    const layer = projection({ features: 3 });
    const params = moved(layer.init(key(3)));
    const f = (p: Tree) => sum(mul(layer.apply(p, x), noiseTensor([4, 3], 9)));
    expect(gradientError(f, params, grad(f)(params), { h: 1e-4 })).toBeLessThan(1e-6);
  });

  test("the identity is for square matrices", () => {
    expect(() => linear({ inputs: 2, outputs: 3, weightInit: identityInit }).init(key(1))).toThrow(
      /^IL102 identityInit/,
    );
    expect(valuesIn(linear({ inputs: 2, outputs: 2, weightInit: identityInit }).init(key(1)).weight)).toEqual([
      1, 0, 0, 1,
    ]);
  });
});

test("a modulation of features is applied where the network has its point", () => {
  const layer = sequential([scaled({ initial: 2 }), unitLength(), modulated({ channels: 2 })]);
  expect(layer.modulationPoints).toEqual([{ path: "2", channels: 2 }]);
  const modulation = { "2": { gamma: tensor([2, 3]), beta: tensor([0, 1]) } };
  closeTo(valuesIn(layer.apply(layer.init(key(1)), tensor([[3, 4]]), { modulation })), [1.2, 3.4]);
});

test("tables that are not to be trained are fixed", () => {
  const roles = (trains: "all" | "weights" | "vectors") => {
    const traits = traitsOf(embeddingBag({ entries, width: 2, trains }));
    return [roleAt(traits, weights), roleAt(traits, "table/vectors")];
  };
  expect(roles("all")).toEqual(["shared", "shared"]);
  expect(roles("weights")).toEqual(["shared", "fixed"]);
  expect(roles("vectors")).toEqual(["fixed", "shared"]);
});

test("weights and sizes that cannot be are refused", () => {
  expect(() => countSketch({ entries, width: 0 })).toThrow(/^IL102 countSketch: width 0/);
  expect(() => embeddingBag({ entries: 1.5, width: 2 })).toThrow(/^IL102 embeddingBag: entries 1\.5/);
  expect(() => countSketch({ entries, width: 4, weights: idf.slice(1) })).toThrow(/11 weights of 12 ids/);
  const broken = idf.slice();
  broken[4] = Number.NaN;
  expect(() => countSketch({ entries, width: 4, weights: broken })).toThrow(/weight 4 is NaN/);
  expect(() => idDropout({ rate: 1 })).toThrow(/^IL102 idDropout: rate 1/);
  // A weight of 0 has no logarithm, and starts as next to nothing.
  const none = countSketch({ entries, width: entries, weights: idf.map((w, id) => (id === 3 ? 0 : w)) });
  expect(valuesIn(none.apply(none.init(key(1)), ids([3, 7])))[3]!).toBeLessThan(1e-6);
});
