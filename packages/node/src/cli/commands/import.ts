import { optionGroup } from "@innerloop/core/learners";
import { command, named, outputOptions } from "../command.js";

export const importFiles = optionGroup({
  map: {
    kind: "text",
    placeholder: "FILE",
    absent: "nothing",
    help: "the map: which experiment the run is, which tensor is which parameter, and what the outputs are held to",
  },
  out: {
    kind: "text",
    placeholder: "DIR",
    absent: "runs/NAME-DATE",
    help: "run folder; runs/NAME-DATE by default",
  },
  dryRun: {
    kind: "flag",
    default: false,
    help: "list the names and shapes on both sides, and write nothing",
  },
});

/** `innerloop import` */
export const importWeights = command({
  name: "import",
  args: "<FILE> --map MAP.json",
  takes: "<file>",
  summary: "makes a run of weights that were trained in PyTorch",
  details:
    "FILE is safetensors, or what torch.save writes of a state dictionary; nothing of it is executed. The run is adapted, evaluated and exported as any. Without inputs and outputs that the weights are held to it is refused, and where the outputs differ by more than 1e-4 of the largest nothing is written. docs/import.md has an example.",
  examples: [
    ["innerloop import maml.pt --map maml.json --dry-run", "names and shapes on both sides, to write the map by"],
    ["innerloop import maml.pt --map maml.json -o runs/maml", "the run, where its outputs are those that were given"],
  ],
  experiment: named("data", "workers", "device", "engine"),
  own: { Import: importFiles, Output: outputOptions },
  run: async ({ args: [file], chosen, invocation, output }) =>
    (await import("./import-command.js")).importCommand({ file: file!, chosen, invocation }, output),
});
