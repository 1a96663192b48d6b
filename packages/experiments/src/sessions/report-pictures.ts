/** Pictures of a run's report that its kind of task has. */
import type { Evaluation } from "@innerloop/core";
import type { Executor } from "@innerloop/graph";
import { domainOf } from "../config/index.js";
import type { Picture } from "../figures/svg-picture.js";
import type { DataIo } from "../io.js";
import type { RunStore } from "../runs/run-store.js";
import { openModel } from "./open-model.js";

/**
 * The pictures of a run's report, beside those that all have; none where its kind of task has no others.
 *
 * @throws RunError ILN05 where there are no parameters
 */
export async function reportPictures(
  run: RunStore,
  evaluations: readonly Evaluation[],
  { executor, io }: { readonly executor: Executor; readonly io: DataIo },
): Promise<readonly Picture[]> {
  const { config, options } = run.config;
  if (!config || !domainOf(config).report) return [];
  const { model } = await openModel(run, { executor, io });
  try {
    return await model.reportPictures({ events: await run.events.read(), evaluations, seed: options.seed });
  } finally {
    await model.release();
  }
}
