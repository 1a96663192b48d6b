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

describe("openSetEpisodes with a pool of examples of no class", () => {
  const data = tagged(new Array<number>(6).fill(8));
  /** Values below 0: of two lists, of 7 and of 5. */
  const unknown = labelledExamples({
    name: "out of scope",
    exampleShape: [1],
    classes: [
      { name: "asked", examples: Array.from({ length: 7 }, (_, e) => [-1 - e]) },
      { name: "told", examples: Array.from({ length: 5 }, (_, e) => [-8 - e]) },
    ],
  });
  const options = { ways: 4, shots: 2, queries: 2, unknown };

  it("has its unknown queries of the pool alone, none twice, after those of its classes", () => {
    const source = openSetEpisodes(data, options);
    expect([source.spec.openSet, source.spec.query.rows]).toEqual([true, 16]);
    for (let index = 0; index < 50; index++) {
      const { support, query } = source.sample(1, index);
      const [known, rows] = [rowsOf(support), rowsOf(query)];
      const classOf = new Map(known.map(({ label, from }) => [label, from]));
      expect(classOf.size).toBe(4);
      for (const { label, from } of rows.slice(0, 8)) expect(from).toBe(classOf.get(label));
      expect(rows.slice(8).every(({ label, tag }) => label === unknownLabel && tag < 0 && tag >= -12)).toBe(true);
      expect(new Set([...known, ...rows].map(({ tag }) => tag)).size).toBe(8 + 16);
      expect(source.pool!.drawn(1, index)).toEqual([0, 1, 2, 3].map((label) => classOf.get(label)));
    }
  });

  it("draws each example of the pool equally often, whatever list it is in", () => {
    const source = openSetEpisodes(data, { ...options, unknownQueries: 3 });
    const seen = new Map<number, number>();
    for (let index = 0; index < 2000; index++)
      for (const { tag } of rowsOf(source.sample(1, index).query).slice(8)) seen.set(tag, (seen.get(tag) ?? 0) + 1);
    expect(seen.size).toBe(12);
    // 500 of each, deviation 19.4.
    for (const n of seen.values()) expect(Math.abs(n - 500)).toBeLessThan(5 * 19.4);
    expect(source.sample(3, 4).query.x.data).toEqual(source.sample(3, 4).query.x.data);
  });

  it("needs no further classes, and says what the queries are of", () => {
    const { name, description } = openSetEpisodes(data, { ...options, ways: 6, queries: 1 });
    expect(name).toBe("tagged 6-way 2-shot, open set by out of scope");
    expect(description).toEqual({
      data: "tagged",
      classes: 6,
      ways: 6,
      shots: 2,
      queries: 1,
      unknownPool: "out of scope",
      unknownExamples: 12,
      unknownQueries: 6,
      skippedClasses: 0,
    });
  });

  it("refuses pools that are too small or of another kind, and further classes beside one", () => {
    const refused = (more: object) => expect(() => openSetEpisodes(data, { ...options, ...more }));
    refused({ unknownQueries: 13 }).toThrow(/^ILT401 .*13 unknown queries of the 12 examples of out of scope/);
    refused({ unknownQueries: 0 }).toThrow(/^ILT201 openSetEpisodes: unknownQueries is 0/);
    refused({ unknownClasses: 2 }).toThrow(/^ILT201 .*2 unknown classes beside out of scope/);
    const wide = labelledExamples({ name: "wide", exampleShape: [2], classes: [{ name: "a", examples: [[1, 2]] }] });
    refused({ unknown: wide }).toThrow(/^ILT301 .*examples of wide are \[2\], those of tagged \[1\]/);
    const classes = [{ name: "a", examples: Int32Array.of(1, 2) }];
    const ids = labelledExamples({ name: "ids", exampleShape: [1], ids: { count: 9 }, classes });
    refused({ unknown: ids }).toThrow(/^ILT301 .*examples of ids are \[1\] of 9 ids, those of tagged \[1\]/);
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
