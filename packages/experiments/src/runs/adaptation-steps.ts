/** How many steps a run adapts by: those that are best on its validation tasks, kept in the run for `adapt`. */

import { type Adapter, type Evaluation, evaluate } from "@innerloop/core";
import { splitSeed } from "@innerloop/core/tasks";
import type { TaskSupply } from "@innerloop/core/training";
import type { Executor, Tensor, Tree } from "@innerloop/graph";
import { figureTitle, isPool, leadingFigure, type Pool } from "../figures/results-cells.js";
import { mostSteps } from "./most-steps.js";
import type { TrainedParams } from "./results.js";
import type { RunStore } from "./run-store.js";

/** The choice with all that it was made by. */
export interface ChosenSteps {
  readonly steps: number;
  /** The parameters that it is for. */
  readonly checkpoint: "best" | "last";
  readonly iteration: number;
  /** What was looked at: "accuracy". */
  readonly figure: string;
  /** Validation tasks, and what they were drawn from. */
  readonly tasks: number;
  readonly pool?: Pool;
  readonly candidates: readonly { readonly steps: number; readonly mean: number; readonly interval: number }[];
}

const fileName = "adaptation.json";
/** More than a choice among 1,000 numbers of steps takes. */
const mostBytes = 2 ** 20;

/**
 * Chooses among numbers of steps by the leading figure on the validation tasks of a run: early stopping of adaptation,
 * on tasks that the results are not about. The fewest steps of those that are equally good.
 *
 * @returns undefined for learners that adapt without steps, and where no figure of any is a number
 */
export async function chooseSteps(setting: {
  readonly learner: Adapter;
  readonly trained: TrainedParams;
  readonly validation: TaskSupply<Tree, Tensor, Tensor>;
  readonly steps: readonly number[];
  readonly count: number;
  readonly seed: number;
  readonly executor: Executor;
  readonly signal?: AbortSignal;
  /** In tasks. */
  readonly onProgress?: (done: number, total: number) => void;
}): Promise<ChosenSteps | undefined> {
  const { learner, trained, validation, steps, count, seed, executor, signal, onProgress } = setting;
  if (learner.steps === undefined) return undefined;
  const { params, checkpoint, iteration } = trained;
  const evaluation = await evaluate({
    learner,
    params: params as Tree,
    tasks: validation,
    count,
    steps: [...new Set(steps)].sort((a, b) => a - b),
    taskSeed: splitSeed(seed, "validation"),
    executor,
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  });
  const leading = leadingFigure(evaluation);
  const best = bestRow(evaluation);
  if (!best) return undefined;
  const pool = evaluation.draws && (({ tasks: _, ...described }) => described)(evaluation.draws);
  return {
    steps: best.steps,
    checkpoint,
    iteration,
    figure: figureTitle(leading),
    tasks: count,
    ...(pool ? { pool } : {}),
    candidates: evaluation.rows.map((row) => ({
      steps: row.steps,
      mean: row.figures[leading.name]!.mean,
      interval: row.figures[leading.name]!.interval,
    })),
  };
}

/** The row whose leading figure is best, the first of several; undefined where none is a number. */
export function bestRow(evaluation: Pick<Evaluation, "rows" | "figures">): Evaluation["rows"][number] | undefined {
  const { rows } = evaluation;
  const { name, better } = leadingFigure(evaluation);
  const worth = ({ figures }: Evaluation["rows"][number]): number =>
    (better === "higher" ? 1 : -1) * figures[name]!.mean;
  return rows
    .filter((row) => Number.isFinite(worth(row)))
    .reduce<Evaluation["rows"][number] | undefined>(
      (best, row) => (best && worth(best) >= worth(row) ? best : row),
      undefined,
    );
}

/** Keeps a choice in a run. */
export const writeChosenSteps = (run: Pick<RunStore, "files">, chosen: ChosenSteps): Promise<void> =>
  run.files.write(fileName, `${JSON.stringify(chosen, null, 2)}\n`);

/** The choice for these parameters of a run; undefined where nothing was, or what there is is no choice. */
export async function readChosenSteps(
  run: Pick<RunStore, "files">,
  { checkpoint, iteration }: Pick<TrainedParams, "checkpoint" | "iteration">,
): Promise<ChosenSteps | undefined> {
  const bytes = await run.files.read(fileName, mostBytes);
  if (!bytes) return undefined;
  try {
    const value = Object(JSON.parse(new TextDecoder().decode(bytes))) as Partial<ChosenSteps>;
    const { steps, tasks, figure, pool } = value;
    const isChoice = Number.isSafeInteger(steps) && steps! >= 0 && steps! <= mostSteps && Number.isSafeInteger(tasks);
    const isOfThese = value.checkpoint === checkpoint && value.iteration === iteration;
    const isTold = typeof figure === "string" && (pool === undefined || isPool(pool));
    return isChoice && isOfThese && isTold ? (value as ChosenSteps) : undefined;
  } catch {
    return undefined; // not JSON: the steps are then those of training
  }
}
