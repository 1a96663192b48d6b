import { optionGroup } from "@innerloop/core/learners";
import { command, named, outputOptions } from "../command.js";
import { checkpointOption } from "./shared-options.js";

export const exportFolder = optionGroup({
  out: {
    kind: "text",
    placeholder: "DIR",
    absent: "nothing",
    help: "the folder to write; an export that is there already is replaced, and nothing else is",
  },
  maxSupport: {
    kind: "integer",
    absent: "those of a task of the run, 25 at least",
    least: 1,
    most: 100_000,
    help: "examples of a task at most; those of a task of the run, and 25 at least, unless given",
  },
  queries: {
    kind: "integer",
    absent: "any number",
    least: 1,
    most: 100_000,
    help: "inputs that are predicted for at once, so many and no other, for runtimes of fixed shapes; any number unless given",
  },
  fixed: {
    kind: "integer",
    absent: "any number",
    least: 0,
    most: 200,
    help: "adaptation steps that are written one after the other, so many and no other, for runtimes without loops",
  },
  floatInput: {
    kind: "flag",
    default: false,
    help: "images enter as numbers from 0 to 1, for pipelines that prepare them themselves, and not as bytes",
  },
  wasm: {
    kind: "flag",
    default: false,
    help: "adapting and predicting as a module of WebAssembly, too, for pages without onnxruntime; takes clang and wasm-ld",
  },
});

export const exportCard = optionGroup({
  license: {
    kind: "text",
    placeholder: "NAME",
    absent: "other",
    help: "the license that the model card states, by the hub's name: mit, cc-by-4.0",
  },
  title: { kind: "text", placeholder: "TEXT", absent: "the learner's name", help: "the model card's first line" },
  credits: {
    kind: "text",
    placeholder: "TEXT",
    absent: "nothing",
    help: "of the model card: whose the data of training were, and under which licenses",
  },
  datasets: {
    kind: "texts",
    placeholder: "NAME,...",
    absent: "none",
    help: "names of data sets, for the hub's lists in the model card",
  },
  results: {
    kind: "texts",
    placeholder: "NAME,...",
    absent: "the run's own",
    help: "further evaluations for the model card, by their files in the run, without an ending: results-best-ways-5",
  },
});

/** `innerloop export` */
export const exportRun = command({
  name: "export",
  args: "<RUN> -o DIR",
  takes: "<run>",
  summary: "writes a run's learner as standard ONNX programs that adapt and predict anywhere",
  details:
    "The folder is a repository of the Hugging Face hub as it is: programs for onnxruntime in any language, what enters them, a model card. 20 held-out tasks go through the files as they are written and through the run itself: where answers differ by more than 1e-4 of the largest, nothing is left. docs/export.md says what is not exported, and why.",
  examples: [
    ["innerloop export RUN -o exported/hanzi", "the programs of a run, tried on held-out tasks"],
    ["innerloop export RUN -o DIR --max-support 100", "for up to 100 examples of a task"],
    [
      "innerloop export RUN -o DIR --ways 10",
      "for up to 10 classes, where the learner takes other numbers than in training",
    ],
    ["innerloop export RUN -o DIR --queries 1 --fixed 5", "for runtimes of fixed shapes, without loops"],
    ["innerloop export RUN -o DIR --license mit --title 'Runes'", "what the model card says of it"],
    ["innerloop export RUN -o DIR --wasm", "for pages without onnxruntime, too"],
    ["innerloop export RUN -o DIR --float-input", "images as numbers from 0 to 1"],
  ],
  experiment: named("data", "ways", "workers", "device", "engine"),
  own: { Export: exportFolder, "Model card": exportCard, Run: optionGroup(checkpointOption), Output: outputOptions },
  run: async ({ args: [folder], chosen, invocation, output }) =>
    (await import("./export-command.js")).exportCommand({ folder: folder!, chosen, invocation }, output),
});

/** `innerloop verify` */
export const verify = command({
  name: "verify",
  args: "<DIR>",
  takes: "<folder>",
  summary: "checks an exported folder: every file's SHA-256, and the answers of its programs",
  examples: [["innerloop verify exported/hanzi", "the largest difference from the answers that it should give"]],
  own: { Output: outputOptions },
  run: async ({ args: [folder], output }) => (await import("./export-command.js")).verifyCommand(folder!, output),
});
