/** A user's table: the rows of each group are a task of regression. */

import {
  type Count,
  type GroupedRegression,
  groupedRegression,
  meanSquaredError,
  type Table,
  TaskError,
} from "@innerloop/core";
import { defaultsOf, type OptionValues, optionGroup } from "@innerloop/core/learners";
import {
  codedRegression,
  sourceOf,
  type TableRow,
  type TableSpec,
  tableFeatures,
  tableSpecFrom,
  valuesOfTableRows,
} from "@innerloop/core/tasks";
import type { DataIo, FoundTable, LongWork } from "../../io.js";
import { quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import { flagOf, mostOf, optionText } from "../../options/values.js";
import { isDataSpec } from "../classification/spec.js";
import { pointsText } from "../curves/domain.js";
import {
  type DataSpec,
  domain,
  type Loaded,
  type NextStep,
  type Own,
  type SourceTasks,
  type Tasks,
} from "../domain.js";
import { linearBaselines } from "../linear-baselines.js";
import { tensorTaskSpec } from "../program-tasks.js";
import { areOfMarkedTexts, areOfTexts, isTableFile, missingOption, scaleOption, sizeOptions } from "../task-options.js";
import { rowAdaptation } from "./adaptation.js";
import { exportedRows } from "./exported-rows.js";
import { tablePresets } from "./presets.js";

const heldOutGroups = (what: string, share: string) =>
  ({
    kind: "integer",
    absent: share,
    least: 1,
    most: 1_000_000,
    help: `classes, or groups of a table, held out for ${what}`,
  }) as const;

const tableOptions = optionGroup({
  data: {
    kind: "text",
    placeholder: "TABLE",
    default: "",
    help: "a table for regression, CSV or JSON lines, with --group-column",
    inEvaluation: true,
    onResume: true,
  },
  groupColumn: {
    kind: "text",
    placeholder: "COLUMN",
    default: "",
    help: "the column that says to which group a row belongs; each group is a task",
  },
  target: {
    kind: "texts",
    placeholder: "COLUMN,...",
    default: [],
    help: "the columns of numbers to predict, separated by commas",
  },
  inputs: {
    kind: "texts",
    placeholder: "COLUMN,...",
    absent: "all others that are of use",
    help: "the columns to predict from: numbers, dates, times of day, truth values, or texts of which there are few; all others that are of use unless given",
  },
  ...missingOption,
  ...scaleOption,
  ...sizeOptions,
  validationClasses: heldOutGroups("validation", "a tenth"),
  testClasses: heldOutGroups("evaluation", "a fifth"),
});

/** Values of the options of tables. */
export type TableValues = OptionValues<typeof tableOptions>;

/** What a run keeps of its table: how its rows are coded; runs of before tables had specs have none. */
export interface TableDataSpec extends DataSpec {
  readonly table?: TableSpec;
}

const adaptNext: NextStep = {
  command: "adapt",
  flags: {},
  more: "--support FIVE-ROWS.csv --query ROWS.csv",
  meaning: "rows of a new group, and rows to predict",
};

/** @internal The domain of tables. */
export const tables = domain<typeof tableOptions, { readonly tasks: SourceTasks }, TableDataSpec>({
  name: "tables",
  title: "tables",
  kind: "regression",
  options: tableOptions,
  presets: tablePresets,
  networks: ["mlp", "linear"],
  ofEpisodes: ["trainShots"],
  claims: (flags) => {
    const { groupColumn, target, inputs, data } = flags;
    if ([groupColumn, target, inputs].some((value) => value !== undefined)) return "table";
    return isTableFile(data) && !areOfTexts(flags) && !areOfMarkedTexts(flags) ? "table" : undefined;
  },
  shownAs: ({ groupColumn }) => `--group-column ${groupColumn}`,
  check: requireTableOptions,
  load: async (options, io, work, { own }) => {
    const name = own?.spec?.name ?? tableName(options.data);
    const table = await io.table(options.data, readingOf(options, name, own?.spec), work);
    if (!own) for (const note of table.notes) work.onWarning?.(note);
    const { tasks, spec } = tableTasks(table, options);
    return {
      data: { tasks },
      spec: {
        name,
        sha256: table.sha256,
        folder: io.absolute(options.data),
        exampleShape: [tableFeatures(spec)],
        table: spec,
      },
      ...(own ? {} : { notes: [`columns: ${table.columns}`] }),
    };
  },
  loadOther: loadOtherTable,
  parseSpec: parseTableSpec,
  tasks: ({ tasks }) => tasks,
  shapes: (spec, options, { own = options }) => ({
    inputShape: spec?.exampleShape ?? [],
    outputs: options.target.length,
    supportRows: Math.max(own.shots, mostOf(own.trainShots ?? own.shots)),
    trainClasses: 0,
  }),
  loss: () => meanSquaredError,
  baselines: ({ tasks, shapes }) => linearBaselines(sourceOf(tasks.train), shapes.inputShape),
  describe: ({ options, tasks }) => {
    const [train, validation, test] = [tasks.train, tasks.validation, tasks.test].map(({ description }) => description);
    const parts = `${train!.groups} to train on, ${validation!.groups} to validate, ${test!.groups} held out`;
    return [
      [
        "data",
        `${train!.table}: groups of ${options.groupColumn}, ${parts}; ${train!.targets} from ${train!.inputs}, ${pointsText(options)}`,
      ],
    ];
  },
  taskSizes: ["shots", "queries"],
  sizeOf: (name, { shots, queries }, chosen) =>
    name === "shots" ? shots : (queries ?? (chosen.includes("shots") ? undefined : shots)),
  // Another table is tested on without the groups that were trained on: which these are follows from the run's own.
  heldOut: ({ spec, options: { validationClasses, testClasses } }) => ({
    "shape of examples": spec?.exampleShape.join(" x "),
    "data set": spec?.name,
    "contents of the data set (sha256)": spec?.sha256.slice(0, 16),
    "--validation-classes": validationClasses,
    "--test-classes": testClasses,
  }),
  next: ({ config, spec }) => [
    // Runs of before tables had specs know no rows but their own.
    ...(spec?.table ? [adaptNext] : []),
    { command: "again", flags: { seed: config.training.seed + 1 }, meaning: "the same from another start" },
  ],
  adopt: adoptedRows,
  adaptation: rowAdaptation(({ spec }) => codingsOf(spec)),
  exported: ({ spec }) => exportedRows(codingsOf(spec)),
});

/** @throws UsageError of runs of before tables had specs */
function codingsOf({ table, name }: TableDataSpec): TableSpec {
  if (table) return table;
  throw new UsageError(
    `the run of ${name} has not kept how its rows are coded: it is from before that was kept`,
    "Train it again",
  );
}

/** The way in which a table is read for options. @param recorded of the run that has it, if there is one */
const readingOf = (
  { groupColumn, target: targets, inputs, missing }: TableValues,
  name: string,
  recorded: TableDataSpec | undefined,
) =>
  // Runs of before tables had specs left columns of text out.
  ({
    name,
    groupColumn,
    targets,
    inputs,
    missing,
    numbersOnly: recorded !== undefined && recorded.table === undefined,
  });

/** Rows of a program's own, whose columns have numbers for names: undefined for tasks of anything else. */
function adoptedRows({ test }: Tasks) {
  const tensors = tensorTaskSpec({ test });
  if (!tensors) return undefined;
  const { x, y } = tensors;
  const [features, targets] = [x.shape[0], y.shape[0]];
  if (y.classes || x.shape.length !== 1 || y.shape.length !== 1 || !features || !targets) return undefined;
  const named = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({ name: `${name}${i + 1}`, mean: 0, deviation: 1 }));
  const table: TableSpec = {
    groupColumn: "group",
    inputs: (x.columns ?? named("x", features)).map(({ name, mean, deviation }) => ({
      kind: "number",
      name,
      mean,
      deviation,
    })),
    targets: y.columns ?? named("y", targets),
  };
  const spec: TableDataSpec = { name: test.name, sha256: "", exampleShape: x.shape, table };
  return { options: { ...defaultsOf(tableOptions), target: table.targets.map(({ name }) => name) }, spec };
}

