import { describe, expect, it } from "vitest";
import { random } from "../../random/random.js";
import { taskErrorCodes } from "../../tasks/task.js";
import { augmentImages, type ImageAugmentationOptions } from "./augmentation.js";
import { episodes } from "./episodes.js";
import { type LabelledExamples, labelledExamples } from "./labelled-examples.js";

/** The images that an augmentation makes of one, by so many draws. */
function variants(
  image: readonly number[],
  shape: readonly number[],
  options: ImageAugmentationOptions,
  draws = 200,
): number[][] {
  const augment = augmentImages(options);
  const source = random(7);
  return Array.from({ length: draws }, () => {
    // With neighbours on both sides, which stay as they are.
    const pixels = Float32Array.from([9, ...image, 9]);
    augment(pixels, 1, shape, source);
    expect([pixels[0], pixels.at(-1)]).toEqual([9, 9]);
    return Array.from(pixels.slice(1, -1));
  });
}
const distinct = (images: readonly number[][]): string[] => [...new Set(images.map((image) => image.join(" ")))].sort();

describe("augmentImages", () => {
  it("mirrors as often as asked, and moves channels together", () => {
    const image = [1, 2, 3, 4, 5, 6];
    expect(distinct(variants(image, [1, 2, 3], { flip: 0.5 }))).toEqual(["1 2 3 4 5 6", "4 5 6 1 2 3"]);
    expect(distinct(variants(image, [2, 3, 1], { flip: 1 }))).toEqual(["3 2 1 6 5 4"]);
    expect(distinct(variants(image, [2, 3], { flip: 0 }))).toEqual(["1 2 3 4 5 6"]);
    const flips = variants(image, [1, 2, 3], { flip: 0.25 }, 4000).filter(([first]) => first === 4).length;
    // Deviation 27 of 1,000.
    expect(Math.abs(flips - 1000)).toBeLessThan(5 * 27.4);
  });

  it("shifts by crops of the image reflected at its edges", () => {
    // [1 2 3 4] padded by two: 3 2 [1 2 3 4] 3 2.
    const row = ["1 2 3 4", "2 1 2 3", "2 3 4 3", "3 2 1 2", "3 4 3 2"];
    expect(distinct(variants([1, 2, 3, 4], [1, 4, 1], { shift: 2 }))).toEqual(row);
    expect(distinct(variants([1, 2, 3, 4], [4, 1, 1], { shift: 2 }))).toEqual(row);
    // Both axes are independent: all 25 places come up.
    const square = Array.from({ length: 16 }, (_, i) => i);
    expect(distinct(variants(square, [4, 4, 1], { shift: 2 }, 1000))).toHaveLength(25);
    // Further than the image is wide: reflected again and again.
    for (const image of variants([1, 2, 3], [1, 3, 1], { shift: 20 })) {
      expect(Math.abs(image[0]! - image[1]!)).toBe(1);
      expect(Math.abs(image[1]! - image[2]!)).toBe(1);
    }
    expect(distinct(variants([5], [1, 1, 1], { shift: 3 }))).toEqual(["5"]);
  });

  it("changes brightness by one factor of its range, cut to [0, 1]", () => {
    const factors = variants([0.25, 0.5, 1], [1, 3, 1], { brightness: 0.4 }, 2000).map(([a, b, c]) => {
      expect(b).toBeCloseTo(2 * a!, 6);
      expect(c).toBeCloseTo(Math.min(1, 4 * a!), 6);
      return 4 * a!;
    });
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.6 - 1e-6);
    expect(Math.max(...factors)).toBeLessThanOrEqual(1.4 + 1e-6);
    // U[0.6, 1.4]: a range of 2,000 draws misses each end by 0.0004 on average.
    expect(Math.min(...factors)).toBeLessThan(0.605);
    expect(Math.max(...factors)).toBeGreaterThan(1.395);
    const strong = variants([0.5], [1, 1, 1], { brightness: 3 }).flat();
    expect([Math.min(...strong) >= 0, Math.max(...strong)]).toEqual([true, 1]);
  });

  it("changes contrast about the mean grey, saturation about the pixel's own", () => {
    for (const [a, b] of variants([0.4, 0.6], [1, 2, 1], { contrast: 0.5 })) {
      expect(a! + b!).toBeCloseTo(1, 6);
      expect(Math.abs(b! - a! - 0.2)).toBeLessThanOrEqual(0.1 + 1e-6);
    }
    const grey = ([r, g, b]: readonly number[]): number => 0.299 * r! + 0.587 * g! + 0.114 * b!;
    const pixel = [0.3, 0.5, 0.4];
    const changed = variants(pixel, [1, 1, 3], { saturation: 0.5 });
    for (const values of changed) expect(grey(values)).toBeCloseTo(grey(pixel), 6);
    expect(distinct(changed).length).toBeGreaterThan(150);
    // One colour all over: its distance from its own grey is what contrast changes.
    for (const values of variants(pixel, [1, 1, 3], { contrast: 0.5 }))
      expect(grey(values)).toBeCloseTo(grey(pixel), 6);
    expect(distinct(variants([0.3, 0.5], [1, 2, 1], { saturation: 0.5 }))).toHaveLength(1);
  });

  it("says what it does, and refuses what it cannot", () => {
    expect(augmentImages({ flip: 0.5, shift: 8, contrast: 0.4 }).description).toBe("flip 0.5, shift 8, contrast 0.4");
    expect(augmentImages({}).description).toBe("none");
    for (const bad of [{ flip: 1.5 }, { shift: 0.5 }, { shift: -1 }, { brightness: Number.NaN }, { contrast: -0.1 }]) {
      expect(() => augmentImages(bad)).toThrow(/^ILT201 augmentImages: \w+ is .*Give a (whole )?number from 0 to/);
    }
    for (const shape of [[4], [1, 2, 2, 1]]) {
      expect(() => augmentImages({ flip: 1 })(new Float32Array(4), 0, shape, random(1))).toThrow(/^ILT306 .*no images/);
    }
    expect(taskErrorCodes.ILT306).toMatch(/augmentation/);
  });
});

