import { command, outputOptions } from "../command.js";

/** `innerloop models` */
export const includedModels = command({
  name: "models",
  args: "",
  takes: "",
  summary: "lists the learners that come trained, with their figures",
  details:
    'Each adapts to a few examples of your own, without training and without network: load("innerloop:symbols") in a program, loadExported("innerloop:symbols") of @innerloop/web in a page.',
  examples: [
    ["innerloop models", "names, figures and data"],
    ["innerloop verify innerloop:symbols", "every file of one, and the answers of its programs"],
  ],
  own: { Output: outputOptions },
  run: async ({ output }) => (await import("./models-command.js")).modelsCommand(output),
});
