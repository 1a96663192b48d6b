/** Regression tasks from one table: the rows of each group (a user, a sensor, a patient) are a task. */
import { tensor } from "@innerloop/graph";
import { key, split as keyOf, random, randomOf } from "../../random/random.js";
import {
  type Count,
  countRange,
  type DescribedTaskSource,
  drawCount,
  type Examples,
  isRange,
  type Split,
  splits,
  TaskError,
} from "../../tasks/task.js";
import type { ColumnSpec } from "../../tasks/task-spec.js";
import { requireObject, shownValue } from "../../tasks/value-gate.js";
import { describeGiven, leastOf, requireWholeShare, sharesOf, shareText } from "../classification/episodes.js";
import {
  type ColumnScale,
  type InputColumn,
  measuredColumn,
  scaleOfRows,
  widthOf,
  writeFeatures,
} from "./column-codings.js";
import { columnOf, type Table, type TableColumnValues, valuesOf } from "./table.js";
import { type TableSpec, tableFeatures } from "./table-spec.js";

/**
 * The groups that are held out: so many of them, or such a share where the number is below 1, in an order that follows
 * from their names alone; or lists of names. 0.1 for validation and 0.2 for test by default, at least one of each.
 */
export type GroupSplit =
  | { readonly validation?: number; readonly test?: number }
  | { readonly train: readonly string[]; readonly validation: readonly string[]; readonly test: readonly string[] };

/** Options of `groupedRegression`. */
export interface GroupedRegressionOptions {
  /** The column that says which group a row belongs to. */
  readonly groupColumn: string;
  /**
   * Columns to predict from: of numbers, truth values, dates, times of day, or texts of which there are few. Each becomes
   * numbers as `InputColumn` says.
   */
  readonly inputs: readonly string[];
  /** Columns of numbers to predict. */
  readonly targets: readonly string[];
  /** Support rows of a task (K). */
  readonly shots: Count;
  /** Query rows of a task; as many as shots unless given, the most of them where they vary. */
  readonly queries?: Count;
  /** Bring each column to mean 0 and deviation 1 over the training groups. True by default. */
  readonly standardize?: boolean;
  readonly split?: GroupSplit;
  /**
   * What is done about inputs that are NaN, null or empty: "refuse" them, by default, or take the "mean" of the column over
   * the training groups for them, and nothing at all of categories. Targets are never made up.
   */
  readonly missing?: "refuse" | "mean";
  /** Leave out groups with too few rows, rather than refuse them. */
  readonly skipSmallGroups?: boolean;
}

/** The tasks of a table, the groups that they are drawn from, and the scales of its columns. */
export interface GroupedRegression {
  readonly tasks: { readonly [S in Split]: DescribedTaskSource };
  /** Names of the groups that each part draws from. */
  readonly groups: { readonly [S in Split]: readonly string[] };
  /** By column, of those that have one; mean 0 and deviation 1 where not standardized. */
  readonly scales: Readonly<Record<string, ColumnScale>>;
  /** How rows are coded: to bring new ones to the model, and its predictions back to the table's units. */
  readonly spec: TableSpec;
}

/**
 * A task is one group, each equally likely whatever its size: `shots` of its rows are the support set and `queries`
 * others the query set, all distinct and drawn at random. Groups are split into training, validation and test tasks, so
 * that what is reported is about groups that training has not seen. Where a test part has few groups, many tasks share
 * one: intervals over tasks are then about these groups only.
 *
 * Shapes: support x [shots, features] and y [shots, targets], query x [queries, features] and y [queries, targets],
 * float32; features are the numbers that the inputs are coded as, of a column of numbers one (`TableSpec`).
 *
 * Where shots or queries are a range, each task draws its own, and a group with too few rows gives what it has, as a
 * class of `episodes` does; all tasks have the shapes of the largest, and `present` is 1 for the rows that are there.
 *
 * @throws ILT201 where shots or queries are no counts, or the split leaves a part without groups
 * @throws ILT301 where columns are of different lengths; ILT302 where a value is not one of its column
 * @throws ILT303 where a column or group is named twice; ILT304 where one is not there
 * @throws ILT401 where a group has fewer than shots + queries rows (a range counts as 1) and `skipSmallGroups` is not
 * set
 * @example
 * const columns = { groupColumn: "sensor", inputs: ["hour"], targets: ["degrees"] };
 * const { tasks } = groupedRegression(table, { ...columns, shots: 5 });
 * await train({ tasks, ... });
 */
