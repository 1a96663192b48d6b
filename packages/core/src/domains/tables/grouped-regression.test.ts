import { describe, expect, it } from "vitest";
import { numbersOf } from "../../numerical.fixture.js";
import { random } from "../../random/random.js";
import { type Examples, splits, withoutPadding } from "../../tasks/task.js";
import { type GroupedRegressionOptions, groupedRegression } from "./grouped-regression.js";
import type { Table } from "./table.js";

/** Sensor g, row r: x is 100 g + r and y twice that, so that every value says where it came from. */
function sensors(counts: readonly number[]): Table {
  const rows = counts.flatMap((count, g) => Array.from({ length: count }, (_, r) => ({ g, r })));
  // The rows of a group need not be together.
  random(1).shuffle(rows);
  return {
    name: "sensors",
    columns: {
      sensor: rows.map(({ g }) => `s${g}`),
      x: rows.map(({ g, r }) => 100 * g + r),
      z: rows.map(({ g }) => -g),
      y: Float64Array.from(rows, ({ g, r }) => 2 * (100 * g + r)),
    },
  };
}

const table = sensors(new Array<number>(20).fill(12));
const options: GroupedRegressionOptions = {
  groupColumn: "sensor",
  inputs: ["x", "z"],
  targets: ["y"],
  shots: 3,
  queries: 4,
  standardize: false,
};
const rowNumbers = Array.from({ length: 240 }, (_, row) => row);
const rowsOf = ({ x, y }: Examples) =>
  Array.from({ length: x.shape[0]! }, (_, i) => ({
    x: Number(x.data![2 * i]),
    z: Number(x.data![2 * i + 1]),
    y: Number(y.data![i]),
  }));

