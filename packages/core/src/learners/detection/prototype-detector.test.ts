import { leaves, reshape, sliceAxis, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { detectionChannels, detectionMaps } from "../../domains/detection/detection-maps.js";
import { detectionLoss } from "../../domains/detection/detection-metrics.js";
import type { DetectionTargets } from "../../domains/detection/scene-episodes.js";
import { type DetectionMaps, detectionTerms } from "../../losses/detection.js";
import { flat, noiseTensor, valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { detectorModel } from "./detector-model.js";
import { detectorNetwork } from "./detector-network.js";
import { prototypeDetector, prototypes } from "./prototype-detector.js";

const [size, stride, classes] = [16, 4, 2];
const side = size / stride;
const channels = detectionChannels(classes);
const network = detectorNetwork({ imageShape: [size, size, 1], filters: 5 });
const loss = detectionLoss({ stride });
const learner = prototypeDetector({ network, classes, loss });

const marked = [
  [
    { box: { x: 0, y: 1, width: 7, height: 8 }, label: 0 },
    { box: { x: 9, y: 8, width: 6, height: 6 }, label: -1 },
  ],
  [{ box: { x: 4, y: 5, width: 8, height: 6 }, label: 1 }],
  [{ box: { x: 1, y: 9, width: 6, height: 6 }, label: 0 }],
];
const pictures = marked.length;
const y: DetectionTargets = {
  maps: flat(
    marked.flatMap((each) => Array.from(detectionMaps(each, { grid: [side, side], stride, classes }))),
    [pictures, side, side, channels.count],
  ),
  boxes: tensor(new Float32Array(pictures * 6), [pictures, 1, 6]),
};
const support: Examples<Tensor, DetectionTargets> = { x: noiseTensor([pictures, size, size, 1], 1), y };
const queries = noiseTensor([2, size, size, 1], 2);
const params = learner.init(key(3));
const own = (params as { readonly network: Parameters<typeof network.apply>[0] }).network;

describe("the network of a detector", () => {
  const found = network.apply(own, queries);

  test("says of each cell of a quarter of the size what is there, by vectors of length 1 and boxes that are there", () => {
    expect(network.grid).toEqual([side, side]);
    expect(found.objectness.shape).toEqual([2, side, side]);
    const vectors = valuesIn(found.embedding);
    for (let at = 0; at < vectors.length; at += 5) expect(Math.hypot(...vectors.slice(at, at + 5))).toBeCloseTo(1, 5);
    expect(valuesIn(found.box).every((reach) => reach >= Math.exp(-2) - 1e-9 && reach <= Math.exp(4) + 1e-9)).toBe(
      true,
    );
    // At first hardly any cell is taken for an object.
    expect(valuesIn(found.objectness).reduce((a, b) => a + b, 0) / (2 * side * side)).toBeLessThan(-1);
  });

  test("says of a picture the same whatever stands beside it", () => {
    const alone = network.apply(own, sliceAxis(queries, 0, 1, 2));
    valuesIn(alone.embedding).forEach((value, i) => {
      expect(value).toBeCloseTo(valuesIn(sliceAxis(found.embedding, 0, 1, 2))[i]!, 10);
    });
  });

  test("knows how far it sees: windows of 3, two of stride 2, two of 4 cells, two of these apart by 2", () =>
    // 1 + 2 + 2 x 2 + 2 x 4 + 2 x 4 + 4 x 4 + 4 x 4
    expect(network.reach).toBe(55));

  test("refuses pictures that have no grid", () =>
    expect(() => detectorNetwork({ imageShape: [4, 40, 1] })).toThrow(/IL102 detectorNetwork: pictures of 4 x 40/));
});

describe("prototypes of classes", () => {
  const { embedding } = network.apply(own, support.x);

  /** Means of embeddings, weighted by the squared Gaussians of the cells that a class owns. */
  const byHand = (there: readonly number[]): number[] => {
    const [vectors, maps] = [valuesIn(embedding), valuesIn(y.maps)];
    return Array.from({ length: classes }, (_, label) => {
      const sums = new Array<number>(5).fill(0);
      let total = 0;
      for (let cell = 0; cell < pictures * side * side; cell++) {
        const at = cell * channels.count;
        const weight =
          there[Math.floor(cell / (side * side))]! *
          maps[at + channels.names + label]! *
          maps[at + channels.objectness]! ** 2;
        total += weight;
        for (let i = 0; i < 5; i++) sums[i]! += weight * vectors[5 * cell + i]!;
      }
      return sums.map((sum) => (total > 0 ? sum / total : 0));
    }).flat();
  };

  test.each([
    ["of all pictures", undefined, [1, 1, 1]],
    ["without a picture that is padding", flat([0, 1, 1], [3]), [0, 1, 1]],
    ["of a class without an object are 0", flat([1, 0, 1], [3]), [1, 0, 1]],
  ] as const)("are weighted means, %s", (_name, present, there) => {
    const expected = byHand(there);
    valuesIn(prototypes(embedding, y.maps, classes, present)).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 8);
    });
  });

  test("name cells by t times the cosine, and by the logit of none", () => {
    const { names } = learner.predict(learner.adapt(params, support), queries);
    const means = byHand([1, 1, 1]);
    const vectors = valuesIn(network.apply(own, queries).embedding);
    const cosine = (cell: number, label: number): number => {
      const [a, b] = [vectors.slice(5 * cell, 5 * cell + 5), means.slice(5 * label, 5 * label + 5)];
      return a.reduce((sum, value, i) => sum + value * b[i]!, 0) / Math.hypot(...b);
    };
    const found = valuesIn(names);
    for (const cell of [0, 7, 31]) {
      for (let label = 0; label < classes; label++)
        expect(found[cell * 3 + label]).toBeCloseTo(10 * cosine(cell, label), 4);
      expect(found[cell * 3 + 2]).toBe(5);
    }
  });
});

