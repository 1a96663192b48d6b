import type { Executor } from "@innerloop/graph";
import { TrainingError } from "./training-error.js";

let chosen: Promise<Executor> | undefined;

/** Makes an executor the one that `train`, `evaluate` and runs use where they are given none. */
export function setDefaultExecutor(executor: Executor): void {
  chosen = Promise.resolve(executor);
}

/**
 * The executor set with `setDefaultExecutor`; else, in Node, that of @innerloop/node, which is looked for when first
 * needed and not imported: this package runs anywhere and depends on no engine.
 *
 * @throws ILR103 where there is none
 */
export function defaultExecutor(): Promise<Executor> {
  chosen ??= findExecutor();
  chosen.catch(() => {
    chosen = undefined;
  });
  return chosen;
}

async function findExecutor(): Promise<Executor> {
  const engine = "@innerloop/node";
  try {
    const found = (await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ engine)) as {
      createExecutor: () => Executor;
    };
    return found.createExecutor();
  } catch (cause) {
    const problem = `no executor was given, and ${engine} could not be loaded (${cause instanceof Error ? cause.message : String(cause)})`;
    throw new TrainingError(
      "ILR103",
      "executor",
      problem,
      `In Node: npm install ${engine}. Elsewhere: pass { executor }`,
      { cause },
    );
  }
}
