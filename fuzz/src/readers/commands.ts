/** What a user, or a file of a user, gives for options. */
import { presetHint, readJsonExperiment } from "../../../packages/node/dist/presets/experiment-file.js";
import {
  experimentOptions,
  invocationOptions,
  type OptionSpec,
} from "../../../packages/node/dist/presets/option-table.js";
import { checkExperimentOptions, parseOption } from "../../../packages/node/dist/presets/option-values.js";
import { jsonMutation, textMutations } from "../mutations.js";
import type { Reader } from "../reader.js";
import { requireCode } from "./checked.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const specs = Object.entries<OptionSpec>({ ...invocationOptions, ...experimentOptions });

const optionReader: Reader = {
  name: "option values",
  reads: "the value of an option of the command line",
  sources: ["node/src/presets/option-values.ts", "node/src/presets/usage-error.ts"],
  weight: 1,
  seeds: () => ["5", "5-20", "0,1,5", "0.01", "adam", "maml,reptile", "yes", "./photos", "1e-3"].map(text),
  mutations: textMutations,
  words: ["-", ",", "e", ".", "+", "maml", "adam", "conv", "5-10"],
  run(input) {
    const value = new TextDecoder().decode(input);
    for (const [name, spec] of specs) {
      try {
        parseOption(name, spec, value);
        // As a file has it.
        if (name in experimentOptions) checkExperimentOptions({ [name]: value }, "a file");
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
  sources: ["node/src/presets/experiment-file.ts", "node/src/presets/option-values.ts"],
  weight: 1,
  seeds: () =>
    [
      '{ "preset": "hanzi", "ways": 10 }',
      '{"preset":"sinusoid","hidden":[8,8],"trainShots":"5-10","outerRate":0.001,"learner":"maml","evalSteps":[0,1]}',
    ].map(text),
  // Deeper than a function may call itself.
  hostile: () => [
    text(`{"preset":"sinusoid","evalSteps":${"[".repeat(20_000)}${"]".repeat(20_000)}}`),
    text(`{"preset":${"[".repeat(20_000)}${"]".repeat(20_000)}}`),
  ],
  mutations: [jsonMutation, jsonMutation],
  words: ["preset", "hanzi", "sinusoid", "ways", "shots", "trainShots", "hidden", "learner", "evalSteps", "__proto__"],
  run: async (input, place) => readJsonExperiment(place.put("experiment.json", input)),
};

export const commandReaders: readonly Reader[] = [optionReader, experimentReader];
