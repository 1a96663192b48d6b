import { grad, mapTree, type Tensor, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { detectionChannels, detectionMaps } from "../domains/detection/detection-maps.js";
import { flat, noiseTensor, valuesIn } from "../numerical.fixture.js";
import { type DetectionMaps, detectionLossOf, detectionTerms } from "./detection.js";

const [pictures, rows, columns, classes] = [2, 4, 5, 2];
const grid = { grid: [rows, columns], stride: 4, classes } as const;
const channels = detectionChannels(classes);
const objects = [
  [
    { box: { x: 1, y: 2, width: 9, height: 6 }, label: 1 },
    { box: { x: 12, y: 6, width: 6, height: 9 }, label: -1 },
  ],
  [{ box: { x: 5, y: 5, width: 8, height: 8 }, label: 0 }],
];
const maps = objects.map((each) => Array.from(detectionMaps(each, grid)));
const targets = {
  maps: flat(maps.flat(), [pictures, rows, columns, channels.count]),
  boxes: tensor(new Float32Array(12), [pictures, 1, 6]),
};
const positive = (x: Tensor): Tensor =>
  flat(
    valuesIn(x).map((value) => Math.exp(value)),
    x.shape,
  );
const prediction: DetectionMaps = {
  objectness: noiseTensor([pictures, rows, columns], 1),
  names: noiseTensor([pictures, rows, columns, classes + 1], 2),
  box: positive(noiseTensor([pictures, rows, columns, 4], 3)),
};

/** The terms cell by cell. */
function byHand(there: readonly number[]) {
  const [o, names, box] = [prediction.objectness, prediction.names, prediction.box].map(valuesIn) as [
    number[],
    number[],
    number[],
  ];
  const all = valuesIn(targets.maps);
  let [objectness, centres, lost, boxed, crossEntropy, named] = [0, 0, 0, 0, 0, 0];
  for (let cell = 0; cell < pictures * rows * columns; cell++) {
    if (!there[Math.floor(cell / (rows * columns))]) continue;
    const y = all.slice(cell * channels.count, (cell + 1) * channels.count);
    const p = 1 / (1 + Math.exp(-o[cell]!));
    if (y[channels.centre]) {
      centres++;
      objectness -= (1 - p) ** 2 * Math.log(p);
    } else objectness -= (1 - y[channels.objectness]!) ** 4 * p ** 2 * Math.log(1 - p);
    const [l, t, r, b] = y.slice(channels.box, channels.box + 4) as [number, number, number, number];
    if (l + t + r + b > 0) {
      const [pl, pt, pr, pb] = box.slice(4 * cell, 4 * cell + 4) as [number, number, number, number];
      const shared = (Math.min(l, pl) + Math.min(r, pr)) * (Math.min(t, pt) + Math.min(b, pb));
      lost += 1 - shared / ((l + r) * (t + b) + (pl + pr) * (pt + pb) - shared);
      boxed++;
    }
    const logits = names.slice(cell * (classes + 1), (cell + 1) * (classes + 1));
    const owner = y.slice(channels.names, channels.names + classes + 1).indexOf(1);
    if (owner < 0) continue;
    named++;
    crossEntropy -= logits[owner]! - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  }
  return { objectness: objectness / centres, box: lost / boxed, names: crossEntropy / named };
}

describe("the loss of a detector", () => {
  test.each([
    ["of all pictures", undefined, [1, 1]],
    ["without those that are padding", flat([0, 1], [2]), [0, 1]],
  ] as const)("is that of each cell by hand, %s", (_name, present, there) => {
    const found = detectionTerms(prediction, targets, present);
    const expected = byHand(there);
    for (const name of ["objectness", "box", "names"] as const)
      expect(valuesIn(found[name])[0]).toBeCloseTo(expected[name], 10);
    const total = valuesIn(detectionLossOf(prediction, targets, present))[0]!;
    expect(total).toBeCloseTo(expected.objectness + 2 * expected.box + 2 * expected.names, 10);
  });

  test("cells without weight count for nothing", () => {
    const ignored = Array.from(valuesIn(targets.maps));
    for (let cell = 0; cell < rows * columns; cell++) ignored[cell * channels.count + channels.weight] = 0;
    const found = detectionTerms(prediction, { ...targets, maps: flat(ignored, targets.maps.shape) });
    expect(valuesIn(found.names)[0]).toBeCloseTo(byHand([0, 1]).names, 10);
    expect(valuesIn(found.objectness)[0]).toBeCloseTo(byHand([0, 1]).objectness, 10);
  });

  test("is finite with its gradient where nothing is marked, and where logits are large", () => {
    const empty = { ...targets, maps: flat(new Array(targets.maps.size).fill(0), targets.maps.shape) };
    const large = mapTree(
      (leaf: Tensor) =>
        flat(
          valuesIn(leaf).map((v) => 60 * v),
          leaf.shape,
        ),
      {
        ...prediction,
        box: prediction.box,
      },
    );
    for (const [at, y] of [
      [prediction, empty],
      [{ ...large, box: prediction.box } as DetectionMaps, targets],
    ] as const) {
      const slope = grad((x: Tree) => detectionLossOf(x as DetectionMaps, y))(at);
      const values = Object.values(slope as unknown as Record<string, Tensor>).flatMap(valuesIn);
      expect(values.every(Number.isFinite)).toBe(true);
    }
  });

  test("refuses maps of another number of classes", () => {
    const names = noiseTensor([pictures, rows, columns, classes + 2], 2);
    expect(() => detectionTerms({ ...prediction, names }, targets)).toThrow(/IL202 detectionLoss: .*columns, 11\]/s);
  });
});
