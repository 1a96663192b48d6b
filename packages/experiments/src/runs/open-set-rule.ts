/** What a run keeps of its open-set evaluation: by which score, and from which on, a query is of one of the classes. */
import type { OpenSetRule } from "@innerloop/core";
import { shellWord } from "../options/shell-word.js";
import { UsageError } from "../options/usage-error.js";
import { mostSteps } from "./most-steps.js";
import { mostRecordBytes, type RunStore } from "./run-store.js";

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

/** The scores as sentences name them. */
export const scoreTitles: Readonly<Record<CalibratedRule["score"], string>> = {
  logit: "largest logit",
  probability: "largest probability",
  energy: "log-sum-exp of the logits",
};

/** The question whether a value of a file is a score and a threshold. */
export function isOpenSetRule(value: unknown): value is OpenSetRule {
  const { score, threshold } = Object(value) as Partial<Record<keyof OpenSetRule, unknown>>;
  return Number.isFinite(threshold) && ["logit", "probability", "energy"].includes(score as string);
}

/** The remedy where a run has no rule. */
export const openSetRemedy = (run: RunStore): string =>
  `Choose one with \`innerloop eval ${shellWord(run.shown)} --open-set\``;

/** The rule that `innerloop eval RUN --open-set` has left in a run. @throws UsageError where there is none */
export async function readOpenSetRule(run: RunStore): Promise<CalibratedRule> {
  const rule = await findOpenSetRule(run);
  if (rule) return rule;
  throw new UsageError(`${run.shown} has no threshold to reject by`, openSetRemedy(run));
}

/** The same; undefined where it has left none. @throws UsageError for a file that is none */
export async function findOpenSetRule(run: RunStore): Promise<CalibratedRule | undefined> {
  const remedy = openSetRemedy(run);
  const bytes = await run.files.read(`${openSetFile}.json`, mostRecordBytes);
  if (!bytes) return undefined;
  let rule: Partial<Record<keyof CalibratedRule, unknown>>;
  try {
    rule = Object(
      (JSON.parse(new TextDecoder().decode(bytes)) as { readonly rule?: unknown } | null)?.rule,
    ) as typeof rule;
  } catch {
    rule = {};
  }
  const counts = [rule.iteration, rule.steps, rule.ways, rule.shots] as readonly number[];
  if (
    !isOpenSetRule(Object(rule)) ||
    !counts.every((each) => Number.isSafeInteger(each) && each >= 0) ||
    (rule.steps as number) > mostSteps ||
    !["best", "last"].includes(rule.checkpoint as string) ||
    typeof rule.batchNorm !== "string"
  )
    throw new UsageError(`${run.shownFile(`${openSetFile}.json`)} is no open-set evaluation`, remedy);
  return rule as CalibratedRule;
}
