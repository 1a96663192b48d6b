/** What a user, or a file of a user, gives for options. */
import { checkFlags, parseOption } from "@innerloop/experiments";
import { optionsOf } from "../../../packages/node/dist/cli/command.js";
import { commands } from "../../../packages/node/dist/cli/commands/registry.js";
import { presetHint, readJsonExperiment } from "../../../packages/node/dist/runs/experiment-file.js";
import { jsonMutation, textMutations } from "../mutations.js";
import type { Reader } from "../reader.js";
import { requireCode } from "./checked.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const options = [...new Map(commands.flatMap(optionsOf).map((option) => [option.name, option])).values()];

const optionReader: Reader = {
  name: "option values",
  reads: "the value of an option of the command line",
  sources: ["experiments/src/options/values.ts", "experiments/src/options/usage-error.ts"],
  weight: 1,
  seeds: () => ["5", "5-20", "0,1,5", "0.01", "adam", "maml,reptile", "yes", "./photos", "1e-3"].map(text),
  mutations: textMutations,
  words: ["-", ",", "e", ".", "+", "maml", "adam", "conv", "5-10"],
  run(input) {
    const value = new TextDecoder().decode(input);
    for (const { name, spec, flag } of options) {
      try {
        parseOption(name, spec, value);
        // As a file has it.
        if (flag) checkFlags({ [name]: value }, "a file");
      } catch (error) {
        requireCode(error);
      }
    }
    presetHint(value);
  },
};

const experimentReader: Reader = {
  name: "experiment file",
  reads: "an experiment in JSON",
  sources: [
    "node/src/runs/experiment-file.ts",
    "experiments/src/config/parsing.ts",
    "experiments/src/options/values.ts",
  ],
  weight: 1,
  seeds: () =>
    [
      '{ "preset": "hanzi", "domain": { "ways": 10, "split": { "name": "classes", "testClasses": 9 } } }',
      '{"preset":"sinusoid","network":{"hidden":[8,8]},"domain":{"trainShots":"5-10"},"training":{"outerRate":0.001},"learner":{"name":"maml"},"evaluation":{"evalSteps":[0,1]}}',
    ].map(text),
  // Deeper than a function may call itself.
  hostile: () => [
    text(`{"preset":"sinusoid","evaluation":{"evalSteps":${"[".repeat(20_000)}${"]".repeat(20_000)}}}`),
    text(`{"preset":${"[".repeat(20_000)}${"]".repeat(20_000)}}`),
  ],
  mutations: [jsonMutation, jsonMutation],
  words: [
    ...["preset", "hanzi", "sinusoid", "ways", "shots", "trainShots", "hidden", "evalSteps", "__proto__"],
    ...[
      "domain",
      "learner",
      "network",
      "training",
      "evaluation",
      "name",
      "split",
      "classes",
      "examples",
      "testClasses",
    ],
  ],
  run: async (input, place) => readJsonExperiment(place.put("experiment.json", input)),
};

export const commandReaders: readonly Reader[] = [optionReader, experimentReader];
