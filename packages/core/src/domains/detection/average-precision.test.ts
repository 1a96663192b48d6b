import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { random } from "../../random/random.js";
import {
  cocoThresholds,
  type DetectionFigureOptions,
  detectionFigures,
  type JudgedPicture,
  type PrecisionFigures,
  pooledDetectionFigures,
} from "./average-precision.js";
import type { Detection } from "./detections.js";
import type { MarkedObject } from "./marked-pictures.js";
import { intersectionOverUnion } from "./overlap.js";

type Figures = readonly (number | null)[];
interface Case {
  readonly name: string;
  readonly classes: number;
  readonly most: number;
  readonly pictures: readonly {
    readonly objects: readonly (readonly [
      label: number,
      x: number,
      y: number,
      width: number,
      height: number,
      flag: 0 | "crowd" | "difficult",
      area: number | null,
    ])[];
    readonly detections: readonly (readonly [
      label: number,
      x: number,
      y: number,
      width: number,
      height: number,
      score: number,
    ])[];
  }[];
  readonly all: Figures;
  readonly perClass: readonly Figures[];
  readonly perArea: Readonly<Record<"small" | "medium" | "large", Figures>>;
  readonly classBlind: Figures;
}
// Made once by fixtures/coco-evaluation.py.
const coco = JSON.parse(readFileSync(new URL("fixtures/coco-evaluation.json", import.meta.url), "utf8")) as {
  readonly thresholds: readonly number[];
  readonly cases: readonly Case[];
};

const picturesOf = ({ pictures }: Case): JudgedPicture[] =>
  pictures.map(({ objects, detections }) => ({
    objects: objects.map(([label, x, y, width, height, flag, area]) => ({
      label,
      box: { x, y, width, height },
      ...(flag !== 0 && { [flag]: true }),
      ...(area !== null && { area }),
    })),
    detections: detections.map(([label, x, y, width, height, score]) => ({
      label,
      box: { x, y, width, height },
      score,
    })),
  }));

const expectSame = ({ ap, ap50, ap75, ar1, ar10, ar }: PrecisionFigures, wanted: Figures, where: string): void => {
  [ap, ap50, ap75, ar1, ar10, ar].forEach((value, i) => {
    const place = `${where}, ${["ap", "ap50", "ap75", "ar1", "ar10", "ar"][i]}`;
    if (wanted[i] === null) expect(value, place).toBeUndefined();
    else expect(Math.abs(value! - wanted[i]!), `${place}: ${value}, not ${wanted[i]}`).toBeLessThan(1e-12);
  });
};

const square = (x: number, y = 0, label = 0): MarkedObject => ({ label, box: { x, y, width: 10, height: 10 } });
const found = (x: number, score: number, label = 0): Detection => ({ ...square(x, 0, label), score });
const one = (objects: readonly MarkedObject[], detections: readonly Detection[]): JudgedPicture[] => [
  { objects, detections },
];

describe("pycocotools 2.0.11 gives the same figures", () => {
  test("by the same thresholds", () => {
    expect(cocoThresholds).toEqual(coco.thresholds);
    expect(coco.cases).toHaveLength(15);
  });

  test.each(coco.cases)("$name", (given) => {
    const { classes, most } = given;
    const figures = detectionFigures(picturesOf(given), { classes, most });
    expectSame(figures, given.all, "all");
    expectSame(figures.classBlind, given.classBlind, "without names");
    expect(figures.perClass).toHaveLength(classes);
    figures.perClass.forEach((own, label) => {
      expectSame(own, given.perClass[label]!, `class ${label}`);
    });
    expect(Object.keys(figures.perArea)).toEqual(Object.keys(given.perArea));
    for (const area of ["small", "medium", "large"] as const)
      expectSame(figures.perArea[area], given.perArea[area], area);
  });
});

test("figures at thresholds and areas of one's own are those among more of them", () => {
  const pictures = picturesOf(coco.cases[0]!);
  const whole = detectionFigures(pictures, { classes: 3 });
  const few = detectionFigures(pictures, {
    classes: 3,
    thresholds: [0.75, 0.5],
    areas: { tiny: [0, 0], small: [0, 1024] },
  });
  expect(few.ap50).toBe(whole.ap50);
  expect(few.ap75).toBe(whole.ap75);
  expect(few.ap).toBeCloseTo((whole.ap50! + whole.ap75!) / 2, 12);
  expect(few.perArea.small.ap50).toBe(whole.perArea.small.ap50);
  expect(few.perArea.tiny).toEqual({ objects: 0 });
  expect(few.objects).toBe(pictures.flatMap(({ objects }) => objects).length);
  const without = detectionFigures(pictures, { classes: 3, thresholds: [0.6], areas: {} });
  expect(without.ap50).toBeUndefined();
  expect(without.ap).toBeGreaterThan(0);
  expect(without.perArea).toEqual({});
});

