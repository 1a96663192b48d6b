import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type LabelledExamples,
  labelledExamples,
  readExample,
  selectClasses,
  splitClasses,
  withRotations,
} from "./labelled-examples.js";

const numbered = (n: number): LabelledExamples =>
  labelledExamples({
    name: "numbered",
    exampleShape: [1],
    classes: Array.from({ length: n }, (_, i) => ({ name: `c${i}`, examples: [i] })),
  });
const names = (data: LabelledExamples): string[] => data.classes.map(({ name }) => name);

function read(data: LabelledExamples, classIndex: number, example: number): number[] {
  const size = data.exampleShape.reduce((a, b) => a * b, 1);
  // A margin on both sides shows writes outside the example.
  const out = new Float32Array(size + 2).fill(-1);
  readExample(data, data.classes[classIndex]!, example, out, 1);
  expect([out[0], out[size + 1]]).toEqual([-1, -1]);
  return [...out.subarray(1, size + 1)];
}

describe("labelledExamples", () => {
  it("keeps typed arrays uncopied and flattens lists", () => {
    const bytes = new Uint8Array([0, 51, 102, 255]);
    const data = labelledExamples({
      name: "mixed",
      exampleShape: [1, 2],
      classes: [
        { name: "bytes", examples: bytes },
        { name: "nested", examples: [[[1, 2]], [[3, 4]], [[5, 6]]] },
        { name: "list of bytes", examples: [bytes.subarray(0, 2), bytes.subarray(2)] },
        { name: "bytes and numbers", examples: [bytes.subarray(2), [0.5, 7]] },
      ],
    });
    expect(data.classes[0]!.examples).toBe(bytes);
    expect(data.classes.map(({ count }) => count)).toEqual([2, 3, 2, 2]);
    expect(read(data, 0, 0)).toEqual([0, Math.fround(0.2)]);
    expect(read(data, 0, 1)).toEqual([Math.fround(0.4), 1]);
    expect(read(data, 1, 2)).toEqual([5, 6]);
    expect(data.classes[2]!.examples).toEqual(bytes);
    expect(read(data, 3, 0)).toEqual([Math.fround(0.4), 1]);
    expect(read(data, 3, 1)).toEqual([0.5, 7]);
  });

  it("reads every byte as float32 of byte / 255", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const data = labelledExamples({ name: "bytes", exampleShape: [256], classes: [{ name: "all", examples: bytes }] });
    expect(read(data, 0, 0)).toEqual([...Float32Array.from(bytes, (byte) => byte / 255)]);
  });

  it("refuses data that does not fit, naming the class", () => {
    const make = (examples: number[][], exampleShape = [2]) =>
      labelledExamples({ name: "d", exampleShape, classes: [{ name: "k", examples }] });
    expect(() => make([[1, 2], [3]])).toThrow(/ILT301 labelledExamples: class "k", example 1 has 1 values/);
    expect(() => make([])).toThrow(/ILT301 .*class "k" has 0 values/);
    expect(() =>
      make([
        [1, 2],
        [3, Number.NaN],
      ]),
    ).toThrow(/ILT302 labelledExamples: class "k", example 1 holds NaN/);
    expect(() => make([[1]], [0])).toThrow(/ILT201 labelledExamples: size 0 of exampleShape is 0/);
    const odd = { name: "k", examples: new Uint8Array(3) };
    expect(() => labelledExamples({ name: "d", exampleShape: [2], classes: [odd] })).toThrow(/ILT301/);
    const canvas = { name: "k", examples: new Uint8ClampedArray(2) as unknown as Uint8Array };
    expect(() => labelledExamples({ name: "d", exampleShape: [2], classes: [canvas] })).toThrow(/ILT301 .*neither/);
    expect(() => labelledExamples({ name: "d", exampleShape: [2], classes: [] })).toThrow(/ILT201 .*no classes/);
    const twice = [
      { name: "k", examples: [1] },
      { name: "k", examples: [2] },
    ];
    expect(() => labelledExamples({ name: "d", exampleShape: [1], classes: twice })).toThrow(/ILT303 .*"k"/);
  });

  it("refuses to read an example that is not there", () => {
    expect(() => read(numbered(2), 0, 1)).toThrow(/ILT304 readExample: no example 1 in class "c0"/);
  });
});

describe("selectClasses", () => {
  it("takes indices in their order, or a predicate", () => {
    expect(names(selectClasses(numbered(5), [3, 1]))).toEqual(["c3", "c1"]);
    expect(names(selectClasses(numbered(5), ({ name }, index) => index > 2 || name === "c0"))).toEqual([
      "c0",
      "c3",
      "c4",
    ]);
  });

  it("refuses classes that are not there, or twice", () => {
    expect(() => selectClasses(numbered(5), [5])).toThrow(/ILT304 selectClasses: no class 5 .*0 to 4/);
    expect(() => selectClasses(numbered(5), [0.5])).toThrow(/ILT304/);
    expect(() => selectClasses(numbered(5), [1, 1])).toThrow(/ILT303 selectClasses: index 1 is given twice/);
  });
});