/** The spec in a value from a file, with that of its rows; undefined where it is none. */
function parseTableSpec(value: unknown): TableDataSpec | undefined {
  if (!isDataSpec(value)) return undefined;
  const { table, ...others } = value as DataSpec & { readonly table?: unknown };
  if (table === undefined) return others;
  try {
    return { ...others, table: tableSpecFrom(table) };
  } catch (error) {
    if (error instanceof TaskError) return undefined;
    throw error;
  }
}

const tableName = (path: string): string => path.replace(/^.*[\\/]/, "").replace(/\.[a-z]+$/i, "");

/**
 * Another table that a run is to be tested on, by the codings of its own: all groups but those that it was trained on or
 * validated by. Its own is read for these, and for the baselines, which are fitted to it.
 */
async function loadOtherTable(
  options: TableValues,
  io: DataIo,
  work: LongWork,
  { own }: { readonly own: Own<TableValues, TableDataSpec> },
): Promise<Loaded<{ readonly tasks: SourceTasks }, TableDataSpec> & { readonly isOwn?: boolean }> {
  const { spec: recorded } = own;
  const quiet: LongWork = { signal: work.signal, onProgress: work.onProgress };
  const ownReading = readingOf(own.options, recorded.name, recorded);
  // What does not read as a run's own table is another, which is told below what it lacks.
  const given = await io.table(options.data, ownReading, quiet).catch((): undefined => undefined);
  work.signal?.throwIfAborted();
  if (given?.sha256 === recorded.sha256) {
    const { tasks } = tableTasks(given, options);
    const spec = { ...recorded, folder: io.absolute(options.data) };
    return { data: { tasks }, spec, isOwn: true };
  }
  const table = codingsOf(recorded);
  const path = recorded.folder ?? "";
  const there = (await io.kindOf(path)) !== undefined;
  const trainedOn = there ? await io.table(path, ownReading, quiet) : undefined;
  if (trainedOn?.sha256 !== recorded.sha256)
    throw new UsageError(
      `the table ${recorded.name} that the run was trained on is not at ${io.shown(path)}${there ? " as it was" : ""}: without it, its groups are not told from others in ${io.shown(options.data)}`,
      "Put it back",
    );
  const { tasks, groups } = tableTasks(trainedOn, own.options);
  const { rows, reading, notes } = await io.tableRows(options.data, table, { ...work, needTargets: true });
  for (const note of notes) work.onWarning?.(`${io.shown(options.data)}: ${note}`);
  const known = new Set([...groups.train, ...groups.validation]);
  const unseen = unseenRows(rows, table, known, io.shown(options.data), work);
  const name = tableName(options.data);
  const found: Table = { name, columns: { [table.groupColumn]: unseen.map(({ group }) => group) } };
  const { inputs, targets } = valuesOfTableRows(
    table,
    unseen.map(({ row }) => row),
    { ...reading, targets: true },
  );
  const { shots, queries = shots, missing, scale } = options;
  try {
    const { test } = codedRegression(
      found,
      { spec: table, inputs, targets },
      {
        ...{ shots, queries, skipSmallGroups: true, standardize: scale === "columns" },
        missing: missing === "mean" ? "mean" : "refuse",
      },
    ).tasks;
    return {
      data: { tasks: { ...tasks, test } },
      spec: { name, sha256: given?.sha256 ?? "", exampleShape: recorded.exampleShape, table },
    };
  } catch (error) {
    if (!(error instanceof TaskError) || (error.code !== "ILT201" && error.code !== "ILT402")) throw error;
    throw new UsageError(
      `no group of ${table.groupColumn} in ${io.shown(options.data)} has the ${shots + queries} rows that ${flagOf("shots")} ${shots} and ${queries} queries take`,
      "Lower --shots or --queries, or give a table with more rows of a group",
    );
  }
}