test("classes outside of the mean count among the figures without names alone", () => {
  const pictures = one(
    [square(0), square(50, 0, 1), square(100, 0, 2)],
    [found(0, 0.9), found(50, 0.8, 0), found(100, 0.7, 1)],
  );
  const { ap50, objects, perClass, classBlind } = detectionFigures(pictures, { classes: 3, meanOver: [0, 1] });
  expect(ap50).toBeCloseTo((perClass[0]!.ap50! + perClass[1]!.ap50!) / 2, 12);
  expect([objects, perClass.map((own) => own.objects)]).toEqual([2, [1, 1, 1]]);
  expect(detectionFigures(pictures, { classes: 3, meanOver: [2] }).ap50).toBe(0);
  expect(classBlind.ap50).toBeCloseTo(1, 12);
  expect(classBlind.objects).toBe(3);
});

test("an overlap of 1 can be asked for, though it is a rounded quotient", () => {
  const box = { x: 0.2, y: 0.2, width: 0.5, height: 0.3 };
  expect(intersectionOverUnion(box, box)).toBeLessThan(1);
  const pictures = one([{ label: 0, box }], [{ label: 0, box, score: 1 }]);
  expect(detectionFigures(pictures, { classes: 1, thresholds: [1] }).ap).toBeCloseTo(1, 12);
});

test("pictures that count several times give the figures of pictures that stand there several times", () => {
  const draws = random(7);
  let differing = 0;
  for (const given of coco.cases) {
    const pictures = picturesOf(given);
    const { classes, most } = given;
    const figuresOf = pooledDetectionFigures(pictures, { classes, most });
    for (let trial = 0; trial < 3; trial++) {
      const times = pictures.map(() => draws.integer(4));
      const repeated = pictures.flatMap((picture, i) => Array.from({ length: times[i]! }, () => picture));
      const figures = figuresOf(times);
      expect(figures, `${given.name}, ${times}`).toEqual(detectionFigures(repeated, { classes, most }));
      if (figures.ap !== detectionFigures(pictures, { classes, most }).ap) differing++;
    }
  }
  expect(differing).toBeGreaterThan(15);
});

describe("refused are", () => {
  const refused = (pictures: readonly JudgedPicture[], options: Partial<DetectionFigureOptions<string>> = {}) =>
    expect(() => detectionFigures<string>(pictures, { classes: 2, ...options }));

  test("boxes, classes, scores and areas that are none, with their place", () => {
    const objects = [square(0)];
    refused([...one(objects, []), ...one(objects, [found(0, 1), found(Number.NaN, 1)])]).toThrow(
      /^ILT313 detectionFigures: picture 1, detection 1 has a box of x NaN, y 0, 10 wide, 10 high\. Give four finite numbers/,
    );
    refused(one([square(0), { label: 0, box: { x: 0, y: 0, width: 3, height: -1 } }], [])).toThrow(
      /^ILT313 .*picture 0, object 1 has a box of .* -1 high/,
    );
    refused(one([{ label: 0, box: { x: 0, y: 0, width: 1e200, height: 1e200 } }], [])).toThrow(/^ILT313 /);
    refused(one([square(0, 0, 2)], [])).toThrow(
      /^ILT313 .*object 0 has class 2\. Give a whole number from 0 on below 2/,
    );
    refused(one([], [found(0, 1, -1)])).toThrow(/^ILT313 .*detection 0 has class -1/);
    refused(one([], [found(0, 1, 0.5)])).toThrow(/^ILT313 .*detection 0 has class 0.5/);
    refused(one([], [found(0, Number.NaN)])).toThrow(/^ILT313 .*detection 0 has score NaN/);
    refused(one([{ ...square(0), area: -1 }], [])).toThrow(/^ILT313 .*object 0 has area -1/);
  });

  test("options out of range", () => {
    refused([], { classes: 0 }).toThrow(/^ILT201 detectionFigures: classes is 0/);
    refused([], { most: 1.5 }).toThrow(/^ILT201 .*most is 1.5/);
    refused([], { thresholds: [] }).toThrow(/^ILT201 .*no thresholds/);
    refused([], { thresholds: [0.5, 0] }).toThrow(/^ILT201 .*threshold is 0/);
    refused([], { thresholds: [50] }).toThrow(/^ILT201 .*threshold is 50/);
    refused([], { meanOver: [] }).toThrow(/^ILT201 .*meanOver is empty/);
    refused([], { meanOver: [2] }).toThrow(/^ILT201 .*meanOver has class 2\. .*from 0 to 1/);
    refused([], { meanOver: [1, 1] }).toThrow(/^ILT201 .*class 1 twice/);
    refused([], { areas: { odd: [9, 4] } }).toThrow(/^ILT201 .*areas\.odd is from 9 to 4/);
  });

  test("times that are not one whole number for each picture", () => {
    const figuresOf = pooledDetectionFigures(one([square(0)], []), { classes: 1 });
    expect(figuresOf([0]).ap).toBeUndefined();
    expect(() => figuresOf([])).toThrow(/^ILT201 .*0 times for 1 pictures/);
    expect(() => figuresOf([0.5])).toThrow(/^ILT201 .*times\[0\] is 0.5/);
    expect(() => figuresOf([-1])).toThrow(/^ILT201 .*times\[0\] is -1/);
  });
});