describe("steps from the prototypes on", () => {
  const lossOf = (adapted: Tree, of: typeof learner): Readonly<Record<"names" | "box" | "objectness", number>> => {
    const terms = detectionTerms(of.predict(adapted, support.x), y);
    return Object.fromEntries(Object.entries(terms).map(([name, value]) => [name, valuesIn(value)[0]!])) as never;
  };

  test("make the naming of the support set better, and change boxes where that is asked for alone", () => {
    const names = prototypeDetector({ network, classes, loss, steps: 5, innerRate: 0.05 });
    const both = prototypeDetector({ network, classes, loss, steps: 5, innerRate: 0.05, tuned: "names and boxes" });
    const start = lossOf(names.adapt(params, support, { steps: 0 }), names);
    const [tuned, boxed] = [lossOf(names.adapt(params, support), names), lossOf(both.adapt(params, support), both)];
    expect(tuned.names).toBeLessThan(start.names);
    expect(tuned.box).toBe(start.box);
    expect(boxed.box).toBeLessThan(start.box);
    expect(boxed.objectness).toBe(start.objectness);
    expect(learner.steps).toBeUndefined();
    expect(names.steps).toBe(5);
  });

  test("are no part of training: its gradient is that of prototypes", () => {
    const task = { support, query: { x: sliceAxis(support.x, 0, 0, 2), y: firstOf(y, 2) } };
    const tuned = prototypeDetector({ network, classes, loss, steps: 3 });
    const [a, b] = [learner, tuned].map((each) => leaves(each.metaGradient(params, task).gradient).map(valuesIn));
    expect(a).toEqual(b);
  });
});

test("a model for gradient steps names classes by vectors of its own, which are its head", () => {
  const model = detectorModel({ network, classes });
  const weights = model.init(key(2)) as { readonly names: { readonly weights: Tensor } };
  expect(model.head).toBe("names");
  expect(weights.names.weights.shape).toEqual([classes, 5]);
  const found: DetectionMaps = model.apply(weights as unknown as Tree, queries);
  expect(found.names.shape).toEqual([2, side, side, classes + 1]);
});

test.each([
  [{ classes: 0 }, /IL102 prototypeDetector: 0 classes/],
  [{ steps: 1.5 }, /IL102 prototypeDetector: 1.5 steps/],
])("sizes that are none are refused: %o", (options, problem) =>
  expect(() => prototypeDetector({ network, classes, loss, ...options })).toThrow(problem),
);

/** The first pictures of targets. */
const firstOf = ({ maps, boxes }: DetectionTargets, count: number): DetectionTargets => ({
  maps: sliceAxis(maps, 0, 0, count),
  boxes: reshape(sliceAxis(boxes, 0, 0, count), [count, 1, 6]),
});
