import { describe, expect, test } from "vitest";
import { random } from "../../random/random.js";
import { intersectionOverUnion } from "./overlap.js";
import { type GreyPicture, type MarkedGrey, templateMatching } from "./template-matching.js";

const side = 48;

/** Patterns that differ: each of random blocks. */
const pattern = (which: number, size: number): number[][] => {
  const source = random(3, which);
  const blocks = Array.from({ length: 16 }, () => source.integer(2));
  return Array.from({ length: size }, (_, y) =>
    Array.from({ length: size }, (_, x) => blocks[4 * Math.floor((4 * y) / size) + Math.floor((4 * x) / size)]!),
  );
};

/** A picture of patterns at places, under a gradient of light and noise. */
function picture(
  placed: readonly { readonly which: number; readonly x: number; readonly y: number; readonly size: number }[],
  light = 1,
): MarkedGrey {
  const source = random(5, placed.length);
  const pixels = Float32Array.from(
    { length: side * side },
    (_, i) => 0.1 + (0.2 * (i % side)) / side + 0.02 * source.normal(),
  );
  for (const { which, x, y, size } of placed) {
    pattern(which, size).forEach((row, dy) => {
      row.forEach((value, dx) => {
        pixels[(y + dy) * side + x + dx]! += light * 0.6 * value;
      });
    });
  }
  return {
    height: side,
    width: side,
    pixels,
    objects: placed.map(({ which, x, y, size }) => ({ box: { x, y, width: size, height: size }, label: which })),
  };
}

describe("template matching", () => {
  const support = [
    picture([
      { which: 0, x: 2, y: 3, size: 16 },
      { which: 1, x: 26, y: 25, size: 16 },
    ]),
  ];

  test("finds what was marked at other places, in other light and of other sizes, under its own class", () => {
    const query = picture(
      [
        { which: 1, x: 3, y: 27, size: 16 },
        { which: 0, x: 24, y: 5, size: 20 },
      ],
      0.5,
    );
    const found = templateMatching(support)(query);
    for (const { box, label } of query.objects) {
      const [best] = found.filter((each) => each.label === label);
      expect(intersectionOverUnion(best!.box, box)).toBeGreaterThan(0.75);
      expect(best!.score).toBeGreaterThan(0.7);
    }
    const scores = found.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });

  test("scores are correlations: 1 of the same pixels, and no different for twice the light", () => {
    const [own] = support as [MarkedGrey];
    const [best] = templateMatching(support, { scales: [1] })(own);
    expect(best!.score).toBeCloseTo(1, 4);
    const brighter = { ...own, pixels: own.pixels.map((value) => 2 * value + 0.3) };
    expect(templateMatching(support, { scales: [1] })(brighter)[0]!.score).toBeCloseTo(best!.score, 4);
  });

  test("finds nothing where nothing is marked, where all is of one grey, or where no template fits", () => {
    const empty: GreyPicture = { height: side, width: side, pixels: new Float32Array(side * side) };
    expect(templateMatching(support)(empty)).toEqual([]);
    expect(templateMatching([{ ...support[0]!, objects: [] }])(support[0]!)).toEqual([]);
    expect(templateMatching(support)({ height: 6, width: 6, pixels: new Float32Array(36).map((_, i) => i) })).toEqual(
      [],
    );
    const unnamed = support[0]!.objects.map((object) => ({ ...object, label: -1 }));
    expect(templateMatching([{ ...support[0]!, objects: unnamed }])(support[0]!)).toEqual([]);
  });

  test("refuses scales that are none", () =>
    expect(() => templateMatching(support, { scales: [1, 0] })).toThrow(/ILT201 templateMatching: scales are 1, 0/));
});
