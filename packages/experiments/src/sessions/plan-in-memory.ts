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

/**
 * The plan, and the executor that it is for. Where the memory does not do for all workers, and their number was not
 * asked for, there are fewer.
 *
 * @throws UsageError where nothing that may be changed makes it fit: it names the options that would
 */
export async function planInMemory(
  experiment: Experiment,
  options: TrainingValues,
  openExecutor: OpenExecutor,
): Promise<{ readonly plan: RunPlan; readonly executor: Executor }> {
  const { device, engine } = options;
  const where = { device, engine };
  let workers = options.workers;
  // Plans that are given up leave garbage behind, which is not what the next one takes.
  let usedBytes: number | undefined;
  for (;;) {
    const executor = await openExecutor({ ...where, workers });
    usedBytes ??= executor.memory?.used();
    try {
      const plan = await planRun(experiment, options, executor, usedBytes);
      if (planFits(plan.training)) return { plan, executor };
      if (options.workers !== undefined || executor.parallelism === 1)
        throw await refusal({ experiment, options, plan, executor, usedBytes, openExecutor });
    } catch (error) {
      await executor.close();
      throw error;
    }
    await executor.close();
    workers = Math.floor(executor.parallelism / 2);
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
