import { optionGroup } from "@innerloop/core/learners";
import { command, outputOptions } from "../command.js";
import { runOption, skipBaselinesOption } from "./shared-options.js";

export const trainOwn = optionGroup({
  ...runOption,
  resume: {
    kind: "text",
    placeholder: "RUN",
    absent: "a new run",
    help: "continue a run: the result is that of one that was never stopped; an experiment file that has changed or moved since is named again beside it, and so is, with --data, a data set that has moved",
    onResume: true,
  },
});

export const trainEvaluation = optionGroup({
  skipEvaluation: { kind: "flag", default: false, help: "do not evaluate after training", onResume: true },
  ...skipBaselinesOption,
});

/** `innerloop train` */
export const train = command({
  name: "train",
  args: "[PRESET|EXPERIMENT.json|EXPERIMENT.ts]",
  takes: "[experiment]",
  summary: "meta-trains a model and evaluates it on held-out tasks",
  details:
    'An experiment in JSON is a preset with options, each in its part: { "preset": "hanzi", "domain": { "ways": 10, "trainShots": "1-10" }, "evaluation": { "evalSteps": [0, 1] } }. One in TypeScript exports { learner, tasks, optimizer } as default, made with the functions of the package innerloop: your own model and data; or { domain, preset }, a kind of task of your own. Other commands run it for its run where you have named it before, as it is; the environment variable INNERLOOP_CONFIG names another folder than that of your configuration to keep this in. ' +
    "Ctrl-C saves and says how to go on; a run that was stopped or killed and resumed ends with the bytes of one that was not.",
  examples: [
    ["innerloop train hanzi", "the built-in characters, nothing to download"],
    ["innerloop train omniglot-20way-1shot --learner fomaml --seed 3", "a published setting, changed"],
    ["innerloop train --data ./photos --ways 5 --shots 2", "your own folder of class folders"],
    ["innerloop train --data rides.csv --group-column city --target fare", "your own table: each city is a task"],
    ["innerloop train my-experiment.ts --iterations 5000", "your own model and tasks"],
    ["innerloop train --resume runs/hanzi-20261121-1412", "go on with a run"],
  ],
  listsPresets: true,
  experiment: () => true,
  hasDefaults: true,
  own: { Evaluation: trainEvaluation, Run: trainOwn, Output: outputOptions },
  run: async ({ args, chosen, invocation, output }) =>
    (await import("./train-command.js")).trainCommand({ target: args[0], chosen, invocation }, output),
});