export function groupedRegression(table: Table, options: GroupedRegressionOptions): GroupedRegression {
  return regressionOf(table, options);
}

/** @internal Rows as the codings of another table have read them. */
export interface CodedRows {
  readonly spec: TableSpec;
  /** By input and row, as `valuesOfTableRows` has them. */
  readonly inputs: readonly Float64Array[];
  /** By target and row, in the table's units. */
  readonly targets: readonly Float64Array[];
}

/**
 * @internal The tasks of rows that are coded as those of another table were, all groups of which are in each part.
 *
 * @param table of which no more is used than its name and the column of groups
 */
export const codedRegression = (
  table: Table,
  rows: CodedRows,
  options: Omit<GroupedRegressionOptions, "groupColumn" | "inputs" | "targets" | "split">,
): GroupedRegression => {
  const { groupColumn, inputs, targets } = rows.spec;
  const [inputNames, targetNames] = [inputs, targets].map((columns) => columns.map(({ name }) => name));
  return regressionOf(table, { ...options, groupColumn, inputs: inputNames!, targets: targetNames! }, rows);
};

function regressionOf(table: Table, options: GroupedRegressionOptions, given?: CodedRows): GroupedRegression {
  requireObject(options, operation, "the second argument", "Give { groupColumn, inputs, targets, shots }");
  const { groupColumn, inputs, targets, shots, standardize = true } = options;
  const mostShots = countRange(shots, operation, "shots").to;
  const queries = options.queries ?? mostShots;
  const mostQueries = countRange(queries, operation, "queries").to;
  const varies = isRange(shots) || isRange(queries);
  const columns = given ? columnsOf(given) : checkedColumns(table, options);
  const groups = rowsByGroup(table, groupColumn);
  const least = leastOf(shots, queries);
  const needed = least.shots + least.queries;
  const small = new Set([...groups.keys()].filter((name) => groups.get(name)!.length < needed));
  if (small.size > 0 && !options.skipSmallGroups) {
    throw tooSmall(table, groups, [...small], `${shareText(least)} take ${needed}`);
  }
  const sizes = [...groups.values()].map(({ length }) => length);
  requireWholeShare(operation, { shots, queries }, sizes, `group of ${table.name}`);
  // Small groups leave their part only now: the part of a group does not depend on how many rows a task takes.
  const split = options.split ?? {};
  const names = [...groups.keys()];
  const whole = given ? { train: names, validation: names, test: names } : splitNames(names, split);
  const parts = withoutGroups(whole, small);
  // Nor do the codings: they are of all training groups, the small ones too.
  const trainRows = whole.train.flatMap((name) => [...groups.get(name)!]);
  const setting = { trainRows, standardize, fills: options.missing === "mean" };
  const coded = columns.inputs.map((column, i) => {
    const coding = given?.spec.inputs[i] ?? measuredColumn(column.kind, column, setting);
    return { coding, write: featuresOf(column, coding) };
  });
  const scaled = columns.targets.map(({ name, values }, i) => {
    const measured = () => (standardize ? scaleOfRows(values, trainRows) : { mean: 0, deviation: 1 });
    const { mean, deviation } = given?.spec.targets[i] ?? measured();
    return { name, mean, deviation, values: Float32Array.from(values, (value) => (value - mean) / deviation) };
  });
  const spec: TableSpec = {
    groupColumn,
    inputs: coded.map(({ coding }) => coding),
    targets: scaled.map(({ name, mean, deviation }) => ({ name, mean, deviation })),
  };
  const features = tableFeatures(spec);
  if (features === 0) {
    const problem = `no input of ${table.name} has a value in the training groups`;
    throw new TaskError("ILT302", operation, problem, "Name other inputs");
  }
  const scales = Object.fromEntries(
    [...spec.inputs, ...spec.targets].flatMap((column): [string, ColumnScale][] =>
      "mean" in column ? [[column.name, { mean: column.mean, deviation: column.deviation }]] : [],
    ),
  );
  const examples = (rows: readonly number[], most: number): Examples => {
    const [x, y] = [new Float32Array(most * features), new Float32Array(most * scaled.length)];
    rows.forEach((row, i) => {
      let at = i * features;
      for (const { write, coding } of coded) {
        write(row, x, at);
        at += widthOf(coding);
      }
      scaled.forEach(({ values }, j) => {
        y[i * scaled.length + j] = values[row]!;
      });
    });
    const present = varies ? { present: tensor(new Float32Array(most).fill(1, 0, rows.length), [most]) } : {};
    return { x: tensor(x, [most, features]), y: tensor(y, [most, scaled.length]), ...present };
  };
  const areSmall = (names: readonly string[]): boolean =>
    names.some((name) => groups.get(name)!.length < mostShots + mostQueries);
  /** Inputs that are one scaled number each; categories, dates and times are several, of which the table's spec tells. */
  const scaledInputs = spec.inputs.flatMap((column): ColumnSpec[] =>
    "mean" in column && widthOf(column) === 1
      ? [{ name: column.name, mean: column.mean, deviation: column.deviation }]
      : [],
  );
  const sourceOf = (names: readonly string[]): DescribedTaskSource => ({
    name: table.name,
    description: {
      table: table.name,
      groups: names.length,
      groupColumn,
      inputs: inputs.join(", "),
      targets: targets.join(", "),
      shots: describeGiven(shots, areSmall(names)),
      queries: describeGiven(queries, areSmall(names)),
      standardized: standardize,
      ...(options.missing === "mean" ? { missingInputs: "mean of the training groups" } : {}),
      skippedGroups: small.size,
      ...("train" in split ? { split: `lists, hash ${hashOfLists(split)}` } : {}),
    },
    pool: {
      of: "groups",
      count: names.length,
      examples: names.reduce((sum, name) => sum + groups.get(name)!.length, 0),
      drawn: (seed, index) => [random(seed, index).integer(names.length)],
    },
    spec: {
      x: {
        shape: [features],
        dtype: "float32",
        ...(scaledInputs.length === features ? { columns: scaledInputs } : {}),
      },
      y: { shape: [spec.targets.length], dtype: "float32", columns: spec.targets },
      support: { rows: mostShots, ...(varies ? { present: true } : {}) },
      query: { rows: mostQueries, ...(varies ? { present: true } : {}) },
    },
    sample(seed, index) {
      const source = random(seed, index);
      const rows = groups.get(names[source.integer(names.length)]!)!;
      const given = sharesOf(
        rows.length,
        { shots: drawCount(shots, source), queries: drawCount(queries, source) },
        least,
      );
      const chosen = source.choose(rows.length, given.shots + given.queries).map((i) => rows[i]!);
      return {
        support: examples(chosen.slice(0, given.shots), mostShots),
        query: examples(chosen.slice(given.shots), mostQueries),
      };
    },
  });
  return {
    tasks: { train: sourceOf(parts.train), validation: sourceOf(parts.validation), test: sourceOf(parts.test) },
    groups: parts,
    scales,
    spec,
  };
}

