import { describe, expect, test } from "vitest";
import type { LabelledExamples } from "../classification/labelled-examples.js";
import { drawn, glyphs, scribbles } from "./glyphs.fixture.js";
import type { Box } from "./marked-pictures.js";
import {
  distractorLabel,
  type Scene,
  type SceneCharacter,
  type SceneOptions,
  sceneGenerator,
  sceneLevels,
} from "./scenes.js";

const characters = scribbles(8, 3);
/** A square without holes. */
const squares = glyphs([28, 28], 1, 1, () =>
  drawn([28, 28], (row, column) => Number(row > 5 && row < 22 && column > 5 && column < 22)),
);

/** So many characters of as many classes, the last two distractors. */
const some = (count: number, at: number): SceneCharacter[] =>
  Array.from({ length: count }, (_, i) => ({
    class: (at + i) % 8,
    example: (at + 2 * i) % 3,
    label: i < count - 2 ? i : distractorLabel,
  }));
const square = (count: number): SceneCharacter[] =>
  Array.from({ length: count }, () => ({ class: 0, example: 0, label: 0 }));
const scenesOf = (data: LabelledExamples, options: SceneOptions, count: number, objects = 6): Scene[] => {
  const generator = sceneGenerator(data, options);
  return Array.from({ length: count }, (_, i) =>
    generator.draw([5, i], data === squares ? square(objects) : some(objects, i)),
  );
};
const boxesOf = ({ objects, distractors }: Scene): Box[] => [...objects, ...distractors].map(({ box }) => box);
const bright: SceneOptions = { noise: 0, background: [0, 0], ink: [1, 1] };

const mean = (values: readonly number[] | Float32Array): number => {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
};
const deviation = (values: readonly number[] | Float32Array): number => {
  const middle = mean(values);
  return Math.sqrt(mean(Array.from(values, (value) => (value - middle) ** 2)));
};
/** Pixels by which boxes reach into each other at most, along the axis where it is less. */
const furthestReach = (scenes: readonly Scene[]): number => {
  let most = Number.NEGATIVE_INFINITY;
  for (const boxes of scenes.map(boxesOf)) {
    for (const [i, a] of boxes.entries()) {
      for (const b of boxes.slice(i + 1)) {
        const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
        const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
        most = Math.max(most, Math.min(across, down));
      }
    }
  }
  return most;
};
/** Values of the pixels of a scene of one channel that lie in no box. */
const outside = (scene: Scene, size = 112): number[] =>
  Array.from(scene.pixels).filter((_, i) => {
    const [y, x] = [Math.floor(i / size), i % size];
    return !boxesOf(scene).some((box) => x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height);
  });