describe("groupedRegression", () => {
  it("makes a task of distinct rows of one group of the part", () => {
    const { tasks, groups } = groupedRegression(table, options);
    for (const part of splits) {
      const uses = new Map<string, number>();
      for (let index = 0; index < 300; index++) {
        const task = tasks[part].sample(2, index);
        expect([task.support.x.shape, task.support.y.shape]).toEqual([
          [3, 2],
          [3, 1],
        ]);
        expect([task.query.x.shape, task.query.present]).toEqual([[4, 2], undefined]);
        const rows = [...rowsOf(task.support), ...rowsOf(task.query)];
        expect(new Set(rows.map(({ x }) => x)).size).toBe(7);
        const [group, ...others] = new Set(rows.map(({ x }) => Math.floor(x / 100)));
        expect(others).toEqual([]);
        expect(rows.every(({ x, z, y }) => y === 2 * x && z === -group!)).toBe(true);
        uses.set(`s${group}`, (uses.get(`s${group}`) ?? 0) + 1);
      }
      expect([...uses.keys()].toSorted()).toEqual(groups[part].toSorted());
      const p = 1 / groups[part].length;
      for (const count of uses.values())
        expect(Math.abs(count - 300 * p) / Math.sqrt(300 * p * (1 - p))).toBeLessThan(5);
    }
  });

  it("is pure", () => {
    const { train } = groupedRegression(table, options).tasks;
    const bits = (seed: number, index: number) => numbersOf(train.sample(seed, index)).join("|");
    expect(bits(1, 2)).toBe(bits(1, 2));
    expect(new Set([bits(1, 2), bits(1, 3), bits(2, 2)]).size).toBe(3);
  });

  it("holds groups out by their names alone, or by lists", () => {
    const { groups } = groupedRegression(table, options);
    expect([groups.train.length, groups.validation.length, groups.test.length]).toEqual([14, 2, 4]);
    expect(new Set(splits.flatMap((part) => groups[part])).size).toBe(20);
    // Another order of the rows, and more of them.
    const reordered = sensors(Array.from({ length: 20 }, (_, g) => 30 - g));
    expect(groupedRegression(reordered, options).groups).toEqual(groups);
    // Groups that are added move few of the others.
    const more = groupedRegression(sensors(new Array<number>(22).fill(12)), {
      ...options,
      split: { validation: 2, test: 4 },
    });
    expect(groups.test.filter((name) => more.groups.test.includes(name)).length).toBeGreaterThanOrEqual(2);
    const lists = { train: ["s1", "s2"], validation: ["s5"], test: ["s3", "s4"] };
    const chosen = groupedRegression(table, { ...options, split: lists });
    expect(chosen.groups).toEqual(lists);
    expect(rowsOf(chosen.tasks.validation.sample(1, 0).support).every(({ x }) => Math.floor(x / 100) === 5)).toBe(true);
  });

  it("standardizes by the training groups, and says by what", () => {
    const { tasks, groups, scales } = groupedRegression(table, { ...options, standardize: true });
    const train = groups.train.flatMap((name) => Array.from({ length: 12 }, (_, r) => 100 * Number(name.slice(1)) + r));
    const mean = train.reduce((a, b) => a + b, 0) / train.length;
    const deviation = Math.sqrt(train.reduce((a, b) => a + (b - mean) ** 2, 0) / train.length);
    expect(scales.x!.mean).toBeCloseTo(mean, 9);
    expect(scales.x!.deviation).toBeCloseTo(deviation, 9);
    expect(scales.y!.deviation).toBeCloseTo(2 * deviation, 9);
    for (const { x, y, z } of rowsOf(tasks.test.sample(1, 0).query)) {
      const [raw, target] = [x * deviation + mean, y * scales.y!.deviation + scales.y!.mean];
      expect(Math.abs(raw - Math.round(raw))).toBeLessThan(1e-3);
      expect(target).toBeCloseTo(2 * raw, 2);
      expect(z * scales.z!.deviation + scales.z!.mean).toBeCloseTo(-Math.floor(raw / 100), 3);
    }
    // A column that does not vary is not divided by 0.
    const flat = { ...table, columns: { ...table.columns, z: new Array<number>(240).fill(7) } };
    expect(groupedRegression(flat, { ...options, standardize: true }).scales.z).toEqual({ mean: 7, deviation: 1 });
    // The mean of three times 0.1 is not 0.1.
    const tenths: Table = {
      name: "tenths",
      columns: { g: ["a", "a", "a", "b", "b", "c", "c"], x: Array(7).fill(0.1) },
    };
    const three = groupedRegression(
      { ...tenths, columns: { ...tenths.columns, y: [1, 2, 3, 4, 5, 6, 7] } },
      {
        groupColumn: "g",
        inputs: ["x"],
        targets: ["y"],
        shots: 1,
        split: { train: ["a"], validation: ["b"], test: ["c"] },
      },
    );
    expect(three.scales.x).toEqual({ mean: 0.1, deviation: 1 });
    expect(groupedRegression(table, options).scales.y).toEqual({ mean: 0, deviation: 1 });
  });

  it("takes the mean of the training groups for inputs without a value, where that is asked for", () => {
    const columns = {
      g: ["a", "a", "b", "b", "c", "c"],
      x: [1, Number.NaN, 50, Number.NaN, 60, 70],
      y: [1, 2, 3, 4, 5, 6],
    };
    const holes: Table = { name: "holes", columns };
    const asked: GroupedRegressionOptions = {
      ...{ groupColumn: "g", inputs: ["x"], targets: ["y"], shots: 1, missing: "mean" },
      split: { train: ["a"], validation: ["b"], test: ["c"] },
    };
    const { tasks, scales } = groupedRegression(holes, { ...asked, standardize: false });
    const task = tasks.validation.sample(0, 0);
    const x = [task.support, task.query].flatMap((examples) => [...(examples.x.data as Float32Array)]);
    // Of the other training row, not of those held out.
    expect(x.sort((a, b) => a - b)).toEqual([1, 50]);
    expect(scales.x).toEqual({ mean: 0, deviation: 1 });
    expect(tasks.train.description).toMatchObject({ missingInputs: "mean of the training groups" });
    expect(() => groupedRegression(holes, { ...asked, missing: "refuse" })).toThrow(
      /ILT302 .*column "x".*missing: "mean"/,
    );
    const noTarget = { ...columns, y: [1, 2, 3, Number.NaN, 5, 6] };
    expect(() => groupedRegression({ name: "holes", columns: noTarget }, asked)).toThrow(/ILT302 .*column "y"/);
  });

  it("pads tasks of numbers that vary, and takes what small groups have", () => {
    const small = sensors([...new Array<number>(10).fill(12), ...new Array<number>(10).fill(3)]);
    const { tasks } = groupedRegression(small, { ...options, shots: { from: 1, to: 4 }, queries: { from: 2, to: 5 } });
    const sizes = new Set<string>();
    for (let index = 0; index < 400; index++) {
      const task = tasks.train.sample(1, index);
      expect([task.support.x.shape, task.query.y.shape]).toEqual([
        [4, 2],
        [5, 1],
      ]);
      const real = withoutPadding(task);
      const rows = [...rowsOf(real.support), ...rowsOf(real.query)];
      expect(new Set(rows.map(({ x }) => x)).size).toBe(rows.length);
      expect(rows.every(({ x, y }) => y === 2 * x)).toBe(true);
      const group = Math.floor(rows[0]!.x / 100);
      if (group >= 10) expect(rows.length).toBeLessThanOrEqual(3);
      else sizes.add(`${real.support.x.shape[0]} ${real.query.x.shape[0]}`);
    }
    expect(sizes.size).toBe(16);
    expect(tasks.train.description).toMatchObject({
      shots: "1 to 4, fewer of small classes",
      queries: "2 to 5, fewer of small classes",
    });
  });

  it("says its columns and groups", () => {
    const { tasks } = groupedRegression(table, { ...options, shots: 4 });
    expect(tasks.test.name).toBe("sensors");
    expect(tasks.test.description).toEqual({
      table: "sensors",
      groups: 4,
      groupColumn: "sensor",
      inputs: "x, z",
      targets: "y",
      shots: 4,
      queries: 4,
      standardized: false,
      skippedGroups: 0,
    });
  });

  it("refuses what it cannot sample", () => {
    const make =
      (more: Partial<GroupedRegressionOptions>, of = table) =>
      () =>
        groupedRegression(of, { ...options, ...more });
    expect(make({ groupColumn: "user" })).toThrow(
      /ILT304 groupedRegression: no column "user" in sensors\. It has sensor, x/,
    );
    expect(make({ inputs: ["x", "y"] })).toThrow(/ILT303 .*column "y" is named twice/);
    expect(make({ inputs: [] })).toThrow(/ILT201 .*there are no inputs/);
    expect(make({ targets: ["sensor"], inputs: ["z"], groupColumn: "x" })).toThrow(
      /ILT302 .*column "sensor" of sensors, row 0 holds "s/,
    );
    const names = { ...table, columns: { ...table.columns, note: rowNumbers.map((row) => `${row} `) } };
    expect(make({ inputs: ["note"] }, { ...names, columns: { ...names.columns, y: rowNumbers } })).not.toThrow();
    const long = Array.from({ length: 240 }, (_, row) => "x".repeat(600) + row);
    expect(make({ inputs: ["note"] }, { ...table, columns: { ...table.columns, note: long } })).toThrow(
      /ILT302 .*column "note" of sensors holds more than 256 different texts, or long ones/,
    );
    const torn = { ...table, columns: { ...table.columns, x: [1, 2] } };
    expect(make({}, torn)).toThrow(/ILT301 .*column "x" of sensors has 2 rows, "sensor" has 240/);
    const holes = { ...table, columns: { ...table.columns, y: new Array<number>(240).fill(Number.NaN) } };
    expect(make({}, holes)).toThrow(/ILT302 .*column "y" of sensors, row 0/);
    expect(make({ shots: 10 })).toThrow(
      /ILT401 .*has 12 rows, as have 19 other groups too few; 10 shots and 4 queries/,
    );
    expect(make({ split: { validation: 10, test: 10 } })).toThrow(
      /ILT201 .*there are no groups of enough rows for train/,
    );
    expect(make({ split: { test: 1.5 } })).toThrow(/ILT201 .*split\.test is 1\.5/);
    const lists = { train: ["s1"], validation: ["s2"], test: ["s1"] };
    expect(make({ split: lists })).toThrow(/ILT303 .*group "s1" is named twice/);
    expect(make({ split: { ...lists, test: ["s99"] } })).toThrow(/ILT304 .*no group "s99"/);
    const few = groupedRegression(sensors([3, ...new Array<number>(9).fill(12)]), {
      ...options,
      skipSmallGroups: true,
    });
    expect(few.tasks.train.description.skippedGroups).toBe(1);
    expect(splits.flatMap((part) => few.groups[part])).not.toContain("s0");
  });

  it("tells lists of groups apart in what results state", () => {
    const described = (train: readonly string[]) =>
      groupedRegression(table, { ...options, split: { train, validation: ["s5"], test: ["s3", "s4"] } }).tasks.test
        .description.split;
    expect(described(["s1", "s2"])).toMatch(/^lists, hash [0-9a-f]{8}$/);
    expect(described(["s1", "s2"])).toBe(described(["s1", "s2"]));
    expect(described(["s1", "s6"])).not.toBe(described(["s1", "s2"]));
    expect(groupedRegression(table, options).tasks.test.description).not.toHaveProperty("split");
  });

  it("scales by all training groups, whatever the number of rows that a task takes", () => {
    const uneven = sensors(Array.from({ length: 30 }, (_, g) => 3 + g));
    const scalesOf = (shots: number) =>
      groupedRegression(uneven, { ...options, shots, queries: 2, skipSmallGroups: true, standardize: true }).scales;
    expect(scalesOf(10)).toEqual(scalesOf(1));
  });

  it("keeps groups in their part whatever the number of rows that a task takes", () => {
    const uneven = sensors(Array.from({ length: 30 }, (_, g) => 3 + g));
    const partsOf = (shots: number) =>
      groupedRegression(uneven, { ...options, shots, queries: 2, skipSmallGroups: true });
    const all = partsOf(1).groups;
    for (const shots of [5, 10, 15]) {
      const { groups } = partsOf(shots);
      for (const part of splits) {
        expect(groups[part].length).toBeLessThanOrEqual(all[part].length);
        expect(all[part]).toEqual(expect.arrayContaining([...groups[part]]));
      }
    }
  });
});
