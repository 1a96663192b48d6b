/**
 * A table of published results as a recipe: which trainings fill it, how each is evaluated, and what the papers report.
 * Recipes are data. Those that come along are in tables.ts.
 */
import type { FigureDescription } from "@innerloop/core";
import { learnerEntry } from "@innerloop/core/learners";
import { figuresOf } from "@innerloop/core/training";
import {
  checkFlags,
  domainOf,
  type ExperimentConfig,
  type Flags,
  type FlatConfig,
  flagTable,
  inEvaluation,
  isOfUse,
  machineOptions,
  resolvePreset,
  toFlags,
} from "../config/index.js";
import { allPresets, findPreset } from "../domains/registry.js";
import { quoted, reasonOf } from "../options/outside-text.js";
import { nearestName, UsageError } from "../options/usage-error.js";

/** A table of published results. */
export interface Table {
  /** Names are file names: small letters, digits and -. */
  readonly name: string;
  readonly title: string;
  /** What the table is about and where it departs from the papers, in sentences. */
  readonly about: string;
  /** The title of the figure that its columns are about, but those that name another: `accuracy`. */
  readonly metric: string;
  /** The data sets of its rows that may have to be fetched, and how. */
  readonly data?: readonly Need[];
  /** The backbones of its rows. */
  readonly backbones?: readonly Need[];
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** Where its trainings are compared by their curves: what is counted along these, the same for all: "updates of 20 tasks". */
  readonly curves?: string;
  /** Means over groups of rows, below them. */
  readonly means?: readonly GroupMean[];
}

/** A data set or backbone that rows are made with, and how to get one that is not here. */
export interface Need {
  readonly name: string;
  readonly remedy: string;
  /** Present where files stand in for it, whose place is given to `reproduce` as `--data`: what they are, in words. */
  readonly files?: string;
}

/** The mean of each line over groups of rows: over the folds of a data set, over held-out domains. */
export interface GroupMean {
  readonly title: string;
  readonly groups: readonly string[];
}

/** Tables that are asked for together. */
export interface TableGroup {
  readonly name: string;
  readonly title: string;
  readonly tables: readonly Table[];
}

/** A setting that is evaluated, or one number of adaptation steps of it. */
export interface Column {
  readonly name: string;
  readonly title: string;
  /** What the evaluation has in place of the training's own options: ways, shots, queries. */
  readonly options?: Flags;
  /** The title of its figure, where that is another than the table's. */
  readonly metric?: string;
  /** Adaptation steps whose figure is shown; unless given, the most that are evaluated. */
  readonly steps?: number;
}

/** One training. Those of one `learner` and group are one line of the printed table. */
export interface Row {
  readonly name: string;
  readonly learner: string;
  /** The heading under which the line stands, with baselines of its own: a data set, a held-out domain. */
  readonly group?: string;
  /** `iterations` is the full number of updates: the published one, where there is one. */
  readonly train: {
    readonly preset: string;
    readonly options: Flags & { readonly iterations: number };
  };
  /** The columns that the training serves. */
  readonly cells: Readonly<Record<string, Cell>>;
  /** Paper and year of the published figures. */
  readonly source?: string;
  /** Whether its evaluations carry the baselines of the table, or of its group: from scratch, nearest neighbours. */
  readonly baselines?: boolean;
  /** Baselines, by name, that it is compared with task by task: a line each, with the interval of the difference. */
  readonly against?: readonly string[];
}

/** A cell of a training: what is other there, and what the paper reports. */
export interface Cell {
  readonly options?: Flags;
  readonly steps?: number;
  /** The published figure as the paper writes it. */
  readonly published?: string;
}

/** The config of a row's training at its full length. */
export const trainingConfig = ({ train: { preset, options } }: Row): ExperimentConfig => resolvePreset(preset, options);

/** The same as flags. */
export const trainingOptions = (row: Row): FlatConfig => toFlags(trainingConfig(row));

/** Updates of a training at its full length. */
export const fullUpdates = ({ train: { options } }: Row): number => options.iterations;

/** The options that the evaluation of a column changes in the options of a run; nothing where it is evaluated as it was trained. */
export function evaluationChanges(row: Row, column: Column, own: FlatConfig): Flags {
  const asked: Flags = { ...column.options, ...row.cells[column.name]?.options };
  const shots = asked.shots ?? own.shots;
  return Object.fromEntries(
    Object.entries(asked).filter(([name, value]) => {
      if (name === "queries" && (value ?? shots) === (own.queries ?? own.shots)) return false;
      return JSON.stringify(value) !== JSON.stringify(own[name]);
    }),
  );
}

