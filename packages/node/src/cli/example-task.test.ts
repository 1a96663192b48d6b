import { describe, expect, it } from "vitest";
import { type ExampleTask, exampleTaskLines } from "./example-task.js";
import { paintFor, widthOf } from "./terminal.js";

const names = ["一", "二", "三", "四", "五"];
const image = () => new Float32Array(28 * 28).fill(1);
const task: ExampleTask = {
  names,
  support: names.map(image),
  queries: [names.map(image), names.map(image)],
};
/** Sure of the class at each place. */
const sureOf = (...classes: number[]): number[][] =>
  classes.map((chosen) => names.map((_, i) => (i === chosen ? 0.92 : 0.02)));
const after = sureOf(0, 1, 2, 3, 4, 0, 1, 3, 3, 4);
const lines = (width: number): string[] =>
  exampleTaskLines(task, { before: sureOf(0, 0, 0, 0, 0, 1, 1, 1, 1, 1), after, steps: 10 }, [28, 28, 1], {
    paint: paintFor(false),
    width,
  }).flatMap((line) => line.split("\n"));

describe("an example task", () => {
  it.each([80, 200, 40])("has all classes and all answers, in %d columns", (width) => {
    const shown = lines(width);
    for (const line of shown) expect(widthOf(line), line).toBeLessThanOrEqual(width);
    const text = shown.join("\n");
    // Each class once beside the examples, and once for each answer.
    for (const name of ["一", "二", "五"]) expect(text.split(name)).toHaveLength(4);
    expect(text.match(/✓/g)).toHaveLength(9);
    expect(text).toContain("✗ 四 92% (三)");
    expect(text.replace(/\s+/g, " ")).toMatch(/ In this task 9 of 10 are right; before adapting, 2\.$/);
  });

  it("has the five classes side by side on a terminal of 80 columns", () => {
    expect(lines(80).find((line) => line.includes("一"))).toMatch(/一 +二 +三 +四 +五$/);
  });
});
