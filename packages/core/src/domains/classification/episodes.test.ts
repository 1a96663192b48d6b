import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Task, TaskError, taskErrorCodes } from "../../tasks/task.js";
import { episodes } from "./episodes.js";
import { type LabelledExamples, labelledExamples, withRotations } from "./labelled-examples.js";

/** Class c, example e has the one value 1000 c + e: every row of a task says where it came from. */
function tagged(counts: readonly number[]): LabelledExamples {
  const classes = counts.map((count, c) => ({
    name: `c${c}`,
    examples: Array.from({ length: count }, (_, e) => [1000 * c + e, -1]),
  }));
  return labelledExamples({ name: "tagged", exampleShape: [1, 2, 1], classes });
}

function tagsOf({ x }: Task["support"]): number[] {
  return Array.from(x.data as Float32Array).filter((_, i) => i % 2 === 0);
}

const bits = (task: Task): string =>
  [task.support.x, task.support.y, task.query.x, task.query.y].map(({ data }) => data!.join(" ")).join(" | ");

describe("episodes", () => {
  it("has class-major rows of the stated shapes and types", () => {
    const source = episodes(tagged([9, 9, 9, 9]), { ways: 3, shots: 2, queries: 4 });
    const { support, query } = source.sample(1, 0);
    expect(support.x.shape).toEqual([6, 1, 2, 1]);
    expect(query.x.shape).toEqual([12, 1, 2, 1]);
    expect(support.x.dtype).toBe("float32");
    expect([support.y.shape, support.y.dtype, [...support.y.data!]]).toEqual([[6], "int32", [0, 0, 1, 1, 2, 2]]);
    expect([...query.y.data!]).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    expect(source.spec.y.classes?.count).toBe(3);
    expect(source.description).toEqual({
      data: "tagged",
      classes: 4,
      ways: 3,
      shots: 2,
      queries: 4,
      skippedClasses: 0,
    });
  });

  it("is pure: the same address gives the same bits, another gives others", () => {
    const source = episodes(tagged([20, 20, 20, 20, 20, 20]), { ways: 5, shots: 3, queries: 3 });
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(1e9), (seed, index) => {
        const task = bits(source.sample(seed, index));
        expect(bits(source.sample(seed, index + 1))).not.toBe(task);
        expect(bits(source.sample(seed === 0 ? 1 : seed - 1, index))).not.toBe(task);
        expect(bits(source.sample(seed, index))).toBe(task);
      }),
    );
  });

  it("keeps support and query disjoint, one class to a label, whatever the sizes of the classes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 4, max: 60 }), { minLength: 3, maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        fc.maxSafeNat(),
        fc.nat(1e6),
        (counts, shots, seed, index) => {
          const task = episodes(tagged(counts), { ways: 3, shots, queries: 4 - shots }).sample(seed, index);
          const rows = [task.support, task.query].flatMap((part) =>
            tagsOf(part).map((tag, row) => ({ tag, label: Number(part.y.data![row]) })),
          );
          expect(new Set(rows.map(({ tag }) => tag)).size).toBe(12);
          const classOf = new Map(rows.map(({ tag, label }) => [label, Math.floor(tag / 1000)]));
          expect(new Set(classOf.values()).size).toBe(3);
          for (const { tag, label } of rows) {
            expect(classOf.get(label)).toBe(Math.floor(tag / 1000));
            expect(tag % 1000).toBeLessThan(counts[Math.floor(tag / 1000)]!);
          }
        },
      ),
    );
  });

  it("gives each class each label equally often, and each example its turn in support and query", () => {
    const seed = 5;
    const n = 30_000;
    const counts = [4, 7, 5];
    const source = episodes(tagged(counts), { ways: 2, shots: 1, queries: 1 });
    const labels = new Map<string, number>();
    const uses = new Map<string, number>();
    for (let index = 0; index < n; index++) {
      const { support, query } = source.sample(seed, index);
      for (const [part, rows] of Object.entries({ support, query })) {
        tagsOf(rows).forEach((tag, label) => {
          const place = `${Math.floor(tag / 1000)} as ${label}`;
          if (part === "support") labels.set(place, (labels.get(place) ?? 0) + 1);
          uses.set(`${part} ${tag}`, (uses.get(`${part} ${tag}`) ?? 0) + 1);
        });
      }
    }
    const near = (count: number, p: number) =>
      expect(Math.abs(count - n * p) / Math.sqrt(n * p * (1 - p)), `seed ${seed}`).toBeLessThan(5);
    expect(labels.size).toBe(6);
    for (const count of labels.values()) near(count, 1 / 3);
    expect(uses.size).toBe(32);
    for (const [use, count] of uses) near(count, 2 / 3 / counts[Math.floor(Number(use.split(" ")[1]) / 1000)]!);
  });

  it("samples rotated classes as classes of their own", () => {
    const image = labelledExamples({
      name: "image",
      exampleShape: [2, 2],
      classes: [
        {
          name: "a",
          examples: [
            [1, 2, 3, 4],
            [1, 2, 3, 4],
          ],
        },
      ],
    });
    const { support } = episodes(withRotations(image), { ways: 4, shots: 1, queries: 1 }).sample(2, 0);
    const rows = [0, 1, 2, 3].map((row) => (support.x.data as Float32Array).slice(4 * row, 4 * row + 4).join(""));
    expect(rows.toSorted()).toEqual(["1234", "2413", "3142", "4321"]);
  });

  it("makes fresh arrays for each task", () => {
    const source = episodes(tagged([3, 3]), { ways: 2, shots: 1, queries: 1 });
    expect(source.sample(1, 0).support.y.data).not.toBe(source.sample(1, 0).support.y.data);
  });

  it("leaves out small classes where told to, and says so", () => {
    const options = { ways: 2, shots: 2, queries: 3 };
    const data = tagged([5, 4, 9, 1]);
    expect(() => episodes(data, options)).toThrow(
      /ILT401 episodes: class "c1" of tagged has 4 examples, as have 1 other.*take 5\. .*skipSmallClasses: true/,
    );
    const source = episodes(data, { ...options, skipSmallClasses: true });
    expect(source.description).toMatchObject({ classes: 2, skippedClasses: 2 });
    for (let index = 0; index < 50; index++) {
      const classes = tagsOf(source.sample(1, index).support).map((tag) => Math.floor(tag / 1000));
      expect(classes.every((c) => c === 0 || c === 2)).toBe(true);
    }
  });

  it("refuses what it cannot sample", () => {
    const data = tagged([5, 5]);
    expect(() => episodes(data, { ways: 3, shots: 1, queries: 1 })).toThrow(
      /ILT402 episodes: 3 ways of 2 classes in tagged\. Lower ways/,
    );
    expect(() => episodes(tagged([5, 1]), { ways: 2, shots: 1, queries: 1, skipSmallClasses: true })).toThrow(
      /ILT402 .*1 of 2 were too small/,
    );
    expect(() => episodes(data, { ways: 0, shots: 1, queries: 1 })).toThrow(/ILT201 episodes: ways is 0/);
    expect(() => episodes(data, { ways: 2, shots: 1, queries: 0 })).toThrow(/ILT201 episodes: queries is 0/);
    const torn = { ...data, classes: [{ name: "t", count: 3, examples: new Uint8Array(5) }] };
    expect(() => episodes(torn, { ways: 1, shots: 1, queries: 1 })).toThrow(/ILT301 episodes: class "t"/);
    expect(() => episodes(data, { ways: 2, shots: 1, queries: 1 }).sample(0.5, 0)).toThrow(/ILT101/);
  });

  it("throws errors whose code is in the table and in the message", () => {
    const error = new TaskError("ILT402", "episodes", "problem", "Remedy");
    expect(Object.keys(taskErrorCodes)).toContain(error.code);
    expect(error.message).toBe("ILT402 episodes: problem. Remedy");
  });
});