describe("episodes with augmented images", () => {
  const data: LabelledExamples = labelledExamples({
    name: "ramps",
    exampleShape: [4, 4, 3],
    classes: Array.from({ length: 4 }, (_, c) => ({
      name: `${c}`,
      examples: Array.from({ length: 4 }, (_, e) =>
        Uint8Array.from({ length: 48 }, (_, i) => 40 * c + 9 * e + 2 * (i % 7)),
      ),
    })),
  });
  const options = { ways: 3, shots: 1, queries: 2 };
  const augment = augmentImages({ flip: 0.5, shift: 1, brightness: 0.2, contrast: 0.2, saturation: 0.2 });

  it("are a function of the task's address, of the same examples, and leave the data alone", () => {
    const before = data.classes.map(({ examples }) => examples.join());
    const source = episodes(data, { ...options, augment });
    const values = (index: number): string => {
      const { support, query } = source.sample(3, index);
      return `${support.x.data!.join(" ")} ${query.x.data!.join(" ")}`;
    };
    const first = values(0);
    const later = values(1);
    expect([values(1), values(0)]).toEqual([later, first]);
    // Another instance of the same changes, which has no state of the first.
    const again = episodes(data, {
      ...options,
      augment: augmentImages({ flip: 0.5, shift: 1, brightness: 0.2, contrast: 0.2, saturation: 0.2 }),
    });
    expect(again.sample(3, 1).query.x.data).toEqual(source.sample(3, 1).query.x.data);
    const plain = episodes(data, options);
    expect(plain.sample(3, 0).support.y.data).toEqual(source.sample(3, 0).support.y.data);
    expect(plain.sample(3, 0).support.x.data).not.toEqual(source.sample(3, 0).support.x.data);
    // Without changes that change anything the examples are those of the plain source.
    const none = episodes(data, { ...options, augment: augmentImages({}) });
    expect(none.sample(3, 0).query.x.data).toEqual(plain.sample(3, 0).query.x.data);
    expect(data.classes.map(({ examples }) => examples.join())).toEqual(before);
    expect(source.description.augmentation).toMatch(/^flip 0.5, shift 1/);
  });
});
