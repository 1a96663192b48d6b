/** Options of runs of format 1: flat, with 0 and empty texts for what is left out. */

import { type LearnerName, learnerNames } from "@innerloop/core";
import { type NetworkName, networkNames } from "@innerloop/core/learners";
import { configFrom, type Flags, flagTable, settingsFrom, withScratchRate } from "../config/index.js";
import type { Domain } from "../domains/domain.js";
import { domains } from "../domains/registry.js";
import { quoted } from "../options/outside-text.js";
import { UsageError } from "../options/usage-error.js";
import type { RunConfig } from "./run-config.js";

/** Options in which 0 or an empty text stood for leaving out. */
const leftOut: ReadonlySet<string> = new Set([
  "trainWays",
  "trainShots",
  "queries",
  "validationClasses",
  "testClasses",
  "clip",
  "patience",
  "workers",
  "memory",
  "chunk",
  "groupColumn",
  "target",
  "inputs",
]);

/** Lists of columns, in one text. */
const lists: ReadonlySet<string> = new Set(["target", "inputs"]);

/** The options in a config of format 1, nested. @throws UsageError for what was no option of it */
export function configOfFormat1(
  values: Readonly<Record<string, unknown>>,
  ofFile: boolean,
): Pick<RunConfig, "config" | "settings"> {
  const known = new Set(flagTable().map(({ name }) => name));
  const flags: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    if (!known.has(name)) throw new UsageError(`options has the unknown option ${quoted(name)}`, "Leave it out");
    if (leftOut.has(name) && (value === 0 || value === "")) continue;
    flags[name] =
      lists.has(name) && typeof value === "string"
        ? value
            .split(",")
            .map((each) => each.trim())
            .filter((each) => each !== "")
        : value;
  }
  if (ofFile) return { settings: settingsFrom(flags, "options") };
  const domain = domainFor(flags);
  for (const [name, catalogue] of [
    ["learner", learnerNames],
    ["model", networkNames],
  ] as const)
    if (!(catalogue as readonly unknown[]).includes(flags[name]))
      throw new UsageError(`${name} in options is ${quoted(flags[name])}`, "Restore it");
  const learner = flags.learner as LearnerName;
  const network = flags.model as NetworkName;
  const config = configFrom({ domain, learner, network }, withScratchRate(learner, flags), "options");
  return { config, settings: { training: config.training, evaluation: config.evaluation } };
}

/** The domain that flat options spoke of. */
function domainFor(flags: Flags): Domain {
  const { groupColumn, data } = flags;
  const claimed = domains().find((each) => each.claims?.({ groupColumn, data }) !== undefined);
  if (claimed) return claimed;
  throw new UsageError(`options name no data: ${quoted(data)}`, "Restore them");
}
