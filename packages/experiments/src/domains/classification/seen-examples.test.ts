import type { LabelledExamples } from "@innerloop/core";
import { describe, expect, it } from "vitest";
import { seenExamples, unseenClasses } from "./seen-examples.js";

/** Classes c0, c1, ... whose examples are all different. */
function madeUp(from: number, to: number, count: number): LabelledExamples {
  const classes = Array.from({ length: to - from }, (_, i) => ({
    name: `c${from + i}`,
    count,
    examples: Uint8Array.from({ length: 4 * count }, (_, at) => [from + i, at >> 2, 200, at >> 10][at & 3]!),
  }));
  return { name: "made up", exampleShape: [2, 2, 1], classes };
}
const ways = (n: number) => ({ ways: n });

describe("classes that a run has seen", () => {
  for (const count of [3, 100]) {
    it(`are known again under other names, with examples more and in another order: ${count} of each`, () => {
      const record = { name: "own", seen: seenExamples([madeUp(0, 6, count), madeUp(6, 8, count)]) };
      const copy = {
        ...madeUp(4, 12, count + 1),
        classes: madeUp(4, 12, count + 1).classes.map((entry) => ({
          ...entry,
          name: `other ${entry.name}`,
          examples: Uint8Array.from({ length: 4 * (count + 1) }, (_, at) => {
            const example = count - (at >> 2);
            return entry.examples[4 * example + (at & 3)]!;
          }),
        })),
      };
      const { examples, warning } = unseenClasses(copy, record, ways(4));
      expect(examples.classes.map(({ name }) => name)).toEqual(["other c8", "other c9", "other c10", "other c11"]);
      expect(warning).toMatch(/of made up, 4 of 8 classes hold examples that the run was .*: other c4, .*left out/);
      expect(() => unseenClasses(copy, record, ways(5))).toThrow(/4 classes are left, too few for 5-way tasks/);
    });
  }

  it("are none of other data, of blank images, or of a record without them", () => {
    const other = madeUp(8, 12, 3);
    expect(unseenClasses(other, { name: "own", seen: seenExamples([madeUp(0, 8, 3)]) }, ways(2))).toEqual({
      examples: other,
    });
    const blank = { ...other, classes: [{ name: "blank", count: 2, examples: new Uint8Array(8) }] };
    expect(seenExamples([blank])).toBe("");
    expect(unseenClasses(other, { name: "own", seen: "abc " }, ways(2))).toEqual({ examples: other });
    expect(unseenClasses(other, { name: "own" }, ways(2))).toEqual({ examples: other });
  });

  it("take little room, however many there are", () => {
    expect(seenExamples([madeUp(0, 200, 200)]).split(" ")).toHaveLength(200 * 20);
    expect(seenExamples([madeUp(0, 2, 200)]).split(" ")).toHaveLength(64);
  });
});
