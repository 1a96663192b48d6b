import { describe, expect, it } from "vitest";
import { random } from "../../random/random.js";
import { sampleTasks } from "../../training/task-batch.js";
import { allClasses } from "../classification/all-classes.js";
import { augmentImages } from "../classification/augmentation.js";
import { episodes } from "../classification/episodes.js";
import {
  type ExampleClassInput,
  type LabelledExamples,
  labelledExamples,
  readExample,
  withRotations,
} from "../classification/labelled-examples.js";
import { openSetEpisodes } from "../classification/open-set-episodes.js";
import { semiSupervisedEpisodes } from "../classification/semi-supervised-episodes.js";
import { wordDropout } from "./word-dropout.js";

const count = 500;
const listed = (c: number, e: number, i: number): number => 1 + 80 * c + 10 * e + i;
/** Six classes of eight lists of up to five ids, which tell class and example. */
const requests: LabelledExamples = labelledExamples({
  name: "requests",
  exampleShape: [5],
  ids: { count },
  classes: Array.from({ length: 6 }, (_, c) => ({
    name: `intent ${c}`,
    examples: Array.from({ length: 8 }, (_, e) =>
      Int32Array.from({ length: 5 }, (_, i) => (i > e % 5 ? 0 : listed(c, e, i))),
    ),
  })),
});

describe("labelled examples of ids", () => {
  const make = (examples: unknown, ids: unknown = { count: 10 }): LabelledExamples =>
    labelledExamples({
      name: "own",
      exampleShape: [2],
      ids: ids as { count: number },
      classes: [{ name: "a", examples: examples as ExampleClassInput["examples"] }],
    });

  it("keep an Int32Array uncopied, and make one of lists", () => {
    const whole = Int32Array.of(9, 0, 1, 2);
    expect(make(whole).classes[0]!.examples).toBe(whole);
    expect(make([Int32Array.of(9, 0), [1, 2]]).classes[0]).toEqual({ name: "a", count: 2, examples: whole });
    expect(make(whole).ids).toEqual({ count: 10 });
    const out = new Int32Array(4).fill(-1);
    readExample(make(whole), make(whole).classes[0]!, 1, out, 1);
    expect([...out]).toEqual([-1, 1, 2, -1]);
    expect(() => readExample(make(whole), make(whole).classes[0]!, 1, new Float32Array(2), 0)).toThrow(
      /^ILT301 readExample: class "a" of own holds an? Int32Array.*Give an Int32Array for ids/,
    );
  });

  it("are refused where one is no id, with class and example", () => {
    for (const [examples, found] of [
      [Int32Array.of(1, 2, 3, 10), "example 1 holds 10"],
      [Int32Array.of(1, -1), "example 0 holds -1"],
      [
        [
          [1, 2],
          [3, 2.5],
        ],
        "example 1 holds 2.5",
      ],
      [
        [
          [1, 2],
          [2 ** 32, 0],
        ],
        "example 1 holds 4294967296",
      ],
    ] as const)
      expect(() => make(examples)).toThrow(
        new RegExp(`^ILT309 labelledExamples: class "a", ${found}\\. Ids are .* to 9;`),
      );
  });

  it("are refused where they are of another type, or their number is none", () => {
    for (const examples of [Uint8Array.of(1, 2), Float32Array.of(1, 2), [Float32Array.of(1, 2)]])
      expect(() => make(examples)).toThrow(
        /^ILT301 labelledExamples: class "a" of ids holds .* which is no Int32Array/,
      );
    for (const ids of [null, {}, { count: 1 }, { count: 2.5 }, { count: "9" }])
      expect(() => make(Int32Array.of(0, 0), ids)).toThrow(/^ILT201 labelledExamples: ids\.count is /);
    const unsaid = { name: "own", exampleShape: [2], classes: [{ name: "a", examples: Int32Array.of(1, 2) }] };
    expect(() => labelledExamples(unsaid)).toThrow(/^ILT301 .*Say how many ids there are, ids: \{ count \}/);
    expect(() => withRotations(make([[1, 2]]))).toThrow(/^ILT305 withRotations: examples of own are ids/);
  });
});

