/** docs/results.json: what the run folders of the tables say, kept when the folders are gone. */
import { recordedFigures } from "../figures/earlier-figures.js";
import type { Figure, Pool } from "../figures/results-cells.js";
import { isRecord, quoted, reasonOf } from "../options/outside-text.js";
import { UsageError } from "../options/usage-error.js";
import type { RunEvent } from "../runs/run-store.js";
import { isMethodRecord, type MethodRecord, type RowProgress, trainingSeconds } from "./row-evaluations.js";
import { columnMetric, fullUpdates, needOfFiles, type Row, type Table } from "./table.js";

/** The figure that one method reaches in one column. */
export interface CellResult extends Figure {
  /** Adaptation steps; 0 for methods that take none. */
  readonly steps: number;
  /** Of a baseline that the row is compared with: the row's figure less this one, task by task. */
  readonly lead?: Figure;
}

/** A training and its evaluations. */
export interface RowResult {
  readonly learner: string;
  /** Updates that were made, and those of the full training. */
  readonly updates: number;
  readonly fullUpdates: number;
  /** The checkpoint that was evaluated, and the updates behind it; runs of before this was kept have neither. */
  readonly checkpoint?: "best" | "last";
  readonly iteration?: number;
  readonly seed: number;
  /** Of a row of files that its user has: what they are called, and a digest of their contents. */
  readonly files?: string;
  readonly cells: Readonly<Record<string, CellResult>>;
  /** The protocol of each cell in a sentence. */
  readonly protocols: Readonly<Record<string, string>>;
  /** Baselines on the same tasks, by method. */
  readonly baselines?: Readonly<Record<string, Readonly<Record<string, CellResult>>>>;
  readonly trainingSeconds?: number;
  readonly evaluationSeconds?: number;
  readonly peakBytes?: number;
  /** What the tasks of its first evaluation were drawn from. */
  readonly pool?: Pool;
  readonly workers: number;
  /** The command that trains the same again. */
  readonly command: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly created: string;
  /** Validations along the run. */
  readonly curve: readonly ({ readonly updates: number } & Figure)[];
}

/** The format of results.json. */
export const collectedFormat = "innerloop results 1";

/** The results of tables, as results.json has them. */
export interface CollectedResults {
  readonly format: typeof collectedFormat;
  /** Rows by the name of the table and their own. */
  readonly tables: Readonly<Record<string, Readonly<Record<string, RowResult>>>>;
}

/** Results of no table. */
export const noResults: CollectedResults = { format: collectedFormat, tables: {} };

/** The results of a row that is done. @throws UsageError where its evaluations have not what the table shows */
export function rowResult(table: Table, row: Row, state: RowProgress): RowResult {
  const { run, events, evaluations } = state;
  const { config } = run;
  const own = evaluations.flatMap(({ record }) => record ?? []);
  const cells: Record<string, CellResult> = {};
  const protocols: Record<string, string> = {};
  const baselines: Record<string, Record<string, CellResult>> = {};
  for (const { columns, record } of evaluations) {
    const [first, ...others] = record!.evaluations;
    for (const column of columns) {
      const steps = row.cells[column.name]!.steps ?? column.steps;
      const metric = columnMetric(table, column);
      const cell = cellOf(first!, metric, steps);
      if (!cell) {
        throw new UsageError(
          `${row.name} was not evaluated after ${steps} steps, which the column ${column.name} shows`,
          "Name them in evalSteps of the row's options",
        );
      }
      cells[column.name] = cell;
      if (record!.summary !== undefined) protocols[column.name] = record!.summary;
      if (!row.baselines) continue;
      for (const method of others) {
        const baseline = cellOf(method, metric, steps);
        if (!baseline) continue;
        const lead = row.against?.includes(method.learner) ? leadOf(first!, method, { metric, steps: cell.steps }) : {};
        baselines[method.learner] = { ...baselines[method.learner], [column.name]: { ...baseline, ...lead } };
      }
    }
  }
  const seconds = trainingSeconds(events);
  const evaluationSeconds = own.reduce((sum, record) => sum + (record.evaluationSeconds ?? 0), 0);
  const peaks = events.flatMap(({ peakBytes }) => (typeof peakBytes === "number" ? [peakBytes] : []));
  return {
    learner: row.learner,
    updates: state.iteration,
    fullUpdates: fullUpdates(row),
    checkpoint: own[0]!.checkpoint,
    iteration: own[0]!.iteration,
    seed: config.options.seed,
    ...(config.data && needOfFiles(table, row)
      ? { files: `${config.data.name} (sha256 ${config.data.sha256.slice(0, 16)})` }
      : {}),
    cells,
    protocols,
    ...(Object.keys(baselines).length > 0 ? { baselines } : {}),
    trainingSeconds: Number(seconds.toPrecision(4)),
    evaluationSeconds: Number(evaluationSeconds.toPrecision(4)),
    ...(peaks.length > 0 ? { peakBytes: peaks.reduce((a, b) => Math.max(a, b)) } : {}),
    ...(own[0]!.evaluations[0]!.pool ? { pool: own[0]!.evaluations[0]!.pool } : {}),
    workers: config.workers,
    command: config.command,
    versions: config.versions,
    created: config.created,
    curve: validationsOf(events, table.metric),
  };
}

