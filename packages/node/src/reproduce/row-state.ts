/** Where a row of a table stands, as its run folder says. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { FigureDescription } from "@innerloop/core";
import type { Flags, FlatConfig } from "@innerloop/experiments";
import { isSystemError } from "../data/data-error.js";
import { areDescriptions } from "../runs/earlier-figures.js";
import { type RunEvent, readEvents } from "../runs/event-log.js";
import { evaluationFile } from "../runs/results.js";
import type { Figure, Pool } from "../runs/results-cells.js";
import { RunError } from "../runs/run-error.js";
import { iterationOf, openRun, type RunFolder, shown } from "../runs/run-folder.js";
import { progressOf } from "../runs/training-session.js";
import { mostBytes } from "../runs/untrusted-folder.js";
import { type Column, columnsOf, differencesFrom, evaluationChanges, type Row, type Table } from "./table.js";

/** An evaluation that a row needs; columns that show other steps of the same one share it. */
export interface NeededEvaluation {
  /** What is other than in the training's own options. */
  readonly changes: Flags;
  readonly columns: readonly Column[];
  /** Set once it has been made. */
  readonly record?: EvaluationRecord;
}

/** An evaluation as the run folder keeps it. */
export interface EvaluationRecord {
  readonly checkpoint: "best" | "last";
  readonly iteration: number;
  /** The protocol in a sentence. */
  readonly summary?: string;
  readonly evaluations: readonly MethodRecord[];
  readonly evaluationSeconds?: number;
}

export interface MethodRecord {
  readonly learner: string;
  readonly protocol: Readonly<Record<string, unknown>>;
  readonly pool?: Pool;
  /** What its figures are; results of before there were descriptions have none. */
  readonly figures?: readonly FigureDescription[];
  readonly rows: readonly {
    readonly steps: number;
    readonly figures: Readonly<Record<string, Figure>>;
  }[];
}

export type RowState =
  | { readonly stage: "new" }
  | {
      readonly stage: "training" | "evaluating" | "done";
      readonly run: RunFolder;
      readonly iteration: number;
      readonly evaluations: readonly NeededEvaluation[];
      readonly events: readonly RunEvent[];
    };

export const rowFolder = (root: string, table: Table, row: Row): string => join(root, table.name, row.name);

/**
 * Reads the state of a row.
 *
 * @throws RunError ILN08 where the folder holds a run of other options than the row's, and others where it is damaged
 */
export async function rowState(root: string, table: Table, row: Row): Promise<RowState> {
  const path = rowFolder(root, table, row);
  if (!(await isThere(join(path, "config.json")))) return { stage: "new" };
  const run = await openRun(path);
  const { options } = run.config;
  const [differing] = differencesFrom(row, options);
  if (differing !== undefined) {
    throw new RunError(
      "ILN08",
      shown(path),
      `it holds a run whose ${differing} is ${JSON.stringify(options[differing])}, which is not that of ${row.name} in the table ${table.name}`,
      "Move it away, or choose another --folder",
    );
  }
  const [{ iteration, ended }, events, best] = await Promise.all([
    progressOf(run),
    readEvents(run.files),
    iterationOf(run, "best"),
  ]);
  const needed = neededEvaluations(table, row, options);
  if (!ended) return { stage: "training", run, iteration, evaluations: needed, events };
  const evaluations = await Promise.all(
    needed.map(async (each): Promise<NeededEvaluation> => {
      const changed = Object.keys(each.changes).length > 0;
      const name = changed
        ? evaluationFile({ ...options, ...each.changes } as FlatConfig, options, best === undefined ? "last" : "best")
        : "results";
      const record = await readRecord(run, `${name}.json`);
      // Figures of parameters that a longer run has replaced are not this run's, and a row that carries the baselines
      // is not done without them.
      const isCurrent = record?.iteration === (best ?? iteration);
      const isWhole = record && (!row.baselines || record.evaluations.length > 1);
      return isCurrent && isWhole ? { ...each, record } : each;
    }),
  );
  const done = evaluations.every(({ record }) => record !== undefined);
  return { stage: done ? "done" : "evaluating", run, iteration, evaluations, events };
}

/** The evaluations that fill a row's columns, each once. */
export function neededEvaluations(table: Table, row: Row, own: FlatConfig): NeededEvaluation[] {
  const byChanges = new Map<string, { changes: Flags; columns: Column[] }>();
  for (const column of columnsOf(table, row)) {
    const changes = evaluationChanges(row, column, own);
    const key = JSON.stringify(Object.entries(changes).sort());
    const entry = byChanges.get(key) ?? { changes, columns: [] };
    entry.columns.push(column);
    byChanges.set(key, entry);
  }
  return [...byChanges.values()];
}

/** Seconds in which the updates that the run has were made: from each start to the last event before the next. */
export function trainingSeconds(events: readonly RunEvent[]): number {
  let total = 0;
  let from: number | undefined;
  let to = 0;
  for (const { type, at } of events) {
    if (at === undefined) continue;
    if (type === "start") {
      if (from !== undefined) total += to - from;
      from = at;
    }
    to = at;
  }
  return from === undefined ? 0 : (total + to - from) / 1000;
}

/** An evaluation's record; undefined where there is none, or what there is was cut off or is something else. */
async function readRecord({ files }: RunFolder, name: string): Promise<EvaluationRecord | undefined> {
  const bytes = await files.read(name, mostBytes.record);
  if (!bytes) return undefined;
  try {
    const value = JSON.parse(Buffer.from(bytes).toString("utf8")) as unknown;
    return isEvaluationRecord(value) ? value : undefined;
  } catch {
    return undefined; // not JSON: it is made again
  }
}

function isEvaluationRecord(value: unknown): value is EvaluationRecord {
  if (!isObject(value) || !Array.isArray(value.evaluations) || value.evaluations.length === 0) return false;
  const { checkpoint, iteration, summary, evaluationSeconds } = value;
  return (
    (checkpoint === undefined || checkpoint === "best" || checkpoint === "last") &&
    Number.isSafeInteger(iteration) &&
    ["undefined", "string"].includes(typeof summary) &&
    ["undefined", "number"].includes(typeof evaluationSeconds) &&
    value.evaluations.every(isMethodRecord)
  );
}

/** Whether a value that was read is a method's part of an evaluation. */
export function isMethodRecord(value: unknown): value is MethodRecord {
  if (!isObject(value) || !Array.isArray(value.rows) || value.rows.length === 0) return false;
  // JSON has no name for what is not finite: it is null there.
  const isNumber = (each: unknown): boolean => typeof each === "number" || each === null;
  const isFigure = (each: unknown): boolean => isObject(each) && isNumber(each.mean) && isNumber(each.interval);
  const isRow = (row: unknown): boolean =>
    isObject(row) &&
    Number.isSafeInteger(row.steps) &&
    isObject(row.figures) &&
    Object.values(row.figures).every(isFigure);
  const isDescribed = value.figures === undefined || areDescriptions(value.figures);
  return typeof value.learner === "string" && isObject(value.protocol) && isDescribed && value.rows.every(isRow);
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => {
      if (isSystemError(error) && error.code === "ENOENT") return false;
      throw error;
    },
  );
