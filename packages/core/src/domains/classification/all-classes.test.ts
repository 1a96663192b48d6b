import { describe, expect, test } from "vitest";
import { sampleTasks } from "../../training/task-batch.js";
import { allClasses } from "./all-classes.js";
import { labelledExamples } from "./labelled-examples.js";

// Example e of class c is the number 100 c + e; classes are of 1, 3, 8 examples.
const data = labelledExamples({
  name: "numbers",
  exampleShape: [1],
  classes: [1, 3, 8].map((count, c) => ({
    name: `class ${c}`,
    examples: Array.from({ length: count }, (_, e) => [100 * c + e]),
  })),
});
const source = allClasses(data, { batch: 5 });
const numbers = (x: { readonly data?: unknown }): number[] => Array.from(x.data as Float32Array);

describe("allClasses", () => {
  test("labels are the places of classes in the data, examples are distinct, the support set is one of them", () => {
    for (let index = 0; index < 50; index++) {
      const { support, query } = source.sample(1, index);
      const x = numbers(query.x);
      expect(numbers(query.y)).toEqual(x.map((value) => Math.floor(value / 100)));
      expect(new Set(x).size).toBe(5);
      expect([numbers(support.x), numbers(support.y)]).toEqual([x.slice(0, 1), numbers(query.y).slice(0, 1)]);
    }
    expect(numbers(allClasses(data, { batch: 12 }).sample(3, 0).query.x).sort((a, b) => a - b)).toEqual([
      0, 100, 101, 102, 200, 201, 202, 203, 204, 205, 206, 207,
    ]);
  });

  test("every example is equally likely, whatever the size of its class", () => {
    const seen = new Map<number, number>();
    for (let index = 0; index < 1200; index++)
      for (const value of numbers(source.sample(2, index).query.x)) seen.set(value, (seen.get(value) ?? 0) + 1);
    expect(seen.size).toBe(12);
    // 500 of each, with a deviation of 17.
    for (const count of seen.values()) expect(Math.abs(count - 500)).toBeLessThan(85);
  });

  test("says its protocol, and its labels pass the check", () => {
    expect(source.description).toEqual({ data: "numbers", classes: 3, batch: 5 });
    expect(source.spec.y.classes?.count).toBe(3);
    expect(sampleTasks(source, 1, 0, 2).query.x.shape).toEqual([2, 5, 1]);
    const doubled = Object.assign(
      (pixels: Float32Array, offset: number) => {
        pixels[offset]! *= 2;
      },
      { description: "doubled" },
    );
    const changed = allClasses(data, { batch: 5, augment: doubled });
    expect(numbers(changed.sample(1, 0).query.x)).toEqual(numbers(source.sample(1, 0).query.x).map((v) => 2 * v));
    expect(changed.description.augmentation).toBe("doubled");
  });

  test("refuses a batch that cannot be", () => {
    expect(() => allClasses(data, { batch: 0 })).toThrow(/^ILT201 allClasses: batch is 0/);
    expect(() => allClasses(data, { batch: 13 })).toThrow(/^ILT201 allClasses: a batch of 13 from the 12 examples/);
  });
});
