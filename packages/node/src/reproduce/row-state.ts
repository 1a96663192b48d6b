/** Where a row of a table stands, as its run folder says. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { iterationOf, mostRecordBytes, progressOf, RunError } from "@innerloop/experiments";
import {
  dataOptionOf,
  differencesFrom,
  type EvaluationRecord,
  fileOfEvaluation,
  type NeededEvaluation,
  neededEvaluations,
  needOfFiles,
  parseEvaluationRecord,
  type Row,
  type RowProgress,
  type Table,
} from "@innerloop/experiments/published";
import { isSystemError } from "../data/data-error.js";
import { openRun, type RunFolder } from "../runs/run-folder.js";

/** A row that has not begun, or what its run folder says. */
export type RowState =
  | { readonly stage: "new" }
  | (RowProgress & { readonly stage: "training" | "evaluating" | "done"; readonly run: RunFolder });

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
  // Where files are that a user has may change; that they are the same is seen when they are read.
  const place = needOfFiles(table, row) ? dataOptionOf(row) : undefined;
  const [differing] = differencesFrom(row, options).filter((name) => name !== place);
  if (differing !== undefined) {
    throw new RunError(
      "ILN08",
      run.shown,
      `it holds a run whose ${differing} is ${JSON.stringify(options[differing])}, which is not that of ${row.name} in the table ${table.name}`,
      "Move it away, or choose another --folder",
    );
  }
  const [{ iteration, ended }, events, best] = await Promise.all([
    progressOf(run),
    run.events.read(),
    iterationOf(run, "best"),
  ]);
  const needed = neededEvaluations(table, row, options);
  if (!ended) return { stage: "training", run, iteration, evaluations: needed, events };
  const evaluations = await Promise.all(
    needed.map(async (each): Promise<NeededEvaluation> => {
      const changed = Object.keys(each.changes).length > 0;
      const name = changed
        ? fileOfEvaluation(run.config, each.changes, best === undefined ? "last" : "best")
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

/** An evaluation's record; undefined where there is none, or what there is was cut off or is something else. */
async function readRecord({ files }: RunFolder, name: string): Promise<EvaluationRecord | undefined> {
  const bytes = await files.read(name, mostRecordBytes);
  return bytes && parseEvaluationRecord(Buffer.from(bytes).toString("utf8"));
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => {
      if (isSystemError(error) && error.code === "ENOENT") return false;
      throw error;
    },
  );
