/** What a row of a table takes besides its updates. */
import type { Count } from "@innerloop/core";
import { learnerEntry } from "@innerloop/core/learners";
import { domainOf, type Flags, type FlatConfig, mostOf } from "@innerloop/experiments";
import {
  evaluationSecondsEstimate,
  neededEvaluations,
  type Row,
  type Table,
  trainingConfig,
  trainingOptions,
} from "@innerloop/experiments/published";

/** So many validations at least, for a curve. */
export const fewestValidations = 10;

/** Sizes of tasks, of those that have them. */
interface TaskNumbers {
  readonly ways?: number;
  readonly shots?: number;
  readonly queries?: number;
  readonly trainWays?: Count;
  readonly trainShots?: Count;
}

/** Starting the process for training and for each evaluation, validations, evaluations and baselines. */
export function overhead(table: Table, row: Row, startup: number, secondsPerUpdate: number): number {
  const own = trainingOptions(row);
  const needed = neededEvaluations(table, row, own);
  const { takesSteps } = learnerEntry(own.learner);
  const trainedSteps = takesSteps ? Number(own.steps) : 0;
  const numbers = own as unknown as TaskNumbers;
  const queriesOf = ({ shots = 1, queries = shots }: TaskNumbers): number => queries;
  const { ways: waysOfOne = 1, shots: shotsOfOne = 1 } = numbers;
  const { trainWays = waysOfOne, trainShots = shotsOfOne } = numbers;
  const trainedOn = mostOf(trainWays) * (mostOf(trainShots) + queriesOf(numbers));
  const config = trainingConfig(row);
  const { rowsOfTask, around } = domainOf(config);
  /** How large an evaluation's tasks are, of the size of those that the pace was measured on. */
  const sizeOf = (options: Flags): number => {
    const { ways = 1, shots = 1 } = options as TaskNumbers;
    return (rowsOfTask?.({ ...config.domain, ...options }) ?? ways * (shots + queriesOf(options))) / trainedOn;
  };
  const validations = Array.from({ length: own.validateEvery > 0 ? fewestValidations : 0 }, () => ({
    tasks: own.validationTasks * sizeOf(own),
    steps: trainedSteps,
  }));
  const choosing = takesSteps ? [{ tasks: own.validationTasks * sizeOf(own), steps: Math.max(...own.evalSteps) }] : [];
  const evaluations = needed.flatMap(({ changes }) => {
    const evaluated = { ...own, ...changes } as FlatConfig;
    const { evalSteps } = evaluated;
    const tasks = evaluated.evalTasks * sizeOf(evaluated);
    const steps = takesSteps ? Math.max(...evalSteps) : 0;
    // Baselines take the same steps from scratch, and 50 of another optimizer, where networks of their own are trained so.
    const ofBaselines = !row.baselines ? [] : around ? [0, 0] : [steps, 50];
    return [steps, ...ofBaselines].map((each) => ({ tasks, steps: each }));
  });
  const setting = { secondsPerUpdate, metaBatch: own.metaBatch, steps: trainedSteps };
  return (
    startup * (1 + needed.length) +
    evaluationSecondsEstimate({ ...setting, evaluations: [...validations, ...choosing, ...evaluations] })
  );
}