describe("tasks of ids", () => {
  const shape = { ways: 3, shots: 2, queries: 1 };
  const sources = {
    episodes: episodes(requests, shape),
    "episodes that vary": episodes(requests, { ways: 3, shots: { from: 1, to: 4 }, queries: 2 }),
    openSetEpisodes: openSetEpisodes(requests, shape),
    semiSupervisedEpisodes: semiSupervisedEpisodes(requests, { ...shape, unlabelled: 2 }),
    allClasses: allClasses(requests, { batch: 9 }),
  };

  it.each(Object.entries(sources))("%s: int32, as they are, of the class that the label says", (_, source) => {
    expect(source.spec.x).toEqual({ shape: [5], dtype: "int32", range: { least: 0, most: count - 1 } });
    const { support, query } = source.sample(5, 1);
    for (const { x, y, present } of [support, query]) {
      expect([x.dtype, x.shape]).toEqual(["int32", [y.size, 5]]);
      const classOfLabel = new Map<number, number>();
      for (let row = 0; row < y.size; row++) {
        const ids = Array.from(x.data as Int32Array).slice(5 * row, 5 * row + 5);
        if (present?.data?.[row] === 0) {
          expect(ids).toEqual([0, 0, 0, 0, 0]);
          continue;
        }
        const [c, e] = [Math.floor((ids[0]! - 1) / 80), Math.floor(((ids[0]! - 1) % 80) / 10)];
        expect(ids).toEqual([0, 1, 2, 3, 4].map((i) => (i > e % 5 ? 0 : listed(c, e, i))));
        const label = Number(y.data![row]);
        if (label < 0) continue;
        expect(classOfLabel.get(label) ?? c).toBe(c);
        classOfLabel.set(label, c);
      }
      expect(classOfLabel.size).toBeGreaterThan(0);
    }
    // As training draws them, which holds them to their range.
    expect(sampleTasks(source, 5, 0, 3).support.x.dtype).toBe("int32");
  });

  it("are refused of data whose arrays are not of ids where they say so, or the reverse", () => {
    const [first, ...others] = requests.classes;
    const numbers = { ...first!, examples: Float32Array.from(first!.examples) };
    expect(() => episodes({ ...requests, classes: [numbers, ...others] }, shape)).toThrow(
      /^ILT301 episodes: class "intent 0" of requests has no ids in data of ids/,
    );
    const { ids: _, ...unsaid } = requests;
    expect(() => allClasses(unsaid, { batch: 2 })).toThrow(
      /^ILT301 allClasses: .* has ids in data that do not say how many/,
    );
  });

  it("change by augmentations of ids alone, and numbers by none of these", () => {
    for (const make of [
      (augment: ReturnType<typeof augmentImages>) => episodes(requests, { ...shape, augment }),
      (augment: ReturnType<typeof augmentImages>) => allClasses(requests, { batch: 4, augment }),
    ])
      expect(() => make(augmentImages({ flip: 1 }))).toThrow(
        /^ILT306 .*flip 1 is of numbers, and examples of requests are ids/,
      );
    const points = labelledExamples({
      name: "points",
      exampleShape: [1],
      classes: [{ name: "a", examples: [1, 2, 3] }],
    });
    expect(() => allClasses(points, { batch: 2, augment: wordDropout(0.3) })).toThrow(
      /^ILT306 allClasses: the augmentation word dropout 0.3 is of ids, and examples of points are numbers/,
    );
  });
});

describe("wordDropout", () => {
  const draws = (rate: number, ids: readonly number[], n = 4000): number[][] => {
    const augment = wordDropout(rate);
    const source = random(3);
    return Array.from({ length: n }, () => {
      const values = Int32Array.from([7, ...ids, 7]);
      augment(values, 1, [ids.length], source);
      expect([values[0], values.at(-1)]).toEqual([7, 7]);
      return Array.from(values.slice(1, -1));
    });
  };

  it("makes ids 0 where they stand, as often as asked", () => {
    const found = draws(0.3, [11, 12, 0, 13, 14, 15, 16, 0]);
    const kept = (at: number): number => found.filter((ids) => ids[at]! > 0).length;
    for (const [at, id] of [11, 12, 0, 13, 14, 15, 16, 0].entries()) {
      for (const ids of found) expect([0, id]).toContain(ids[at]);
      // 2,800 of 4,000, deviation 29; that all six are dropped and one stays is 0.0007 of them.
      if (id > 0) expect(Math.abs(kept(at) - 2800)).toBeLessThan(5 * 29);
    }
    // Independently: both of a pair in 0.49 of the cases.
    const both = found.filter((ids) => ids[0]! > 0 && ids[1]! > 0).length;
    expect(Math.abs(both - 1960)).toBeLessThan(5 * 31.6);
  });

  it("never drops all, and each is as likely to stay", () => {
    const found = draws(0.99, [0, 5, 6, 0, 7]);
    for (const ids of found) expect(ids.filter((id) => id > 0).length).toBeGreaterThan(0);
    for (const at of [1, 2, 4]) {
      const kept = found.filter((ids) => ids[at]! > 0).length;
      expect(Math.abs(kept - 4000 * (0.01 + 0.99 ** 3 / 3))).toBeLessThan(5 * 30);
    }
    expect(draws(0.5, [0, 0, 0], 3)).toEqual([
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(draws(0.9, [0, 8], 50).every((ids) => ids[1] === 8)).toBe(true);
    expect(draws(0, [3, 0, 4], 3)).toEqual([
      [3, 0, 4],
      [3, 0, 4],
      [3, 0, 4],
    ]);
  });

  it("leaves a task a function of its address, its examples those of the plain one, and the data as they are", () => {
    const before = requests.classes.map(({ examples }) => examples.join());
    const shape = { ways: 4, shots: 2, queries: 3 };
    const [plain, source] = [episodes(requests, shape), episodes(requests, { ...shape, augment: wordDropout(0.4) })];
    const values = (from: typeof plain, index: number): number[] =>
      Array.from(from.sample(2, index).query.x.data as Int32Array);
    const first = values(source, 0);
    values(source, 1);
    expect(values(source, 0)).toEqual(first);
    const whole = values(plain, 0);
    expect(first).not.toEqual(whole);
    for (const [i, id] of first.entries()) expect([0, whole[i]]).toContain(id);
    expect(source.spec.x.range).toEqual({ least: 0, most: count - 1 });
    expect(source.description.augmentation).toBe("word dropout 0.4");
    expect(requests.classes.map(({ examples }) => examples.join())).toEqual(before);
  });

  it("refuses rates out of their range", () => {
    for (const rate of [-0.1, 1, Number.NaN]) expect(() => wordDropout(rate)).toThrow(/^ILT201 wordDropout: rate is /);
  });
});