describe("splitClasses", () => {
  it("gives disjoint parts that cover all, the same for the same seed", () => {
    fc.assert(
      fc.property(fc.nat(40), fc.nat(40), fc.nat(40), fc.maxSafeNat(), (train, validation, test, seed) => {
        const data = numbered(train + validation + test + 1);
        const parts = splitClasses(data, { train, validation, test: test + 1 }, seed);
        expect(parts.train.classes).toHaveLength(train);
        expect(parts.validation.classes).toHaveLength(validation);
        const all = [parts.train, parts.validation, parts.test].flatMap(names);
        expect(all.toSorted()).toEqual(names(data).toSorted());
        const again = splitClasses(data, { train, validation, test: test + 1 }, seed);
        expect([again.train, again.validation, again.test].flatMap(names)).toEqual(all);
      }),
    );
  });

  it("shuffles by the seed, or keeps the given order", () => {
    const data = numbered(50);
    const shuffled = names(splitClasses(data, { train: 25 }, 1).train);
    expect(shuffled).not.toEqual(names(data).slice(0, 25));
    expect(names(splitClasses(data, { train: 25 }, 2).train)).not.toEqual(shuffled);
    const given = splitClasses(data, { train: 30, validation: 5, test: 10, order: "given" });
    expect(names(given.train)).toEqual(names(data).slice(0, 30));
    expect(names(given.test)).toEqual(names(data).slice(35, 45));
    expect(given.test.name).toBe("numbered test");
  });

  it("takes fractions, and gives test what is left", () => {
    const sizes = (split: Parameters<typeof splitClasses>[1], n: number) => {
      const { train, validation, test } = splitClasses(numbered(n), split);
      return [train, validation, test].map(({ classes }) => classes.length);
    };
    expect(sizes({ train: 0.7, validation: 0.2, test: 0.1 }, 10)).toEqual([7, 2, 1]);
    expect(sizes({ train: 0.64, validation: 0.16, test: 0.2 }, 100)).toEqual([64, 16, 20]);
    expect(sizes({ train: 0.5 }, 7)).toEqual([4, 0, 3]);
    expect(sizes({ train: 4 }, 7)).toEqual([4, 0, 3]);
    expect(sizes({ train: 4, test: 1 }, 7)).toEqual([4, 0, 1]);
  });

  it("refuses sizes that do not fit", () => {
    for (const split of [
      { train: 8 },
      { train: 0.9, test: 0.2 },
      { train: -1 },
      { train: Number.NaN },
      { train: 5, test: 6 },
    ]) {
      expect(() => splitClasses(numbered(7), split)).toThrow(/ILT304 splitClasses: .* of 7 classes in numbered/);
    }
  });
});

describe("withRotations", () => {
  // 1 2      2 4      4 3      3 1
  // 3 4      1 3      2 1      4 2
  const small = labelledExamples({
    name: "small",
    exampleShape: [2, 2],
    classes: [
      {
        name: "a",
        examples: [
          [9, 9, 9, 9],
          [1, 2, 3, 4],
        ],
      },
      { name: "b", examples: [[5, 6, 7, 8]] },
    ],
  });

  it("turns counterclockwise, without copies", () => {
    const rotated = withRotations(small);
    expect(names(rotated)).toEqual(["a", "a @90", "a @180", "a @270", "b", "b @90", "b @180", "b @270"]);
    expect([0, 1, 2, 3].map((turn) => read(rotated, turn, 1))).toEqual([
      [1, 2, 3, 4],
      [2, 4, 1, 3],
      [4, 3, 2, 1],
      [3, 1, 4, 2],
    ]);
    expect(rotated.classes.every((entry, i) => entry.examples === small.classes[i >> 2]!.examples)).toBe(true);
  });

  it.each([1, 3])("moves whole pixels of %i channels, of bytes and of floats", (channels) => {
    const n = 5;
    const bytes = Uint8Array.from({ length: 2 * n * n * channels }, (_, i) => i);
    const floats = Float32Array.from(bytes, (byte) => byte / 255);
    const data = withRotations(
      labelledExamples({
        name: "images",
        exampleShape: [n, n, channels],
        classes: [
          { name: "bytes", examples: bytes },
          { name: "floats", examples: floats },
        ],
      }),
    );
    const turn = (image: readonly number[]): number[] => {
      const out: number[] = [];
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          const from = (j * n + (n - 1 - i)) * channels;
          out.push(...image.slice(from, from + channels));
        }
      }
      return out;
    };
    let expected = [...floats.subarray(n * n * channels)];
    for (let rotation = 0; rotation < 4; rotation++) {
      expect(read(data, rotation, 1)).toEqual(expected);
      expect(read(data, 4 + rotation, 1)).toEqual(expected);
      expected = turn(expected);
    }
  });

  it("refuses what is not square, and what is rotated", () => {
    const wide = labelledExamples({
      name: "wide",
      exampleShape: [2, 3, 1],
      classes: [{ name: "a", examples: new Uint8Array(6) }],
    });
    expect(() => withRotations(wide)).toThrow(/ILT305 withRotations: examples of wide have shape \[2, 3, 1\]\. Crop/);
    expect(() => withRotations(numbered(3))).toThrow(/ILT305/);
    expect(() => withRotations(withRotations(small))).toThrow(/ILT305 withRotations: small is rotated already/);
    expect(() => splitClasses(withRotations(small), { train: 4 })).toThrow(/ILT305 splitClasses: .*Split first/);
  });

  it("after a split, keeps all rotations of a class on one side", () => {
    const square = labelledExamples({
      name: "square",
      exampleShape: [1, 1],
      classes: Array.from({ length: 30 }, (_, i) => ({ name: `c${i}`, examples: [i] })),
    });
    const { train, test } = splitClasses(square, { train: 0.6 }, 3);
    const characters = (part: LabelledExamples) => new Set(withRotations(part).classes.map(({ examples }) => examples));
    expect(withRotations(train).classes).toHaveLength(72);
    for (const character of characters(train)) expect(characters(test).has(character)).toBe(false);
  });
});