/**
 * A method's figure after so many steps, or after the most that it was given; undefined where it was not given so many.
 * One that takes no steps has one figure.
 */
function cellOf(method: MethodRecord, metric: string, steps: number | undefined): CellResult | undefined {
  const { rows } = method;
  const isStepless = rows.length === 1 && rows[0]!.steps === 0;
  const found = steps === undefined || isStepless ? rows.at(-1) : rows.find((row) => row.steps === steps);
  if (!found) return undefined;
  const figure = figureOf(method, found.figures, metric);
  if (!figure) {
    const names = Object.keys(found.figures).join(", ");
    throw new UsageError(`the table shows ${metric}, and an evaluation of it has ${names}`, "Name one of these");
  }
  return { steps: found.steps, ...roundedFigure(figure) };
}

/** The lead over a baseline, as the baseline's record has it; records of before leads were kept have none. */
function leadOf(
  first: MethodRecord,
  { leads }: MethodRecord,
  { metric, steps }: { readonly metric: string; readonly steps: number },
): Pick<CellResult, "lead"> {
  const found = leads?.find((each) => each.steps === steps);
  const lead = found && figureOf(first, found.figures, metric);
  return lead ? { lead: roundedFigure(lead) } : {};
}

function roundedFigure({ mean, interval, poolInterval }: Figure): Figure {
  // JSON has no name for what is not finite: it is null there.
  const rounded = (value: number | null): number => Number((value ?? Number.NaN).toPrecision(6));
  return {
    mean: rounded(mean),
    interval: rounded(interval),
    ...(poolInterval === undefined ? {} : { poolInterval: poolInterval === null ? null : rounded(poolInterval) }),
  };
}

/** A learner whose loss is another one has its squared error beside it, or none: its loss is not one. */
function figureOf(method: MethodRecord, figures: Readonly<Record<string, Figure>>, metric: string): Figure | undefined {
  const found = recordedFigures(method).find(({ title }) => title === metric);
  return found && Object.hasOwn(figures, found.name) ? figures[found.name] : undefined;
}

/** Points of a curve that are kept: more say no more. */
const mostPoints = 30;

