import { describe, expect, it } from "vitest";
import { numbersOf } from "../../numerical.fixture.js";
import type { Examples, TaskSource } from "../../tasks/task.js";
import { sampleTasks } from "../../training/task-batch.js";
import { type LabelledExamples, labelledExamples } from "./labelled-examples.js";
import { openSetEpisodes, unknownLabel } from "./open-set-episodes.js";

/** Class c, example e has the value 1000 c + e. */
const tagged = (counts: readonly number[]): LabelledExamples =>
  labelledExamples({
    name: "tagged",
    exampleShape: [1],
    classes: counts.map((count, c) => ({
      name: `c${c}`,
      examples: Array.from({ length: count }, (_, e) => [1000 * c + e]),
    })),
  });
const rowsOf = ({ x, y }: Examples) =>
  Array.from(x.data as Float32Array, (tag, row) => ({
    tag,
    from: Math.floor(tag / 1000),
    label: Number(y.data![row]),
  }));

describe("openSetEpisodes", () => {
  const options = { ways: 3, shots: 2, queries: 4, unknownClasses: 2, unknownQueries: 5 };
  const data = tagged(new Array<number>(9).fill(8));

  it("has queries of further classes under the label -1, after those of its own", () => {
    const source = openSetEpisodes(data, options);
    expect([source.spec.openSet, source.spec.y.classes?.count]).toEqual([true, 3]);
    for (let index = 0; index < 100; index++) {
      const task = source.sample(1, index);
      expect([task.support.x.shape, task.query.x.shape]).toEqual([
        [6, 1],
        [22, 1],
      ]);
      const [support, query] = [rowsOf(task.support), rowsOf(task.query)];
      expect(support.map(({ label }) => label)).toEqual([0, 0, 1, 1, 2, 2]);
      expect(query.slice(0, 12).map(({ label }) => label)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
      expect(query.slice(12).every(({ label }) => label === unknownLabel)).toBe(true);
      const classOf = new Map(support.map(({ label, from }) => [label, from]));
      for (const { label, from } of query.slice(0, 12)) expect(from).toBe(classOf.get(label));
      const known = new Set(support.map(({ from }) => from));
      const unknown = new Map<number, number>();
      for (const { from } of query.slice(12)) unknown.set(from, (unknown.get(from) ?? 0) + 1);
      expect([known.size, [...unknown.values()]]).toEqual([3, [5, 5]]);
      expect([...unknown.keys()].some((from) => known.has(from))).toBe(false);
      expect(new Set([...support, ...query].map(({ tag }) => tag)).size).toBe(28);
    }
  });

  it("is pure, and each class is unknown equally often", () => {
    const source = openSetEpisodes(data, options);
    const bits = (seed: number, index: number) => numbersOf(source.sample(seed, index)).join("|");
    expect(bits(3, 4)).toBe(bits(3, 4));
    expect(bits(3, 4)).not.toBe(bits(3, 5));
    const n = 3000;
    const seen = new Array<number>(9).fill(0);
    for (let index = 0; index < n; index++)
      for (const from of new Set(
        rowsOf(source.sample(1, index).query)
          .slice(12)
          .map((row) => row.from),
      ))
        seen[from]!++;
    const p = 2 / 9;
    for (const count of seen) expect(Math.abs(count - n * p) / Math.sqrt(n * p * (1 - p))).toBeLessThan(5);
  });

  it("has as many unknown classes and queries as known ones unless told otherwise, and says so", () => {
    const { description, name } = openSetEpisodes(data, { ways: 4, shots: 1, queries: 3 });
    expect(name).toBe("tagged 4-way 1-shot, open set");
    expect(description).toEqual({
      data: "tagged",
      classes: 9,
      ways: 4,
      shots: 1,
      queries: 3,
      unknownClasses: 4,
      unknownQueries: 3,
      skippedClasses: 0,
    });
  });

  it("refuses what it cannot sample", () => {
    expect(() => openSetEpisodes(data, { ...options, ways: 8 })).toThrow(
      /ILT402 openSetEpisodes: 8 ways and 2 unknown classes of 9 classes in tagged/,
    );
    expect(() => openSetEpisodes(data, { ...options, unknownQueries: 9 })).toThrow(
      /ILT401 openSetEpisodes: class "c0" of tagged has 8 examples.*; 9 queries of an unknown class take 9/,
    );
    expect(() => openSetEpisodes(data, { ...options, unknownClasses: 0 })).toThrow(
      /ILT201 openSetEpisodes: unknownClasses is 0/,
    );
  });
});

describe("batches of open-set tasks", () => {
  const source = openSetEpisodes(tagged(new Array<number>(6).fill(4)), { ways: 2, shots: 1, queries: 1 });

  it("may have the label -1 in query sets, of sources that say so", () => {
    expect(Array.from(sampleTasks(source, 1, 0, 2).query.y.data!, Number)).toEqual([0, 1, -1, -1, 0, 1, -1, -1]);
    const { openSet, ...spec } = source.spec;
    expect(openSet).toBe(true);
    const closed = { ...source, spec };
    expect(() => sampleTasks(closed, 1, 0, 1)).toThrow(
      /^ILR105 tasks: task 0 of .*: query\.y\[2\] is -1, and its tasks have 2 classes \(0 to 1\)\..*`openSet`$/,
    );
  });

  it("may not have it in support sets, nor any lower one", () => {
    const swapped: TaskSource = {
      ...source,
      spec: { ...source.spec, support: source.spec.query, query: source.spec.support },
      sample: (seed, index) => {
        const { support, query } = source.sample(seed, index);
        return { support: query, query: support };
      },
    };
    expect(() => sampleTasks(swapped, 1, 0, 1)).toThrow(/support\.y\[2\] is -1/);
  });
});
