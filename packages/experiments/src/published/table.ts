/**
 * A table of published results as a recipe: which trainings fill it, how each is evaluated, and what the papers report.
 * Recipes are data. Those that come along are in tables.ts.
 */
import { accuracy, type FigureDescription, meanSquaredError } from "@innerloop/core";
import { learnerEntry } from "@innerloop/core/learners";
import { describedAs, figuresOf, lossDescription } from "@innerloop/core/training";
import {
  checkFlags,
  domainOf,
  type ExperimentConfig,
  type Flags,
  type FlatConfig,
  flagTable,
  inEvaluation,
  isOfUse,
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
  readonly metric: Metric;
  /** The data set, and how to get one that is not here. */
  readonly data?: { readonly name: string; readonly remedy: string };
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** The figures that tables may be about, by their titles. */
export const tableFigures = {
  accuracy: describedAs(accuracy),
  "mean squared error": lossDescription(meanSquaredError),
} as const satisfies Readonly<Record<string, FigureDescription>>;
/** The title of a figure that a table may be about. */
export type Metric = keyof typeof tableFigures;
/** Titles of the figures that a table may be about. */
export const metrics = Object.keys(tableFigures) as readonly Metric[];

/** A setting that is evaluated, or one number of adaptation steps of it. */
export interface Column {
  readonly name: string;
  readonly title: string;
  /** What the evaluation has in place of the training's own options: ways, shots, queries. */
  readonly options?: Flags;
  /** Adaptation steps whose figure is shown; unless given, the most that are evaluated. */
  readonly steps?: number;
}

/** One training. Those of one `learner` are one line of the printed table. */
export interface Row {
  readonly name: string;
  readonly learner: string;
  /** `iterations` is the full number of updates: the published one, where there is one. */
  readonly train: {
    readonly preset: string;
    readonly options: Flags & { readonly iterations: number };
  };
  /** The columns that the training serves. */
  readonly cells: Readonly<Record<string, Cell>>;
  /** Paper and year of the published figures. */
  readonly source?: string;
  /** Whether its evaluations carry the baselines of the table: from scratch, nearest neighbours. */
  readonly baselines?: boolean;
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

/** Options that say where, how long or how closely watched a run is, and not what it is a run of. */
const ofNoConsequence: ReadonlySet<string> = new Set([
  "iterations",
  "checkpointEvery",
  "validateEvery",
  "validateStart",
  "validationTasks",
  "device",
  "workers",
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
  return [...names].filter(
    (name) => !ofNoConsequence.has(name) && JSON.stringify(wanted[name]) !== JSON.stringify(found[name]),
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
  const table = fieldsOf(value, where, ["name", "title", "about", "metric", "data", "columns", "rows"]);
  const columns = listOf(table.columns, `columns in ${where}`).map((each, i) =>
    checkColumn(each, `columns[${i}]`, where),
  );
  const rows = listOf(table.rows, `rows in ${where}`).map((each, i) => checkRow(each, `rows[${i}]`, where, columns));
  for (const [what, list] of Object.entries({ columns, rows })) {
    const names = list.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new UsageError(`${where} has two ${what} named ${twice}`, "Name them apart");
  }
  for (const row of rows) {
    for (const column of Object.keys(row.cells)) {
      const other = rows.find((each) => each !== row && each.learner === row.learner && column in each.cells);
      if (other)
        throw new UsageError(
          `${row.name} and ${other.name} in ${where} both fill ${column} of ${row.learner}`,
          "Give one of them another learner text",
        );
    }
  }
  const metric = metrics.find((each) => each === table.metric);
  if (metric === undefined)
    throw new UsageError(`metric in ${where} is ${shortly(table.metric)}`, `Give ${metrics.join(" or ")}`);
  for (const row of rows) requireFigures(row, { columns, metric, where });
  const data = table.data === undefined ? undefined : fieldsOf(table.data, `data in ${where}`, ["name", "remedy"]);
  return {
    name: nameOf(table.name, `name in ${where}`),
    title: textOf(table.title, `title in ${where}`),
    about: table.about === undefined ? "" : textOf(table.about, `about in ${where}`),
    metric,
    ...(data
      ? {
          data: {
            name: nameOf(data.name, `data.name in ${where}`),
            remedy: textOf(data.remedy, `data.remedy in ${where}`),
          },
        }
      : {}),
    columns,
    rows,
  };
}

/** @throws UsageError where the evaluations of a row would not have what its columns show */
function requireFigures(
  row: Row,
  { columns, metric, where }: { readonly columns: readonly Column[]; readonly metric: Metric; readonly where: string },
): void {
  const config = trainingConfig(row);
  const own = toFlags(config);
  const fitting = figuresOf(domainOf(config).loss(undefined, config.domain))[0]!.title;
  if (metric !== fitting) {
    throw new UsageError(
      `metric in ${where} is ${metric}, which evaluations of ${row.name} do not have`,
      `Give ${fitting}, or rows of other data`,
    );
  }
  const { takesSteps, variableWays } = learnerEntry(own.learner);
  for (const column of columns.filter(({ name }) => Object.hasOwn(row.cells, name))) {
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
  const { name, title, options, steps } = fieldsOf(value, `${at} in ${where}`, ["name", "title", "options", "steps"]);
  return {
    name: nameOf(name, `${at}.name in ${where}`),
    title: textOf(title, `${at}.title in ${where}`),
    ...evaluationFields({ options, steps }, at, where),
  };
}

function checkRow(value: unknown, at: string, where: string, columns: readonly Column[]): Row {
  const fields = ["name", "learner", "train", "cells", "source", "baselines"];
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
  if (cells.length === 0)
    throw new UsageError(`${at} in ${where} serves no column`, 'Name one: "cells": { "COLUMN": {} }');
  return {
    name: nameOf(row.name, `${at}.name in ${where}`),
    learner: textOf(row.learner, `${at}.learner in ${where}`),
    train: { preset, options: { ...options, iterations } },
    cells: Object.fromEntries(cells),
    ...(row.source === undefined ? {} : { source: textOf(row.source, `${at}.source in ${where}`) }),
    ...(row.baselines === true ? { baselines: true } : {}),
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
