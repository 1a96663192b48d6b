import type { Executor } from "@innerloop/graph";
import { TrainingError } from "./training-error.js";

let offered: (() => Promise<Executor>) | undefined;
let chosen: Promise<Executor> | undefined;

/** Makes an executor the one that `train`, `evaluate` and runs use where they are given none. */
export function setDefaultExecutor(executor: Executor): void {
  chosen = Promise.resolve(executor);
}

/**
 * Offers a way to make an executor, which is taken when one is first needed and none was set. The packages
 * innerloop and @innerloop/node do so in Node, @innerloop/web in browsers; the last offer counts.
 */
export function offerExecutor(make: () => Promise<Executor>): void {
  offered = make;
}

/**
 * The executor set with `setDefaultExecutor`; else the one that was offered, made when it is first asked for. This package
 * runs anywhere and knows no engine.
 *
 * @throws ILR103 where there is none
 */
export function defaultExecutor(): Promise<Executor> {
  chosen ??= madeExecutor();
  chosen.catch(() => {
    chosen = undefined;
  });
  return chosen;
}

async function madeExecutor(): Promise<Executor> {
  const refuse = (problem: string, cause?: unknown): never => {
    const remedy =
      'In Node: import from "innerloop", which brings one. In a page: import "@innerloop/web". Elsewhere: pass { executor }';
    throw new TrainingError("ILR103", "executor", problem, remedy, { cause });
  };
  if (!offered) return refuse("no executor was given, and there is none by default");
  try {
    return await offered();
  } catch (cause) {
    return refuse(
      `no executor was given, and that of this machine could not be loaded (${cause instanceof Error ? cause.message : String(cause)})`,
      cause,
    );
  }
}