describe("a scene", () => {
  test("is a function of its address, whatever was drawn before, and another at another", () => {
    const [first, again] = [sceneGenerator(characters, sceneLevels.hard), sceneGenerator(characters, sceneLevels.hard)];
    const alone = first.draw([1, 7, 3], some(5, 0));
    for (let i = 0; i < 5; i++) again.draw([1, i], some(6, i));
    expect(again.draw([1, 7, 3], some(5, 0))).toEqual(alone);
    for (const address of [
      [1, 7],
      [1, 7, 4],
      [2, 7, 3],
      [1, 7, 3, 0],
    ] as const) {
      const other = again.draw(address, some(5, 0));
      expect(other.pixels).not.toEqual(alone.pixels);
      expect(boxesOf(other)).not.toEqual(boxesOf(alone));
    }
  });

  test("has the objects and distractors asked for, in their order, inside the canvas", () => {
    for (const [i, scene] of scenesOf(characters, {}, 40).entries()) {
      expect(scene.objects.map(({ label }) => label)).toEqual([0, 1, 2, 3]);
      expect(scene.distractors.map(({ label }) => label)).toEqual([-1, -1]);
      for (const { x, y, width, height } of boxesOf(scene)) {
        expect([x, y, width, height].every(Number.isInteger)).toBe(true);
        expect(Math.min(x, y, 112 - x - width, 112 - y - height)).toBeGreaterThanOrEqual(0);
      }
      expect(scene.pixels).toHaveLength(112 * 112);
      expect(scene.pixels.every((value) => value >= 0 && value <= 1)).toBe(true);
      if (i > 0) continue;
      expect(sceneGenerator(characters).draw([5, 0], some(6, 0).toReversed()).distractors).toHaveLength(2);
    }
  });

  test("has boxes that are tight about its ink and hold all of it", () => {
    for (const { scene, boxes } of scenesOf(characters, { ...bright, overlap: 0 }, 60).map((scene) => ({
      scene,
      boxes: boxesOf(scene),
    }))) {
      let inBoxes = 0;
      for (const box of boxes) {
        // Boxes share no pixel here: what ink there is in one is that of its object.
        let [left, top, right, bottom] = [112, 112, 0, 0];
        for (let y = box.y; y < box.y + box.height; y++) {
          for (let x = box.x; x < box.x + box.width; x++) {
            if (scene.pixels[y * 112 + x] === 0) continue;
            inBoxes++;
            [left, top] = [Math.min(left, x), Math.min(top, y)];
            [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
          }
        }
        expect({ x: left, y: top, width: right - left, height: bottom - top }).toEqual(box);
      }
      expect(scene.pixels.filter((value) => value > 0)).toHaveLength(inBoxes);
    }
  });

  test("has boxes that reach into each other by a pixel at most", () => {
    expect(furthestReach(scenesOf(characters, {}, 150))).toBe(1);
    expect(furthestReach(scenesOf(characters, { overlap: 0 }, 150))).toBe(0);
  });

  test("has boxes wherever the looks leave them", () => {
    const plain = scenesOf(characters, {}, 3).map(boxesOf);
    for (const options of [bright, { noise: 0.2 }, sceneLevels.clutter, sceneLevels.texture, sceneLevels.colour])
      expect(scenesOf(characters, options, 3).map(boxesOf)).toEqual(plain);
  });
});

describe("distributions", () => {
  test("sizes are uniform from 20 to 36 pixels before characters are turned", () => {
    const sides = scenesOf(squares, { rotation: 0 }, 300, 3).flatMap((scene) =>
      boxesOf(scene).map(({ width }) => width),
    );
    expect(Math.min(...sides)).toBeGreaterThanOrEqual(20);
    // A rim of a quarter of a pixel of the drawing on both sides, in whole pixels.
    expect(Math.max(...sides)).toBeLessThanOrEqual(39);
    // The deviation of a mean of 900 is 0.15; of 16 / sqrt(12) 0.07.
    const rim = mean(sides) - 28;
    expect(rim).toBeGreaterThan(0);
    expect(rim).toBeLessThan(1.6);
    expect(deviation(sides)).toBeGreaterThan(4.2);
    expect(deviation(sides)).toBeLessThan(5.1);
  });

  test("angles are uniform within 12 degrees either way", () => {
    // A bar of 30 x 2: turned by an angle its box is about 30 sin(angle) higher.
    const bars = glyphs([32, 32], 1, 1, () =>
      drawn([32, 32], (row, column) => Number(column > 0 && column < 31 && row > 14 && row < 17)),
    );
    const heights = (rotation: number): number[] => {
      const generator = sceneGenerator(bars, { sizes: [40, 40], rotation });
      return Array.from({ length: 300 }, (_, i) => generator.draw([6, i], square(1)).objects[0]!.box.height);
    };
    const still = heights(0)[0]!;
    expect(new Set(heights(0))).toEqual(new Set([still]));
    const most = 40 * Math.sin((12 * Math.PI) / 180);
    const more = heights(12).map((height) => height - still);
    expect(Math.max(...more)).toBeLessThan(most + 2);
    expect(Math.max(...more)).toBeGreaterThan(most - 2);
    // Mean of 40 sin |angle|: half the most. The deviation of the mean of 300 is 0.14.
    expect(Math.abs(mean(more) - most / 2)).toBeLessThan(0.9);
    // Clockwise as often as not: the end at the right is then the lower one. The deviation of 300 is 8.7.
    const generator = sceneGenerator(bars, { ...bright, sizes: [40, 40] });
    const clockwise = Array.from({ length: 300 }, (_, i) => {
      const { objects, pixels } = generator.draw([6, i], square(1));
      const { x, y, width, height } = objects[0]!.box;
      const middleOf = (column: number): number => {
        const rows = Array.from({ length: height }, (_, row) => row).filter(
          (row) => pixels[(y + row) * 112 + x + column]! > 0,
        );
        return mean(rows);
      };
      return Number(middleOf(width - 3) > middleOf(2));
    });
    expect(Math.abs(mean(clockwise) - 0.5)).toBeLessThan(5 * 0.029);
  });

  test("places are as likely everywhere", () => {
    const generator = sceneGenerator(squares, { sizes: [20, 20], rotation: 0 });
    const boxes = Array.from({ length: 600 }, (_, i) => generator.draw([8, i], square(1)).objects[0]!.box);
    for (const values of [boxes.map(({ x }) => x), boxes.map(({ y }) => y)]) {
      const most = 112 - boxes[0]!.width;
      expect(Math.abs(mean(values) - most / 2)).toBeLessThan(5 * (most / Math.sqrt(12 * 600)));
      expect(Math.min(...values)).toBeLessThan(3);
      expect(Math.max(...values)).toBeGreaterThan(most - 3);
    }
  });

  test("levels of ink and background are uniform in their ranges", () => {
    const scenes = scenesOf(squares, { noise: 0 }, 400, 1);
    const papers = scenes.map(({ pixels }) => Math.min(...pixels));
    const inks = scenes.map(({ pixels }) => Math.max(...pixels));
    for (const [levels, low, high] of [
      [papers, 0, 0.25],
      [inks, 0.6, 1],
    ] as const) {
      expect(Math.min(...levels)).toBeGreaterThanOrEqual(low - 1e-6);
      expect(Math.max(...levels)).toBeLessThanOrEqual(high);
      const width = high - low;
      expect(Math.abs(mean(levels) - (low + high) / 2)).toBeLessThan(5 * (width / Math.sqrt(12 * 400)));
      expect(Math.abs(deviation(levels) - width / Math.sqrt(12))).toBeLessThan(0.06 * width);
    }
    // Where objects are tells nothing of them: the deviation of a correlation of 400 is 0.05.
    const correlation = (a: readonly number[], b: readonly number[]): number =>
      mean(a.map((value, i) => (value - mean(a)) * (b[i]! - mean(b)))) / (deviation(a) * deviation(b));
    for (const of of ["x", "y", "width", "height"] as const) {
      const values = scenes.map((scene) => boxesOf(scene)[0]![of]);
      for (const levels of [papers, inks]) expect(Math.abs(correlation(values, levels))).toBeLessThan(0.25);
    }
    // Each object has its own.
    const { objects, pixels } = scenesOf(squares, { noise: 0 }, 1, 3)[0]!;
    const middles = objects.map(({ box }) => pixels[(box.y + (box.height >> 1)) * 112 + box.x + (box.width >> 1)]);
    expect(new Set(middles).size).toBe(3);
  });

  test.each([112, 35])("noise is normal, of no memory, on a canvas of %i", (size) => {
    // Far from 0 and 1, where it is cut.
    const generator = sceneGenerator(squares, { noise: 0.05, background: [0.5, 0.5], size, sizes: [10, 12] });
    const values = Array.from({ length: 20 }, (_, i) => generator.draw([9, i], []).pixels).flatMap((pixels) =>
      Array.from(pixels, (value) => (value - 0.5) / 0.05),
    );
    // Each pixel has some, the last one of an odd number too.
    const still = Array.from({ length: size * size }, (_, i) => i).filter(
      (i) => values[i] === 0 && values[i + size * size] === 0,
    );
    expect(still).toEqual([]);
    const n = values.length;
    const bound = 5 / Math.sqrt(n);
    const moment = (power: number): number => mean(values.map((value) => value ** power));
    expect(Math.abs(moment(1))).toBeLessThan(bound);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(bound * Math.sqrt(2));
    expect(Math.abs(moment(3))).toBeLessThan(bound * Math.sqrt(15));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(bound * Math.sqrt(96));
    // Two of one word, and those of neighbouring words.
    for (const lag of [1, 2, size]) {
      const products = values.slice(lag).map((value, i) => value * values[i]!);
      expect(Math.abs(mean(products))).toBeLessThan(bound);
    }
    // Independent, not uncorrelated alone: cosine and sine of one radius would have correlated squares at a fixed one.
    expect(Math.abs(mean(values.slice(1).map((value, i) => value ** 2 * values[i]! ** 2)) - 1)).toBeLessThan(bound * 3);
  });
});

describe("levels", () => {
  const plain = scenesOf(characters, { noise: 0 }, 60);
  const at = (level: keyof typeof sceneLevels): Scene[] =>
    scenesOf(characters, { noise: 0, ...sceneLevels[level] }, 60);

  test("overlap lets boxes reach further into each other", () => {
    const reach = furthestReach(at("overlap"));
    expect(reach).toBeGreaterThan(5);
    expect(reach).toBeLessThanOrEqual(10);
  });

  test("clutter draws lines where there are no objects", () => {
    // On an even background pixels outside of boxes are all of one level.
    for (const scene of plain) expect(deviation(outside(scene))).toBeLessThan(1e-6);
    const shares = at("clutter").map((scene) => {
      const pixels = outside(scene);
      const paper = Math.min(...pixels);
      return mean(pixels.map((value) => Number(value > paper + 0.1)));
    });
    // Eight lines of 56 pixels by 2, some beyond the canvas or behind objects: of 12,544.
    expect(mean(shares)).toBeGreaterThan(0.03);
    expect(mean(shares)).toBeLessThan(0.1);
  });

  test("clutter stays behind objects", () => {
    const wide: SceneOptions = { ...bright, sizes: [80, 80], rotation: 0, ink: [0.7, 0.9], clutter: 40 };
    const scene = sceneGenerator(squares, wide).draw([3, 0], square(1));
    const [{ x, y, width, height } = { x: 0, y: 0, width: 0, height: 0 }] = boxesOf(scene);
    const inner = Array.from({ length: height - 16 }, (_, i) =>
      Array.from(scene.pixels.subarray((y + 8 + i) * 112 + x + 8, (y + 8 + i) * 112 + x + width - 8)),
    ).flat();
    expect(deviation(inner)).toBeLessThan(1e-6);
    expect(deviation(outside(scene))).toBeGreaterThan(0.1);
  });

  test("texture changes the background, smoothly and by no more than it says", () => {
    for (const scene of at("texture").slice(0, 20)) {
      const pixels = outside(scene);
      expect(deviation(pixels)).toBeGreaterThan(0.02);
      expect(Math.max(...pixels) - Math.min(...pixels)).toBeLessThanOrEqual(0.3);
    }
    const { pixels } = sceneGenerator(characters, { noise: 0, texture: 0.3 }).draw([2, 0], []);
    // Two octaves, of cells of 28 and 7 pixels: no step of neighbours is larger than theirs.
    const steps = Array.from(pixels.subarray(1), (value, i) => ((i + 1) % 112 ? Math.abs(value - pixels[i]!) : 0));
    expect(Math.max(...steps)).toBeLessThanOrEqual(0.2 / 28 + 0.1 / 7 + 1e-6);
  });

  test("sizes are from 12 to 60", () => {
    const sides = at("sizes").flatMap((scene) => boxesOf(scene).map(({ width, height }) => Math.max(width, height)));
    const plainSides = plain.flatMap((scene) => boxesOf(scene).map(({ width, height }) => Math.max(width, height)));
    expect(Math.min(...sides)).toBeLessThan(16);
    expect(Math.max(...sides)).toBeGreaterThan(50);
    expect(Math.min(...plainSides)).toBeGreaterThan(17);
    expect(Math.max(...plainSides)).toBeLessThan(46);
  });

  test("colour gives each object and background a colour of its own", () => {
    const generator = sceneGenerator(squares, { noise: 0, ...sceneLevels.colour });
    for (let i = 0; i < 20; i++) {
      const { pixels, objects } = generator.draw([4, i], square(3));
      expect(pixels).toHaveLength(112 * 112 * 3);
      const colours = objects.map(({ box }) => {
        const at = ((box.y + (box.height >> 1)) * 112 + box.x + (box.width >> 1)) * 3;
        return Array.from(pixels.subarray(at, at + 3));
      });
      expect(new Set(colours.map((colour) => colour.join(" "))).size).toBe(3);
      for (const colour of colours) {
        // One channel at least is as strong as ink of grey scenes, and none is darker than all backgrounds.
        expect(Math.max(...colour)).toBeGreaterThanOrEqual(0.6);
        expect(Math.min(...colour)).toBeGreaterThanOrEqual(0.25);
        expect(new Set(colour).size).toBe(3);
      }
    }
    const strongest = Array.from({ length: 300 }, (_, i) => {
      const { pixels, objects } = generator.draw([14, i], square(1));
      const { box } = objects[0]!;
      const at = ((box.y + (box.height >> 1)) * 112 + box.x + (box.width >> 1)) * 3;
      const colour = Array.from(pixels.subarray(at, at + 3));
      return colour.indexOf(Math.max(...colour));
    });
    for (const channel of [0, 1, 2])
      expect(Math.abs(strongest.filter((found) => found === channel).length - 100)).toBeLessThan(5 * 8.2);
  });

  test("large objects lie below small ones", () => {
    const wide = { ...bright, ink: [0.5, 1] as const, overlap: 112, sizes: [10, 60] as const, rotation: 0 };
    for (let i = 0; i < 40; i++) {
      const scene = sceneGenerator(squares, wide).draw([15, i], square(2));
      // Of equal ones the later lies above.
      const [small] = scene.objects.toReversed().sort((a, b) => a.box.width - b.box.width);
      const { x, y, width, height } = small!.box;
      const inner = Array.from({ length: height - 8 }, (_, row) =>
        Array.from(scene.pixels.subarray((y + 4 + row) * 112 + x + 4, (y + 4 + row) * 112 + x + width - 4)),
      ).flat();
      // Of one level: nothing of the larger one shows.
      if (inner.length > 0) expect(deviation(inner)).toBeLessThan(1e-6);
    }
  });
});

describe("what cannot be drawn is refused", () => {
  test.each([
    ["size is 7", { size: 7 }],
    ["size is 5000", { size: 5000 }],
    ["channels is 2", { channels: 2 as 1 }],
    ["background is 0.5,0.2", { background: [0.5, 0.2] }],
    ["background is -0.1,0.2", { background: [-0.1, 0.2] }],
    ["ink is 0.6,1.2", { ink: [0.6, 1.2] }],
    ["ink is 1", { ink: 1 as unknown as [number, number] }],
    ["sizes is 2,20", { sizes: [2, 20] }],
    ["sizes is 20,120", { sizes: [20, 120] }],
    ["sizes is NaN,20", { sizes: [Number.NaN, 20] }],
    ["noise is -1", { noise: -1 }],
    ["rotation is 181", { rotation: 181 }],
    ["overlap is -1", { overlap: -1 }],
    ["clutter is 1.5", { clutter: 1.5 }],
    ["clutter is 113", { clutter: 113 }],
    ["texture is 2", { texture: 2 }],
  ] satisfies [string, SceneOptions][])("%s", (problem, options) => {
    expect(() => sceneGenerator(characters, options)).toThrow(`ILT201 sceneGenerator: ${problem}`);
  });

  test("more characters than there is room for", () => {
    const { draw, draws } = sceneGenerator(squares, { sizes: [30, 36] });
    expect(() => draw([1, 0], square(16))).toThrow(
      /^ILT201 sceneGenerator: 16 characters of 30 to 36 pixels find no place on 112 x 112 in 1000 layouts\. Lower sizes/,
    );
    expect(draws([1, 0], square(16))).toBe(Number.POSITIVE_INFINITY);
    expect(draws([1, 0], square(3))).toBe(1);
    // Where they fit in some sizes only, these are drawn.
    const crowded = Array.from({ length: 10 }, (_, i) => draws([1, i], square(6)));
    expect(Math.max(...crowded)).toBeGreaterThan(1);
  });

  test("characters that are not there", () => {
    const { draw } = sceneGenerator(squares);
    expect(() => draw([1], [{ class: 1, example: 0, label: 0 }])).toThrow(
      "ILT304 sceneGenerator: no class 1 in glyphs",
    );
    expect(() => draw([1], [{ class: 0, example: 1, label: 0 }])).toThrow("ILT304");
    expect(() => draw([-1], [])).toThrow(RangeError);
  });
});