/** The columns that a row serves, in the order of the table. */
export const columnsOf = (table: Table, row: Row): readonly Column[] =>
  table.columns.filter(({ name }) => Object.hasOwn(row.cells, name));

/** The figures that evaluations of a row have, the leading one first. */
function rowFigures(row: Row): readonly FigureDescription[] {
  const config = trainingConfig(row);
  return figuresOf(domainOf(config).loss(undefined, config.domain));
}

/** The title of the figure that a column is about. */
export const columnMetric = ({ metric }: Pick<Table, "metric">, column: Column): string => column.metric ?? metric;

/** The figure that each column is about, in the order of the table. @throws UsageError where no row has it */
export function columnFigures(table: Table): readonly FigureDescription[] {
  const ofRows = new Map<Row, readonly FigureDescription[]>();
  const figures = (row: Row): readonly FigureDescription[] => {
    const found = ofRows.get(row) ?? rowFigures(row);
    ofRows.set(row, found);
    return found;
  };
  return table.columns.map((column) => {
    const title = columnMetric(table, column);
    // A column may be empty still: its figure is that of any row then.
    const filling = table.rows.filter(({ cells }) => Object.hasOwn(cells, column.name));
    for (const row of [...filling, ...table.rows]) {
      const found = figures(row).find((each) => each.title === title);
      if (found) return found;
    }
    throw new UsageError(
      `the column ${column.name} of ${table.name} is about ${quoted(title)}, which none of its rows have`,
      `Name one of theirs: ${titlesOf(table.rows.flatMap(figures))}`,
    );
  });
}

/** The figure that a table is about, as its rows have it. */
export function tableFigure(table: Pick<Table, "name" | "rows" | "metric">): FigureDescription {
  for (const row of table.rows) {
    const found = rowFigures(row).find(({ title }) => title === table.metric);
    if (found) return found;
  }
  throw new UsageError(
    `the table ${table.name} is about ${quoted(table.metric)}, which none of its rows have`,
    `Name one of theirs: ${titlesOf(table.rows.flatMap(rowFigures))}`,
  );
}

const titlesOf = (figures: readonly FigureDescription[]): string =>
  [...new Set(figures.map(({ title }) => title))].join(", ");

/** A thing that a row is made with, of those which a table says how to get. */
export interface RowNeed extends Need {
  readonly kind: "data set" | "backbone";
}

/** The data set and the backbone of a row, of those that the table says how to get. */
export function needsOf({ data = [], backbones = [] }: Pick<Table, "data" | "backbones">, row: Row): RowNeed[] {
  const { [dataOptionOf(row)]: set, backbone } = trainingOptions(row);
  const found = (kind: RowNeed["kind"], list: readonly Need[], wanted: unknown): RowNeed[] =>
    list.filter(({ name }) => name === wanted).map((need) => ({ kind, ...need }));
  return [...found("data set", data, set), ...found("backbone", backbones, backbone)];
}

/** The option of a row's training that names its data. */
export const dataOptionOf = (row: Row): string => domainOf(trainingConfig(row)).dataOptions[0]!;

/** The need of a row that files meet, where it has one. */
export const needOfFiles = (table: Pick<Table, "data" | "backbones">, row: Row): RowNeed | undefined =>
  needsOf(table, row).find(({ files }) => files !== undefined);

/** A row whose data are files at a place, where such files meet its need; the row as it is where not. */
export function withFilesAt(table: Pick<Table, "data" | "backbones">, row: Row, place: string): Row {
  if (!needOfFiles(table, row)) return row;
  const { preset, options } = row.train;
  return { ...row, train: { preset, options: { ...options, [dataOptionOf(row)]: place } } };
}

/** Options that say how long or how closely watched a run is, and not what it is a run of, as those of the machine. */
const ofNoConsequence: ReadonlySet<string> = new Set([
  "iterations",
  "checkpointEvery",
  "validateEvery",
  "validateStart",
  "validateSteps",
  "validationTasks",
  "memory",
  "chunk",
  "recompute",
  "evalTasks",
  "evalSteps",
  "scratchRate",
]);