const operation = "groupedRegression";

function checkedColumns(table: Table, options: GroupedRegressionOptions) {
  const { groupColumn, inputs, targets, missing } = options;
  const names = [...inputs, ...targets];
  if (inputs.length === 0 || targets.length === 0) {
    const what = inputs.length === 0 ? "inputs" : "targets";
    throw new TaskError("ILT201", operation, `there are no ${what}`, "Name at least one column");
  }
  const { length } = columnOf(table, groupColumn);
  const twice = [groupColumn, ...names].find((name, i, all) => all.indexOf(name) < i);
  if (twice !== undefined) {
    const problem = `column "${twice}" is named twice among group, inputs and targets`;
    throw new TaskError("ILT303", operation, problem, "Give each column one part to play");
  }
  const of = (role: "input" | "target") => (name: string) =>
    valuesOf(table, name, { role, groupColumn, length, fills: role === "input" && missing === "mean" });
  return { inputs: inputs.map(of("input")), targets: targets.map(of("target")) };
}

/** The values of rows that are coded already, under the names of their columns. */
function columnsOf({ spec, inputs, targets }: CodedRows): ReturnType<typeof checkedColumns> {
  return {
    inputs: spec.inputs.map((column, i) => ({
      ...{ name: column.name, kind: column.kind, values: inputs[i]! },
      ...(column.kind === "category" ? { texts: column.values } : {}),
    })),
    targets: spec.targets.map(({ name }, i) => ({ name, kind: "number", values: targets[i]! })),
  };
}

/**
 * The numbers of a column's rows, written where they are asked for. Values are kept and not what they are coded as: of a
 * category that would be many times as much.
 */
