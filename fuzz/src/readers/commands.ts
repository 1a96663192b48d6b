/** What a user, or a file of a user, gives for options. */
import { checkFlags, parseOption } from "@innerloop/experiments";
import { optionsOf } from "../../../packages/node/dist/cli/command.js";
import { type InputLine, inputLines } from "../../../packages/node/dist/cli/commands/input-lines.js";
import { ratedLines } from "../../../packages/node/dist/cli/commands/rated-lines.js";
import { commands } from "../../../packages/node/dist/cli/commands/registry.js";
import { readingLimits } from "../../../packages/node/dist/data/reading-limits.js";
import { presetHint, readJsonExperiment } from "../../../packages/node/dist/runs/experiment-file.js";
import { jsonMutation, textMutations } from "../mutations.js";
import { type Reader, WrongResult } from "../reader.js";
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

/** Bytes as a stream has them, in parts of so many. */
async function* inParts(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function linesOf(bytes: Uint8Array, size: number): Promise<InputLine[]> {
  const lines: InputLine[] = [];
  for await (const line of inputLines(inParts(bytes, size))) lines.push(line);
  return lines;
}

const lineReader: Reader = {
  name: "lines of standard input",
  reads: "a text a line, as `innerloop adapt` answers them",
  sources: ["node/src/cli/commands/input-lines.ts", "node/src/data/texts/text-rows.ts"],
  weight: 1,
  seeds: () =>
    ["pay Ann\nhow much is left\n", "one line", "a\r\nb\r\n\n", "caf\u00e9 \u{1f600}\n", "\ufeffone\ncafe\u0301"].map(
      text,
    ),
  hostile: () => [
    new Uint8Array(3 * readingLimits.textLength + 2).fill(0x61),
    Uint8Array.of(0xff, 0x0a, 0xed, 0xa0, 0x80, 0x0a, 0x61),
    text(`${"\u0301".repeat(1_000_000)}\n${"x".repeat(5_000_000)}\nlast`),
  ],
  mutations: textMutations,
  words: ["\n", "\r\n", "\u0000", "\u0301", "\ufeff", "\u{1f600}"],
  async run(input) {
    const lines = await linesOf(input, Math.max(1, input.length));
    lines.forEach((line, i) => {
      if (line.number !== i + 1) throw new WrongResult(`line ${i + 1} has the number ${line.number}`);
      if (!("text" in line)) return;
      if (
        line.text.includes("\n") ||
        line.text.length > readingLimits.textLength ||
        /\p{Surrogate}|\0/u.test(line.text)
      )
        throw new WrongResult("a line that is no text");
    });
    // Characters and ends may lie over the parts of a stream.
    const size = Math.max(1 + (input.length % 7), Math.ceil(input.length / 4096));
    if (JSON.stringify(await linesOf(input, size)) !== JSON.stringify(lines))
      throw new WrongResult("lines depend on the parts that they come in");
  },
};

const ratedLineReader: Reader = {
  name: "ratings of standard input",
  reads: "a title and a rating a line, as `innerloop recommend --ratings -` takes them",
  sources: ["node/src/cli/commands/rated-lines.ts", "node/src/cli/commands/input-lines.ts"],
  weight: 1,
  seeds: () => ["Alien, 9\nUp\t8.5\n", "The Good, the Bad and the Ugly,8", "a,1\r\n\n007\t0"].map(text),
  hostile: () => [text(`${",".repeat(2_000_000)}1`), text("a,1\n".repeat(100_000)), text(`a\t${"9".repeat(10_000)}`)],
  mutations: textMutations,
  words: [",", "\t", "\n", "\r\n", "1e999", "NaN", "0x10", "\u0000"],
  async run(input) {
    try {
      const { rows } = await ratedLines(inParts(input, Math.max(1, input.length)));
      for (const { item, rating } of rows)
        if (item === "" || !Number.isFinite(Number(rating))) throw new WrongResult("a line that is no rating");
    } catch (error) {
      if (error instanceof WrongResult) throw error;
      requireCode(error);
    }
  },
};

export const commandReaders: readonly Reader[] = [optionReader, experimentReader, lineReader, ratedLineReader];
