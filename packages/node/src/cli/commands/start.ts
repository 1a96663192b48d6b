import { optionGroup } from "@innerloop/core/learners";
import { command, named, outputOptions } from "../command.js";
import { runOption, skipBaselinesOption } from "./shared-options.js";

/** `innerloop start` */
export const start = command({
  name: "start",
  args: "",
  takes: "",
  summary: "a first look: meta-trains briefly on handwritten Chinese characters and shows what was learned",
  examples: [["innerloop start", "what `npm start` runs"]],
  experiment: named("iterations", "seed", "device", "engine", "workers", "memory"),
  own: { Evaluation: optionGroup(skipBaselinesOption), Run: optionGroup(runOption), Output: outputOptions },
  run: async ({ chosen, invocation, output }) =>
    (await import("./start-command.js")).startCommand({ chosen, invocation }, output),
});
