import { leaves, type Tensor, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { detectionMaps } from "../../domains/detection/detection-maps.js";
import { detectionLoss } from "../../domains/detection/detection-metrics.js";
import type { DetectionTargets } from "../../domains/detection/scene-episodes.js";
import type { DetectionMaps } from "../../losses/detection.js";
import { flat, noiseTensor, valuesIn } from "../../numerical.fixture.js";
import { key } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { cellPrototypes } from "./cell-prototypes.js";
import { cellNetwork } from "./detector-network.js";

const [side, stride, classes, features, background] = [6, 8, 2, 3, 2];
const network = cellNetwork({ cellsShape: [side, side, features] });
const loss = detectionLoss({ stride });
const options = { network, classes, loss, background };

const marked = [
  [
    { box: { x: 2, y: 1, width: 14, height: 18 }, label: 0 },
    { box: { x: 26, y: 24, width: 20, height: 12 }, label: 1 },
  ],
  [
    { box: { x: 20, y: 3, width: 12, height: 15 }, label: 0 },
    { box: { x: 5, y: 28, width: 16, height: 14 }, label: 0 },
  ],
];
const maps = marked.map((each) => detectionMaps(each, { grid: [side, side], stride, classes }));
const numbers = maps[0]!.length / side ** 2;
const targets = (of: readonly Float32Array[]): DetectionTargets => ({
  maps: flat(
    of.flatMap((each) => Array.from(each)),
    [of.length, side, side, numbers],
  ),
  boxes: tensor(new Float32Array(of.length * 6), [of.length, 1, 6]),
});
const support: Examples<Tensor, DetectionTargets> = { x: noiseTensor([2, side, side, features], 1), y: targets(maps) };
const query = noiseTensor([1, side, side, features], 2);

const unit = (row: readonly number[]): number[] => row.map((value) => value / Math.hypot(...row));
const rowsOf = (x: Tensor): number[][] => {
  const values = valuesIn(x);
  const width = x.shape.at(-1)!;
  return Array.from({ length: values.length / width }, (_, i) => unit(values.slice(i * width, (i + 1) * width)));
};
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const meanOf = (rows: readonly (readonly number[])[]): number[] =>
  rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);

const cells = rowsOf(support.x);
const marks = maps.flatMap((each) =>
  Array.from({ length: side ** 2 }, (_, i) => Array.from(each.subarray(i * numbers, (i + 1) * numbers))),
);
const [centre, names, box] = [1, 2, classes + 3];
const of = (label: number, isChosen: (mark: readonly number[]) => boolean): number[] =>
  marks.flatMap((mark, i) => (mark[names + label] === 1 && isChosen(mark) ? [i] : []));
const boxOf = (mark: readonly number[]): number[] => mark.slice(box, box + 4);
const isBoxed = (mark: readonly number[]): boolean => boxOf(mark).some((reach) => reach > 0);

/** k-means as it is defined: the mean first, then the farthest each, five rounds. */
function clustersOf(rows: readonly (readonly number[])[], k: number): number[][] {
  const far = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
  let centres = [meanOf(rows)];
  while (centres.length < k) {
    const nearest = rows.map((row) => Math.min(...centres.map((each) => far(row, each))));
    centres.push([...rows[nearest.indexOf(Math.max(...nearest))]!]);
  }
  for (let round = 0; round < 5; round++) {
    const owners = rows.map((row) => {
      const distances = centres.map((each) => far(row, each));
      return distances.indexOf(Math.min(...distances));
    });
    centres = centres.map((each, j) => {
      const own = rows.filter((_, i) => owners[i] === j);
      return own.length > 0 ? meanOf(own) : each;
    });
  }
  return centres;
}

/** A x = b by elimination. */
function solved(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const rows = a.map((row, i) => [...row, b[i]!]);
  rows.forEach((pivot, i) => {
    for (const [j, row] of rows.entries()) {
      if (j === i) continue;
      const factor = row[i]! / pivot[i]!;
      row.forEach((value, c) => {
        row[c] = value - factor * pivot[c]!;
      });
    }
  });
  return rows.map((row, i) => row.at(-1)! / row[i]!);
}

