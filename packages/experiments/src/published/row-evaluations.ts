/** The evaluations that a row of a table needs, and what a run keeps of each. */

import type { FigureDescription } from "@innerloop/core";
import { type Flags, type FlatConfig, toFlags, withFlags } from "../config/index.js";
import { areDescriptions } from "../figures/earlier-figures.js";
import type { Figure, Pool } from "../figures/results-cells.js";
import { isRecord } from "../options/outside-text.js";
import { evaluationFile, type Lead } from "../runs/results.js";
import type { RunConfig } from "../runs/run-config.js";
import type { RunEvent } from "../runs/run-store.js";
import { type Column, columnsOf, evaluationChanges, type Row, type Table } from "./table.js";

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

/** An evaluation of one method, as a record has it. */
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
  /** Of methods after the first, by the names and steps of the first: its figures less theirs, task by task. */
  readonly leads?: readonly Lead[];
}

/** The progress of the training of a row, and what was evaluated of it. */
export interface RowProgress {
  readonly run: { readonly config: RunConfig };
  readonly iteration: number;
  readonly evaluations: readonly NeededEvaluation[];
  readonly events: readonly RunEvent[];
}

/**
 * The name of the files of an evaluation with changes, without an ending: options are resolved as the evaluation does it, whose
 * files are named after those that differ in the order of their records.
 */
export const fileOfEvaluation = (
  { config, options }: Pick<RunConfig, "config" | "options">,
  changes: Flags,
  checkpoint: "best" | "last",
): string =>
  evaluationFile(
    config ? toFlags(withFlags(config, changes)) : ({ ...options, ...changes } as FlatConfig),
    options,
    checkpoint,
  );

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

/** An evaluation's record from the text of a file; undefined where it was cut off or is something else. */
export function parseEvaluationRecord(text: string): EvaluationRecord | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return isEvaluationRecord(value) ? value : undefined;
  } catch {
    return undefined; // not JSON: it is made again
  }
}

function isEvaluationRecord(value: unknown): value is EvaluationRecord {
  if (!isRecord(value) || !Array.isArray(value.evaluations) || value.evaluations.length === 0) return false;
  const { checkpoint, iteration, summary, evaluationSeconds } = value;
  return (
    (checkpoint === undefined || checkpoint === "best" || checkpoint === "last") &&
    Number.isSafeInteger(iteration) &&
    ["undefined", "string"].includes(typeof summary) &&
    ["undefined", "number"].includes(typeof evaluationSeconds) &&
    value.evaluations.every(isMethodRecord)
  );
}

/** True of a value that was read where it is a method's part of an evaluation. */
export function isMethodRecord(value: unknown): value is MethodRecord {
  if (!isRecord(value) || !Array.isArray(value.rows) || value.rows.length === 0) return false;
  // JSON has no name for what is not finite: it is null there.
  const isNumber = (each: unknown): boolean => typeof each === "number" || each === null;
  const isFigure = (each: unknown): boolean => isRecord(each) && isNumber(each.mean) && isNumber(each.interval);
  const isRow = (row: unknown): boolean =>
    isRecord(row) &&
    Number.isSafeInteger(row.steps) &&
    isRecord(row.figures) &&
    Object.values(row.figures).every(isFigure);
  const areLeads = value.leads === undefined || (Array.isArray(value.leads) && value.leads.every(isRow));
  const isDescribed = value.figures === undefined || areDescriptions(value.figures);
  return (
    typeof value.learner === "string" && isRecord(value.protocol) && isDescribed && areLeads && value.rows.every(isRow)
  );
}