/** The rows of a table whose groups are none of those known. @throws UsageError where none are left */
function unseenRows(
  rows: readonly TableRow[],
  { groupColumn }: TableSpec,
  known: ReadonlySet<string>,
  path: string,
  { onWarning }: LongWork,
): readonly { readonly row: TableRow; readonly group: string }[] {
  if (!rows.some((row) => Object.hasOwn(row, groupColumn)))
    throw new UsageError(
      `${path} has no column ${quoted(groupColumn)}`,
      "Give a table whose groups are in a column of the same name as those of training",
    );
  const all = rows.map((row) => ({ row, group: String(row[groupColumn] ?? "").trim() }));
  const named = all.filter(({ group }) => group !== "");
  if (named.length < all.length) onWarning?.(`${path}: ${all.length - named.length} rows of no group are left out`);
  const unseen = named.filter(({ group }) => !known.has(group));
  const seen = new Set(named.map(({ group }) => group).filter((group) => known.has(group)));
  if (unseen.length === 0)
    throw new UsageError(
      `the run was trained on all groups of ${groupColumn} in ${path}, or on ones of the same names`,
      "Give a table with other groups",
    );
  if (seen.size > 0)
    onWarning?.(
      `${path}: ${seen.size} of its groups are left out, since the run was trained on them or on ones of the same names`,
    );
  return unseen;
}

/** What other kinds of task take of a file that may be a table of theirs. */
const otherTables =
  "; texts of classes take --data FILE.csv --text-column COLUMN --label-column COLUMN, and marked texts take `innerloop train entities --data FILE.jsonl`";

