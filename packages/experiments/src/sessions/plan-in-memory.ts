/** A plan for a new run that fits in memory, or the refusal of one that cannot. */

import { planFits } from "@innerloop/core/training";
import type { Executor } from "@innerloop/graph";
import type { Experiment } from "../build.js";
import type { TrainingValues } from "../options/training-options.js";
import { UsageError } from "../options/usage-error.js";
import { bytes, counted } from "../words.js";
import { planRun, type RunPlan } from "./train.js";

/** Opens what computes for `--device`, `--engine` and `--workers`. */
export type OpenExecutor = (
  setting: Pick<TrainingValues, "device" | "engine"> & { readonly workers?: number | undefined },
) => Promise<Executor>;

/** From so much work on onnxruntime on, in seconds as `secondsOnOnnxruntime` has them, `auto` compiles native programs. */
const worthCompiling = 30;

/**
 * Roughly what the updates of a run take on two cores of a laptop by onnxruntime, in seconds: 50 billion operations a second,
 * and a millisecond an update for what is not operations. It is by rule and not by timing, so that a command means the same
 * each time.
 */
const secondsOnOnnxruntime = (updates: number, operations: number): number => updates * (0.001 + operations / 50e9);

/**
 * The plan, and the executor that it is for. Where the memory does not do for all workers, and their number was not
 * asked for, there are fewer. The engine `auto` is onnxruntime for a training that is over soon: compiling takes longer.
 *
 * @throws UsageError where nothing that may be changed makes it fit: it names the options that would
 */
export async function planInMemory(
  experiment: Experiment,
  options: TrainingValues,
  openExecutor: OpenExecutor,
): Promise<{ readonly plan: RunPlan; readonly executor: Executor }> {
  const { device } = options;
  let engine = options.engine === "auto" && device === "cpu" ? "onnxruntime" : options.engine;
  let workers = options.workers;
  // Plans that are given up leave garbage behind, which is not what the next one takes.
  let usedBytes: number | undefined;
  for (;;) {
    const executor = await openExecutor({ device, engine, workers });
    usedBytes ??= executor.memory?.used();
    try {
      const plan = await planRun(experiment, options, executor, usedBytes);
      const fits = planFits(plan.training);
      const isShort = secondsOnOnnxruntime(options.iterations, plan.operations) < worthCompiling;
      if (engine !== options.engine && !(fits && isShort)) engine = options.engine;
      else if (fits) return { plan, executor };
      else if (options.workers !== undefined || executor.parallelism === 1)
        throw await refusal({ experiment, options, plan, executor, usedBytes, openExecutor });
      else workers = Math.floor(executor.parallelism / 2);
    } catch (error) {
      await executor.close();
      throw error;
    }
    await executor.close();
  }
}

async function refusal(setting: {
  readonly experiment: Experiment;
  readonly options: TrainingValues;
  readonly plan: RunPlan;
  readonly executor: Executor;
  readonly usedBytes: number | undefined;
  readonly openExecutor: OpenExecutor;
}): Promise<UsageError> {
  const { experiment, options, executor, usedBytes, openExecutor } = setting;
  const { training } = setting.plan;
  const { chunkSize, recompute, expectedBytes, budgetBytes } = training;
  const kept = recompute > 0 ? ", with inner steps recomputed" : training.recomputes ? ", all inner steps kept" : "";
  const how = `${counted(chunkSize, "task")} at once on ${counted(executor.parallelism, "worker")}${kept}`;
  const may =
    options.memory !== undefined
      ? `--memory allows ${bytes(budgetBytes!)}`
      : `this machine can give ${bytes(budgetBytes!)}`;
  const ours = [
    ...((options.workers ?? 1) > 1 ? ["--workers 1"] : []),
    ...(options.recompute === "no" && training.recomputes ? ["--recompute yes"] : []),
    ...((options.chunk ?? 1) > 1 ? ["--chunk 1"] : []),
  ];
  const remedies: string[] = [];
  if (ours.length > 0) {
    const single = await openExecutor({ device: options.device, engine: options.engine, workers: 1 });
    try {
      // Within no memory at all, the plan is the smallest there is.
      const { chunk: _, ...others } = options;
      const smallest = { ...others, recompute: "auto", memory: 1 } as const;
      const least = await planRun(experiment, smallest, single, usedBytes);
      remedies.push(`${ours.join(" ")} would take about ${bytes(least.training.expectedBytes!)}`);
    } finally {
      await single.close();
    }
  }
  remedies.push("a task takes less with lower --ways, --queries, --shots, --filters, --image-size or --steps");
  if (options.memory !== undefined) remedies.push("raise --memory");
  return new UsageError(
    `training takes about ${bytes(expectedBytes!)} (${how}); ${may}`,
    `${remedies.join("; ").replace(/^./, (letter) => letter.toUpperCase())}`,
  );
}
