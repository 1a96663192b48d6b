import { optionGroup } from "@innerloop/core/learners";
import { inEvaluation } from "@innerloop/experiments";
import { command, outputOptions } from "../command.js";
import { checkpointOption, figuresOption } from "./shared-options.js";

export const compareOutput = optionGroup({
  ...outputOptions,
  markdown: { kind: "flag", default: false, help: "print the tables as Markdown" },
});

/** `innerloop compare` */
export const compare = command({
  name: "compare",
  args: "<RUN> <RUN...>",
  takes: "<run> <runs...>",
  summary: "compares runs with the first, task by task",
  details:
    "All meet the same tasks, those of the first run's seed, so that what makes a task hard for all of them cancels: the intervals are of the differences. Runs that were to be tested on other tasks are refused; options bring them to the same. An interval leaves out 0 by chance once in 20 comparisons.",
  examples: [
    ["innerloop compare runs/maml runs/fomaml", "600 tasks, by number of steps and each at its last"],
    ["innerloop compare RUN RUN --shots 5 --figures accuracy,nll", "other tasks than the runs' own, two figures"],
  ],
  experiment: inEvaluation,
  own: { Evaluation: optionGroup(figuresOption), Run: optionGroup(checkpointOption), Output: compareOutput },
  run: async ({ args, chosen, invocation, output }) =>
    (await import("./compare-command.js")).compareCommand({ folders: args, chosen, invocation }, output),
});