/** @throws UsageError where some of what makes tasks from a table is given, and not all */
function requireTableOptions({ data, groupColumn, target, inputs }: TableValues): void {
  const given =
    groupColumn !== ""
      ? `--group-column ${groupColumn}`
      : target.length > 0
        ? `--target ${target.join(",")}`
        : inputs !== undefined
          ? `--inputs ${inputs.join(",")}`
          : isTableFile(data)
            ? `--data ${data}`
            : "the preset table";
  const problem =
    data === ""
      ? "without --data"
      : !/[\\/.]/.test(data)
        ? `with the data set ${data}`
        : groupColumn === ""
          ? "without --group-column"
          : target.length === 0
            ? "without --target"
            : undefined;
  if (problem === undefined) return;
  const speaksOfFile = isTableFile(data) && groupColumn === "" && target.length === 0 && inputs === undefined;
  throw new UsageError(
    `${given} ${problem}`,
    `Tasks from a table take --data FILE.csv --group-column COLUMN --target COLUMN${speaksOfFile ? otherTables : ""}`,
  );
}

/** The regression tasks of a table, whose groups are split for good: the part that a group is in follows from its name. */
function tableTasks(found: FoundTable, options: TableValues): Pick<GroupedRegression, "tasks" | "spec" | "groups"> {
  const { groupColumn, target: targets, shots, trainShots, queries = shots, missing, scale } = options;
  const { validationClasses: validation, testClasses: test } = options;
  const split = { ...(validation ? { validation } : {}), ...(test ? { test } : {}) };
  const tasksOf = (support: Count, name: string): GroupedRegression => {
    try {
      return groupedRegression(found.table, {
        ...{ groupColumn, inputs: found.inputs, targets, shots: support, queries, skipSmallGroups: true, split },
        standardize: scale === "columns",
        missing: missing === "mean" ? "mean" : "refuse",
      });
    } catch (error) {
      throw withSmallGroups(error, found, options, { shots: support, queries, flag: flagOf(name) }) ?? error;
    }
  };
  // The spec follows from the training groups, whatever the shots.
  const { tasks, spec: coded, groups } = tasksOf(shots, "shots");
  const spec: TableSpec = found.decimalCommas ? { ...coded, decimalCommas: true } : coded;
  if (trainShots === undefined) return { tasks, spec, groups };
  return { tasks: { ...tasks, train: tasksOf(trainShots, "trainShots").tasks.train }, spec, groups };
}

/** What a split without groups is told as, where groups are too small for the tasks; undefined for any other error. */
function withSmallGroups(
  error: unknown,
  { table, similarGroups }: FoundTable,
  { data, groupColumn, validationClasses, testClasses }: TableValues,
  { shots, queries, flag }: { readonly shots: Count; readonly queries: number; readonly flag: string },
): UsageError | undefined {
  // With a range, "ILT402" is about shares of groups that need not be small.
  const codes: readonly string[] = typeof shots === "number" ? ["ILT201", "ILT402"] : ["ILT201"];
  if (!(error instanceof TaskError) || !codes.includes(error.code)) return undefined;
  const rows = new Map<string, number>();
  for (const group of (table as Table).columns[groupColumn] as readonly string[])
    rows.set(group, (rows.get(group) ?? 0) + 1);
  if (rows.size < 3) {
    return new UsageError(
      `${data} has ${rows.size} ${rows.size === 1 ? "group" : "groups"} in ${groupColumn}, and training, validation and evaluation each take one at least`,
      "Name another --group-column, or give rows of more groups",
    );
  }
  // Of a range a task takes what there is, one row at least.
  const needed = (typeof shots === "number" ? shots : 1) + queries;
  const sizes = [...rows.values()];
  const large = sizes.filter((size) => size >= needed).length;
  if (large === sizes.length) {
    const asked = Object.entries({ validationClasses, testClasses }).filter(([, n]) => n !== undefined);
    if (asked.length === 0) return undefined;
    return new UsageError(
      `${asked.map(([name, n]) => `${flagOf(name)} ${n}`).join(" and ")} of ${data}, which has ${sizes.length} groups in ${groupColumn}`,
      "Hold out fewer: training takes one at least",
    );
  }
  const most = sizes.reduce((a, b) => Math.max(a, b));
  // Training, validation and evaluation have a group each, at least.
  const fits = sizes.sort((a, b) => b - a)[2] ?? 0;
  const remedies = [
    ...(fits >= 2 ? [`let ${flag} and --queries together take at most ${fits} rows of a group`] : []),
    ...(fits < 4 ? [`name another --group-column: most groups of ${groupColumn} have few rows`] : []),
    similarGroups,
  ].filter((remedy) => remedy !== undefined);
  const how = large === 0 ? "none" : `${large}, too few for training, validation and evaluation each to have one,`;
  return new UsageError(
    `of the ${sizes.length} groups of ${groupColumn} in ${data}, ${how} ${large < 2 ? "has" : "have"} the ${needed} rows that ${flag} ${optionText(shots)} and ${queries} queries take; the largest has ${most}`,
    `${remedies[0]!.charAt(0).toUpperCase()}${remedies.join("; or ").slice(1)}`,
  );
}
