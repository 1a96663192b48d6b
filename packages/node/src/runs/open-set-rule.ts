/** What a run keeps of its open-set evaluation: by which score, and from which on, a query is of one of the classes. */
import { join } from "node:path";
import type { OpenSetRule } from "@innerloop/core";
import { UsageError } from "@innerloop/experiments";
import { inCommand, type RunFolder } from "./run-folder.js";
import { mostBytes, shown } from "./untrusted-folder.js";

/** The file of a run that holds it, without its ending. */
export const openSetFile = "open-set";

/** A threshold with all that it was chosen for: with other parameters, steps or statistics it means nothing. */
export interface CalibratedRule extends OpenSetRule {
  readonly checkpoint: "best" | "last";
  readonly iteration: number;
  readonly steps: number;
  readonly batchNorm: string;
  readonly ways: number;
  readonly shots: number;
}

/** The rule that `innerloop eval RUN --open-set` has left in a run. @throws UsageError where there is none */
export async function readOpenSetRule(run: RunFolder): Promise<CalibratedRule> {
  const file = join(run.path, `${openSetFile}.json`);
  const remedy = `Choose one with \`innerloop eval ${inCommand(run.path)} --open-set\``;
  const bytes = await run.files.read(`${openSetFile}.json`, mostBytes.record);
  if (!bytes) throw new UsageError(`${shown(run.path)} has no threshold to reject by`, remedy);
  let rule: Partial<Record<keyof CalibratedRule, unknown>>;
  try {
    rule = Object(
      (JSON.parse(Buffer.from(bytes).toString("utf8")) as { readonly rule?: unknown } | null)?.rule,
    ) as typeof rule;
  } catch {
    rule = {};
  }
  const numbers = [rule.threshold, rule.iteration, rule.steps, rule.ways, rule.shots];
  if (
    !numbers.every(Number.isFinite) ||
    !["logit", "probability", "energy"].includes(rule.score as string) ||
    !["best", "last"].includes(rule.checkpoint as string) ||
    typeof rule.batchNorm !== "string"
  )
    throw new UsageError(`${shown(file)} is no open-set evaluation`, remedy);
  return rule as CalibratedRule;
}