function featuresOf(
  { values, texts }: TableColumnValues,
  coding: InputColumn,
): (row: number, to: Float32Array, at: number) => void {
  const places = coding.kind === "category" ? texts!.map((text) => coding.values.indexOf(text)) : undefined;
  const kept = Float64Array.from(values, (value) => (places && !Number.isNaN(value) ? places[value]! : value));
  return (row, to, at) => writeFeatures(coding, kept[row]!, to, at);
}

/** The rows of each group, in the order of the table. */
function rowsByGroup(table: Table, groupColumn: string): ReadonlyMap<string, readonly number[]> {
  const groups = new Map<string, number[]>();
  const column = columnOf(table, groupColumn);
  for (let row = 0; row < column.length; row++) {
    const value: unknown = column[row];
    if (typeof value !== "string" && typeof value !== "bigint" && !Number.isFinite(value)) {
      const problem = `column "${groupColumn}" of ${table.name}, row ${row} holds ${shownValue(value)}`;
      throw new TaskError(
        "ILT302",
        operation,
        problem,
        "Leave out rows of no group, and name groups by text or numbers",
      );
    }
    const name = String(value);
    const rows = groups.get(name);
    if (rows) rows.push(row);
    else groups.set(name, [row]);
  }
  return groups;
}

function tooSmall(
  table: Table,
  groups: ReadonlyMap<string, readonly number[]>,
  [first, ...rest]: readonly string[],
  taken: string,
): TaskError {
  const others = rest.length > 0 ? `, as have ${rest.length} other groups too few` : "";
  const problem = `group "${first}" of ${table.name} has ${groups.get(first!)!.length} rows${others}; ${taken}`;
  const remedy = "Lower shots or queries, or set skipSmallGroups: true to leave such groups out";
  return new TaskError("ILT401", operation, problem, remedy);
}

const splitNames = (names: readonly string[], given: GroupSplit): GroupedRegression["groups"] =>
  "train" in given ? listed(names, given) : byNumbers(names, given);

function withoutGroups(parts: GroupedRegression["groups"], small: ReadonlySet<string>): GroupedRegression["groups"] {
  const kept = (part: Split): readonly string[] => {
    const names = parts[part].filter((name) => !small.has(name));
    if (names.length > 0) return names;
    const problem = `there are no groups of enough rows for ${part}`;
    throw new TaskError(
      "ILT201",
      operation,
      problem,
      "Hold fewer groups out for other parts, or lower shots or queries",
    );
  };
  return { train: kept("train"), validation: kept("validation"), test: kept("test") };
}

function byNumbers(
  names: readonly string[],
  { validation = 0.1, test = 0.2 }: { readonly validation?: number; readonly test?: number },
): GroupedRegression["groups"] {
  const count = (part: string, value: number): number => {
    const n = value < 1 ? Math.max(1, Math.round(value * names.length)) : value;
    if (value > 0 && Number.isSafeInteger(n)) return n;
    const remedy = "Give a whole number of groups, or a share between 0 and 1";
    throw new TaskError("ILT201", operation, `split.${part} is ${value}`, remedy);
  };
  const [held, out] = [count("validation", validation), count("test", test)];
  // Neither the order of the rows nor, but for few, groups that are added change the part that a group is in.
  const hashOf = (name: string): number => randomOf(keyOf(key(0), name)).uniform();
  const ordered = names
    .map((name) => ({ name, hash: hashOf(name) }))
    .sort((a, b) => a.hash - b.hash || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
  return {
    test: ordered.slice(0, out),
    validation: ordered.slice(out, out + held),
    train: ordered.slice(out + held),
  };
}

function listed(
  names: readonly string[],
  given: Extract<GroupSplit, { readonly train: unknown }>,
): GroupedRegression["groups"] {
  const known = new Set(names);
  const seen = new Set<string>();
  for (const name of splits.flatMap((part) => given[part])) {
    if (!known.has(name)) {
      const problem = `no group "${name}" in the table`;
      throw new TaskError("ILT304", operation, problem, `Name groups of the column, such as "${names[0]}"`);
    }
    if (seen.has(name)) {
      throw new TaskError("ILT303", operation, `group "${name}" is named twice`, "Give each group one part");
    }
    seen.add(name);
  }
  return { train: given.train, validation: given.validation, test: given.test };
}

/** Tells lists of names apart, where a description would be too long with them. */
function hashOfLists(given: Record<Split, readonly string[]>): string {
  const text = JSON.stringify(splits.map((part) => given[part]));
  return randomOf(keyOf(key(0), text))
    .integer(2 ** 31)
    .toString(16)
    .padStart(8, "0");
}
