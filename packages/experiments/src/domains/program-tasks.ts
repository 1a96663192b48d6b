/** The look of tasks of a program, where a domain may know its examples by it. */
import { specOf } from "@innerloop/core";
import { isTensorSpec, type TaskSpec } from "@innerloop/core/tasks";
import type { Tasks } from "./domain.js";

/** The look of test tasks whose inputs and targets are one tensor each; undefined where they are trees of them. */
export function tensorTaskSpec({ test }: Pick<Tasks, "test">): TaskSpec | undefined {
  const spec = specOf(test);
  return [spec.x, spec.y].every(isTensorSpec) ? spec : undefined;
}