function validationsOf(events: readonly RunEvent[], metric: string): ({ updates: number } & Figure)[] {
  const points = events.flatMap(({ type, iteration, evaluation }) => {
    if (type !== "validation" || iteration === undefined) return [];
    // A line of events.jsonl may hold anything.
    const validation: unknown = { learner: "", ...Object(evaluation) };
    if (!isMethodRecord(validation)) return [];
    const found = figureOf(validation, validation.rows.at(-1)!.figures, metric);
    const rounded = (value: number): number => Number(value.toPrecision(4));
    if (!found || (found.mean as number | null) === null || (found.interval as number | null) === null) return [];
    return [{ updates: iteration, mean: rounded(found.mean), interval: rounded(found.interval) }];
  });
  const stride = Math.max(1, Math.ceil(points.length / mostPoints));
  // Counted from the end: the last point is always there.
  return points.filter((_, i) => (points.length - 1 - i) % stride === 0);
}

/** Results with a row put in, or replaced. */
export function withRow(results: CollectedResults, table: Table, row: Row, result: RowResult): CollectedResults {
  const rows = { ...results.tables[table.name], [row.name]: result };
  return { ...results, tables: { ...results.tables, [table.name]: rows } };
}

/** Without what the tables no longer have. */
export function withoutGone(results: CollectedResults, tables: readonly Table[]): CollectedResults {
  const kept = tables.flatMap((table) => {
    const rows = Object.entries(results.tables[table.name] ?? {}).filter(([name]) =>
      table.rows.some((row) => row.name === name),
    );
    return rows.length > 0 ? [[table.name, Object.fromEntries(rows)] as const] : [];
  });
  return { ...results, tables: Object.fromEntries(kept) };
}

function recordOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw new Error(`${what} no object`);
}

/** Whether a value that was read has all that the document shows of a row. */
function isRowResult(value: unknown): value is RowResult {
  if (!isRecord(value)) return false;
  const isNumber = (each: unknown): boolean => typeof each === "number";
  const isText = (each: unknown): boolean => typeof each === "string";
  const isMissingOr = (is: (each: unknown) => boolean, each: unknown): boolean => each === undefined || is(each);
  // JSON has no name for what is not finite: it is null there.
  const isFigure = (each: unknown): boolean =>
    isRecord(each) && [each.mean, each.interval].every((n) => typeof n === "number" || n === null);
  const isAll = (each: unknown, is: (part: unknown) => boolean): boolean =>
    isRecord(each) && Object.values(each).every(is);
  const isCell = (each: unknown): boolean =>
    isFigure(each) && isNumber((each as CellResult).steps) && isMissingOr(isFigure, (each as CellResult).lead);
  const isPoint = (each: unknown): boolean => isFigure(each) && isNumber((each as { updates?: unknown }).updates);
  const { trainingSeconds, evaluationSeconds, peakBytes, iteration, checkpoint, baselines, curve } = value;
  return (
    [value.learner, value.command, value.created].every(isText) &&
    [value.updates, value.fullUpdates, value.seed, value.workers].every(isNumber) &&
    [trainingSeconds, evaluationSeconds, peakBytes, iteration].every((each) => isMissingOr(isNumber, each)) &&
    isMissingOr(isText, checkpoint) &&
    isMissingOr(isText, value.files) &&
    isAll(value.cells, isCell) &&
    isAll(value.protocols, isText) &&
    isAll(value.versions, isText) &&
    isMissingOr((each) => isAll(each, (method) => isAll(method, isCell)), baselines) &&
    Array.isArray(curve) &&
    curve.every(isPoint)
  );
}

/** Collected results from the text of a file. @throws UsageError where it is something else */
export function parseCollected(text: string, file: string): CollectedResults {
  try {
    const value = Object(JSON.parse(text)) as Partial<CollectedResults>;
    if (value.format !== collectedFormat) throw new Error(`its format is ${quoted(value.format)}`);
    for (const [table, rows] of Object.entries(recordOf(value.tables, "its tables are")))
      for (const [row, result] of Object.entries(recordOf(rows, `${table} is`)))
        if (!isRowResult(result)) throw new Error(`${table} has no results of a training under ${row}`);
    return value as CollectedResults;
  } catch (error) {
    throw new UsageError(
      `${file} does not hold collected results (${reasonOf(error)})`,
      "Move it away, or choose another folder with --report",
    );
  }
}