describe("by hand", () => {
  const [scale, lambda] = [20, 10];
  const prototypes = [0, 1].map((label) => unit(meanOf(of(label, (mark) => mark[centre] === 1).map((i) => cells[i]!))));
  const away = marks.flatMap((mark, i) =>
    mark[0]! < Math.exp(-(1.5 ** 2) / 2) && mark.slice(names, names + classes).every((name) => name === 0) ? [i] : [],
  );
  const ofNone = clustersOf(
    away.map((i) => cells[i]!),
    background,
  ).map(unit);
  const owned = [0, 1].map((label) => of(label, isBoxed));
  const sides = owned.map((own) => {
    const [left, top, right, bottom] = meanOf(own.map((i) => boxOf(marks[i]!))) as [number, number, number, number];
    return [left + right, top + bottom, left + right, top + bottom];
  });
  const parts = (label: number, i: number): number[] =>
    boxOf(marks[i]!).map((reach, edge) => reach / sides[label]![edge]!);
  const means = owned.map((own, label) => meanOf(own.map((i) => parts(label, i))));
  const middles = owned.map((own) => meanOf(own.map((i) => cells[i]!)));
  const all = owned.reduce((sum, { length }) => sum + length, 0);
  /** [edges][features] */
  const slopes = [0, 1, 2, 3].map((edge) => {
    const a = Array.from({ length: features }, (_, i) =>
      Array.from({ length: features }, (_, j) => (i === j ? lambda : 0)),
    );
    const b = new Array<number>(features).fill(0);
    owned.forEach((own, label) => {
      const weight = all / (classes * own.length);
      for (const i of own) {
        const x = cells[i]!.map((value, f) => value - middles[label]![f]!);
        const y = parts(label, i)[edge]! - means[label]![edge]!;
        for (let f = 0; f < features; f++) {
          b[f]! += weight * x[f]! * y;
          for (let g = 0; g < features; g++) a[f]![g]! += weight * x[f]! * x[g]!;
        }
      }
    });
    return solved(a, b);
  });

  const said = (row: readonly number[], isRegressed: boolean) => {
    const logits = [...prototypes, ...ofNone].map((prototype) => scale * dot(prototype, row));
    const sumOf = (some: readonly number[]): number => Math.log(some.reduce((sum, z) => sum + Math.exp(z), 0));
    const [ofClasses, none] = [sumOf(logits.slice(0, classes)), sumOf(logits.slice(classes))];
    const shares = logits.slice(0, classes).map((z) => Math.exp(z - ofClasses));
    const reaches = [0, 1, 2, 3].map((edge) =>
      Math.max(
        1 / 8,
        shares.reduce((sum, share, label) => {
          const moved = isRegressed
            ? dot(
                slopes[edge]!,
                row.map((value, f) => value - middles[label]![f]!),
              )
            : 0;
          return sum + share * sides[label]![edge]! * (means[label]![edge]! + moved);
        }, 0),
      ),
    );
    return { objectness: ofClasses - none, names: [...logits.slice(0, classes), none], reaches };
  };

  test.each([
    ["regression", true],
    ["sides of the class", false],
  ] as const)("objectness, names and boxes, of %s", (boxes, isRegressed) => {
    const learner = cellPrototypes({ ...options, boxes });
    const found = learner.predict(learner.adapt(learner.init(key(1)), support), query);
    const expected = rowsOf(query).map((row) => said(row, isRegressed));
    expected.forEach(({ objectness, names: named, reaches }, i) => {
      expect(valuesIn(found.objectness)[i]!).toBeCloseTo(objectness, 4);
      named.forEach((logit, c) => {
        expect(valuesIn(found.names)[i * (classes + 1) + c]!).toBeCloseTo(logit, 4);
      });
      reaches.forEach((reach, edge) => {
        expect(valuesIn(found.box)[4 * i + edge]!).toBeCloseTo(reach, 4);
      });
    });
  });

  test("regression says other boxes than the sides of the class", () => {
    const row = rowsOf(query)[7]!;
    expect(said(row, true).reaches).not.toEqual(said(row, false).reaches);
  });
});

test("pictures that are padding change nothing", () => {
  const learner = cellPrototypes(options);
  const params = learner.init(key(1));
  const more: Examples<Tensor, DetectionTargets> = {
    x: flat(
      [...valuesIn(support.x), ...valuesIn(noiseTensor([1, side, side, features], 5))],
      [3, side, side, features],
    ),
    y: targets([...maps, maps[0]!]),
    present: flat([1, 1, 0], [3]),
  };
  const [a, b] = [support, more].map((set) => learner.predict(learner.adapt(params, set), query));
  leaves(a!).forEach((value, i) => {
    const others = valuesIn(leaves(b!)[i]!);
    for (const [j, number] of valuesIn(value).entries()) expect(others[j]).toBeCloseTo(number, 5);
  });
});

test("a class that no object is of is found nowhere, and changes nothing", () => {
  const grid = { grid: [side, side] as const, stride, classes: 3 };
  const y = {
    maps: flat(
      marked.flatMap((each) => Array.from(detectionMaps(each, grid))),
      [2, side, side, numbers + 1],
    ),
    boxes: support.y.boxes,
  };
  const [found, own] = [
    { learner: cellPrototypes({ ...options, classes: 3 }), set: { x: support.x, y } },
    { learner: cellPrototypes(options), set: support },
  ].map(({ learner, set }) => learner.predict(learner.adapt(learner.init(key(1)), set), query)) as [
    DetectionMaps,
    DetectionMaps,
  ];
  const logits = valuesIn(found.names);
  for (let i = 0; i < logits.length; i += 4) expect(logits[i + 2]).toBeLessThan(-1e8);
  const others = {
    ...found,
    names: flat(
      logits.filter((_, i) => i % 4 !== 2),
      own.names.shape,
    ),
  };
  for (const part of ["objectness", "names", "box"] as const)
    valuesIn(others[part]).forEach((value, i) => {
      expect(value).toBeCloseTo(valuesIn(own[part])[i]!, 5);
    });
});

test("t and lambda have slopes, and nothing else is trained of cells that are given", () => {
  const learner = cellPrototypes(options);
  const params = learner.init(key(1));
  expect(leaves(params).map(({ size }) => size)).toEqual([1, 1]);
  const { gradient } = learner.metaGradient(params, { support, query: { x: query, y: targets([maps[0]!]) } });
  for (const slope of leaves(gradient)) expect(Math.abs(valuesIn(slope)[0]!)).toBeGreaterThan(1e-6);
});

test("refuses what are no sizes", () => {
  expect(() => cellPrototypes({ ...options, background: 0 })).toThrow("IL102 cellPrototypes: background is 0");
  expect(() => cellPrototypes({ ...options, classes: 1.5 })).toThrow("IL102 cellPrototypes: classes is 1.5");
});