/** The options that the training of a row is asked for: its options but those that mean nothing beside the others. */
export const optionsAsked = (row: Row): Row["train"]["options"] => {
  const config = trainingConfig(row);
  const asked = Object.entries(row.train.options).filter(([name]) => isOfUse(name, config));
  return { ...Object.fromEntries(asked), iterations: row.train.options.iterations };
};

/** The names of the options in which a run is another training than the row's; its number of updates may be any. */
export function differencesFrom(row: Row, options: FlatConfig): string[] {
  const [wanted, found] = [effective(trainingOptions(row)), effective(options)];
  const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  const ofMachine = machineOptions();
  return [...names].filter(
    (name) =>
      !ofNoConsequence.has(name) &&
      !ofMachine.has(name) &&
      JSON.stringify(wanted[name]) !== JSON.stringify(found[name]),
  );
}

/** With what stands for what is left out: as many queries as shots, training as in evaluation. */
const effective = (options: FlatConfig): Flags => ({
  ...options,
  ...("shots" in options
    ? { queries: options.queries ?? options.shots, trainShots: options.trainShots ?? options.shots }
    : {}),
  ...("ways" in options ? { trainWays: options.trainWays ?? options.ways } : {}),
});

/** A table from the text of a file. @throws UsageError that names the place in the file */
export function parseTable(text: string, path: string): Table {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path} is not JSON (${reasonOf(error)})`, "docs/cli.md shows what a table is");
  }
  return checkTable(value, path);
}

const namePattern = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** A table from a value that may be anything. @throws UsageError */
export function checkTable(value: unknown, where: string): Table {
  const fields = ["name", "title", "about", "metric", "data", "backbones", "columns", "rows", "curves", "means"];
  const table = fieldsOf(value, where, fields);
  const columns = listOf(table.columns, `columns in ${where}`).map((each, i) =>
    checkColumn(each, `columns[${i}]`, where),
  );
  const rows = listOf(table.rows, `rows in ${where}`).map((each, i) => checkRow(each, `rows[${i}]`, where, columns));
  for (const [what, list] of Object.entries({ columns, rows })) {
    const names = list.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new UsageError(`${where} has two ${what} named ${twice}`, "Name them apart");
  }
  requireCellsApart(rows, where);
  const metric = textOf(table.metric, `metric in ${where}`);
  for (const row of rows) requireFigures(row, { columns, metric, where });
  const needs = (name: "data" | "backbones"): Partial<Pick<Table, "data" | "backbones">> =>
    table[name] === undefined ? {} : { [name]: checkNeeds(table[name], name, where) };
  return {
    name: nameOf(table.name, `name in ${where}`),
    title: textOf(table.title, `title in ${where}`),
    about: table.about === undefined ? "" : textOf(table.about, `about in ${where}`),
    metric,
    ...needs("data"),
    ...needs("backbones"),
    columns,
    rows,
    ...(table.curves === undefined ? {} : { curves: textOf(table.curves, `curves in ${where}`) }),
    ...(table.means === undefined ? {} : { means: checkMeans(table.means, rows, where) }),
  };
}

/** @throws UsageError where two rows fill one cell */
function requireCellsApart(rows: readonly Row[], where: string): void {
  const filled = new Map<string, Row>();
  for (const row of rows) {
    for (const column of Object.keys(row.cells)) {
      const cell = JSON.stringify([row.group, row.learner, column]);
      const other = filled.get(cell);
      if (other)
        throw new UsageError(
          `${other.name} and ${row.name} in ${where} both fill ${column} of ${row.learner}`,
          "Give one of them another learner text, or another group",
        );
      filled.set(cell, row);
    }
  }
}

/** One need, or a list of them. */
function checkNeeds(value: unknown, name: string, where: string): readonly Need[] {
  return (Array.isArray(value) ? listOf(value, `${name} in ${where}`) : [value]).map((each, i) => {
    const at = Array.isArray(value) ? `${name}[${i}]` : name;
    const need = fieldsOf(each, `${at} in ${where}`, ["name", "remedy", "files"]);
    return {
      name: nameOf(need.name, `${at}.name in ${where}`),
      remedy: textOf(need.remedy, `${at}.remedy in ${where}`),
      ...(need.files === undefined ? {} : { files: textOf(need.files, `${at}.files in ${where}`) }),
    };
  });
}

function checkMeans(value: unknown, rows: readonly Row[], where: string): readonly GroupMean[] {
  const groups = new Set(rows.flatMap(({ group }) => group ?? []));
  const means = listOf(value, `means in ${where}`).map((each, i) => {
    const at = `means[${i}]`;
    const mean = fieldsOf(each, `${at} in ${where}`, ["title", "groups"]);
    const over = listOf(mean.groups, `${at}.groups in ${where}`).map((group) =>
      textOf(group, `a group of ${at} in ${where}`),
    );
    const unknown = over.find((group, place) => !groups.has(group) || over.indexOf(group) !== place);
    if (unknown !== undefined)
      throw new UsageError(
        `${at}.groups in ${where} has ${quoted(unknown)}${groups.has(unknown) ? " twice" : ", which no row is of"}`,
        groups.size > 0 ? `Groups are ${[...groups].join(", ")}` : 'Give rows a group: "group": "HuffPost"',
      );
    return { title: textOf(mean.title, `${at}.title in ${where}`), groups: over };
  });
  const titles = [...groups, ...means.map(({ title }) => title)];
  const twice = titles.find((title, i) => titles.indexOf(title) !== i);
  if (twice !== undefined) throw new UsageError(`${where} has two headings ${quoted(twice)}`, "Name them apart");
  return means;
}

/** @throws UsageError where the evaluations of a row would not have what its columns show */
function requireFigures(
  row: Row,
  { columns, metric, where }: { readonly columns: readonly Column[]; readonly metric: string; readonly where: string },
): void {
  const config = trainingConfig(row);
  const own = toFlags(config);
  const figures = rowFigures(row);
  const served = columns.filter(({ name }) => Object.hasOwn(row.cells, name));
  for (const [place, title] of [
    [`metric in ${where}`, metric] as const,
    ...served.flatMap(({ name, metric: own }) =>
      own === undefined ? [] : [[`metric of the column ${name} in ${where}`, own] as const],
    ),
  ]) {
    if (figures.some((each) => each.title === title)) continue;
    throw new UsageError(
      `${place} is ${quoted(title)}, which evaluations of ${row.name} do not have`,
      `Give ${titlesOf(figures)}, or rows of other data`,
    );
  }
  const { takesSteps, variableWays } = learnerEntry(own.learner);
  for (const column of served) {
    const { ways } = { ...own, ...evaluationChanges(row, column, own) } as Flags;
    if (Number(ways) > Number(own.ways) && !variableWays) {
      throw new UsageError(
        `${column.name} in ${where} has ${ways} ways, and ${own.learner} of ${row.name} tells ${own.ways} classes apart`,
        `Give the row ways ${ways} or more, or leave the column out of its cells`,
      );
    }
    if (!takesSteps) continue;
    const steps = row.cells[column.name]!.steps ?? column.steps;
    const { evalSteps } = { ...own, ...evaluationChanges(row, column, own) };
    if (steps === undefined || evalSteps.includes(steps)) continue;
    throw new UsageError(
      `${row.name} in ${where} is evaluated after ${evalSteps.join(", ")} steps, and its column ${column.name} shows ${steps}`,
      "Name them in evalSteps of the row's options, or in those of the column",
    );
  }
}

function checkColumn(value: unknown, at: string, where: string): Column {
  const fields = ["name", "title", "metric", "options", "steps"];
  const { name, title, metric, options, steps } = fieldsOf(value, `${at} in ${where}`, fields);
  return {
    name: nameOf(name, `${at}.name in ${where}`),
    title: textOf(title, `${at}.title in ${where}`),
    ...(metric === undefined ? {} : { metric: textOf(metric, `${at}.metric in ${where}`) }),
    ...evaluationFields({ options, steps }, at, where),
  };
}

function checkRow(value: unknown, at: string, where: string, columns: readonly Column[]): Row {
  const fields = ["name", "learner", "group", "train", "cells", "source", "baselines", "against"];
  const row = fieldsOf(value, `${at} in ${where}`, fields);
  const train = fieldsOf(row.train, `${at}.train in ${where}`, ["preset", "options"]);
  const { preset } = train;
  if (typeof preset !== "string" || !findPreset(preset)) {
    throw new UsageError(
      `${at}.train.preset in ${where} is ${quoted(preset)}`,
      `Presets are ${allPresets()
        .map(({ name }) => name)
        .join(", ")}`,
    );
  }
  const options = checkFlags(
    fieldsOf(train.options, `${at}.train.options in ${where}`),
    `${at}.train.options of ${where}`,
  );
  const { iterations } = options as { readonly iterations?: number };
  if (iterations === undefined)
    throw new UsageError(
      `${at} in ${where} does not say how many updates it has in full`,
      "Give iterations in its options",
    );
  const cells = Object.entries(fieldsOf(row.cells, `${at}.cells in ${where}`)).map(([name, cell]) => {
    const place = `${at}.cells.${name}`;
    if (!columns.some((column) => column.name === name)) {
      throw new UsageError(
        `${place} in ${where} is about a column that is not there`,
        `Columns are ${columns.map((column) => column.name).join(", ")}`,
      );
    }
    const { published, ...more } = fieldsOf(cell, `${place} in ${where}`, ["options", "steps", "published"]);
    const figure = published === undefined ? {} : { published: textOf(published, `${place}.published in ${where}`) };
    return [name, { ...evaluationFields(more, place, where), ...figure }] as const;
  });
  const against =
    row.against === undefined
      ? undefined
      : listOf(row.against, `${at}.against in ${where}`).map((each) => textOf(each, `${at}.against in ${where}`));
  if (against && row.baselines !== true)
    throw new UsageError(
      `${at} in ${where} is compared with ${against[0]}, and its evaluations carry no baselines`,
      'Give it "baselines": true',
    );
  if (cells.length === 0)
    throw new UsageError(`${at} in ${where} serves no column`, 'Name one: "cells": { "COLUMN": {} }');
  return {
    name: nameOf(row.name, `${at}.name in ${where}`),
    learner: textOf(row.learner, `${at}.learner in ${where}`),
    ...(row.group === undefined ? {} : { group: textOf(row.group, `${at}.group in ${where}`) }),
    train: { preset, options: { ...options, iterations } },
    cells: Object.fromEntries(cells),
    ...(row.source === undefined ? {} : { source: textOf(row.source, `${at}.source in ${where}`) }),
    ...(row.baselines === true ? { baselines: true } : {}),
    ...(against === undefined ? {} : { against }),
  };
}

function evaluationFields(
  { options, steps }: { options?: unknown; steps?: unknown },
  at: string,
  where: string,
): { options?: Flags; steps?: number } {
  if (steps !== undefined && !(Number.isSafeInteger(steps) && (steps as number) >= 0))
    throw new UsageError(`${at}.steps in ${where} is ${quoted(steps)}`, "Give a whole number of at least 0");
  const place = `${at}.options in ${where}`;
  const checked = options === undefined ? undefined : checkFlags(fieldsOf(options, place), place);
  for (const name of Object.keys(checked ?? {})) {
    if (!flagTable().some((flag) => flag.name === name && inEvaluation(flag)))
      throw new UsageError(
        `${place} has ${name}, which training settles`,
        "`innerloop eval --help` lists what may change",
      );
  }
  return {
    ...(checked ? { options: checked } : {}),
    ...(steps === undefined ? {} : { steps: steps as number }),
  };
}

/** The fields of an object; where they are listed, no others. */
function fieldsOf(value: unknown, where: string, known?: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new UsageError(`${where} is ${shortly(value)}`, "An object is needed");
  const unknown = known && Object.keys(value).find((name) => !known.includes(name));
  if (known && unknown !== undefined) {
    const near = nearestName(unknown, known);
    throw new UsageError(
      `${where} has an unknown ${unknown}`,
      near ? `Did you mean ${near}?` : `It has ${known.join(", ")}`,
    );
  }
  return value as Record<string, unknown>;
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value as readonly unknown[];
  throw new UsageError(`${where} is ${shortly(value)}`, "A list of at least one is needed");
}

function textOf(value: unknown, where: string): string {
  if (typeof value === "string" && value !== "" && !value.includes("\n")) return value;
  throw new UsageError(`${where} is ${shortly(value)}`, "A line of text is needed");
}

function nameOf(value: unknown, where: string): string {
  if (typeof value === "string" && namePattern.test(value)) return value;
  throw new UsageError(`${where} is ${shortly(value)}`, "Use small letters, digits and -");
}

const shortly = (value: unknown): string => (value === undefined ? "not there" : quoted(value));
