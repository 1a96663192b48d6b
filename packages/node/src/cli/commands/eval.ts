import { optionGroup } from "@innerloop/core/learners";
import { inEvaluation } from "@innerloop/experiments";
import { command, outputOptions } from "../command.js";
import { checkpointOption, figuresOption, skipBaselinesOption } from "./shared-options.js";

export const evalOwn = optionGroup({
  batchNorm: {
    kind: "choices",
    choices: ["transductive", "support", "running", "none"],
    absent: "as in training",
    help: "where normalisation takes its statistics; with several, each has a row of its own",
  },
});

export const evalEvaluation = optionGroup({
  with: {
    kind: "texts",
    repeated: true,
    placeholder: "RUN",
    absent: "no other",
    help: "other runs whose learners are further rows of the table, on the same tasks: one of --learner joint, for example",
  },
  ...figuresOption,
  ...skipBaselinesOption,
  openSet: {
    kind: "flag",
    default: false,
    help: "ask for classes that the support set does not have as well: how often are they told from its own? The threshold is chosen on the validation classes and kept in the run, for adapt --reject",
  },
  unknownQueries: {
    kind: "integer",
    absent: "as many as queries",
    least: 1,
    most: 1000,
    help: "with --open-set: queries of each unknown class, of which there are as many as ways; as --queries unless given. Of examples that are of no class, where the data have some, so many times ways",
  },
  openSetScore: {
    kind: "choice",
    choices: ["logit", "probability", "energy"],
    absent: "logit",
    help: "with --open-set: what is larger for known queries; the largest logit unless given, the largest probability, or the log-sum-exp of the logits",
  },
  acceptance: {
    kind: "number",
    absent: "0.95",
    least: 0,
    most: 1,
    help: "with --open-set: share of known queries that the threshold accepts on the validation classes, 0.95 unless given; 0: where accepting and rejecting are best together",
  },
});

/** `innerloop eval` */
export const evaluation = command({
  name: "eval",
  args: "<RUN>",
  takes: "<run>",
  summary: "evaluates a run on held-out tasks, beside its baselines",
  details: "Options other than the run's own are written beside its results, to files named after them.",
  examples: [
    ["innerloop eval runs/hanzi-20261121-1412", "600 tasks, with intervals"],
    ["innerloop eval RUN --shots 5 --eval-steps 0,1,10,20", "more examples and steps than in training"],
    [
      "innerloop eval RUN --batch-norm transductive,support",
      "and with predictions that do not depend on the other queries",
    ],
    ["innerloop eval RUN --data mnist", "trained on one data set, tested on another"],
    ["innerloop eval RUN --with runs/joint", "beside joint pre-training, a run of --learner joint"],
    ["innerloop eval RUN --open-set", "how often queries of other classes are told from the task's own"],
  ],
  experiment: inEvaluation,
  own: { Model: evalOwn, Evaluation: evalEvaluation, Run: optionGroup(checkpointOption), Output: outputOptions },
  run: async ({ args, chosen, invocation, output }) =>
    (await import("./eval-command.js")).evalCommand({ folder: args[0]!, chosen, invocation }, output),
});
