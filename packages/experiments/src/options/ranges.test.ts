import {
  groupedRegression,
  key,
  type LabelledExamples,
  type LearnerName,
  labelledExamples,
  learnerNames,
} from "@innerloop/core";
import { expect, test } from "vitest";
import { splitData } from "./data-splits.js";
import { buildExperiment, buildRegression, type Experiment } from "./experiment.js";
import {
  defaultExperimentOptions,
  type ExperimentOptions,
  experimentOptions,
  flagOf,
  type OptionGroup,
  type OptionSpec,
  optionGroups,
} from "./option-table.js";
import { isOfUse, requireUse } from "./option-use.js";
import { type PresetName, resolveOptions } from "./presets.js";
import { UsageError } from "./usage-error.js";

// A law over the option table: what help says may be given makes an experiment whose meta-gradient can be traced, or is
// refused as a misuse, in terms of options.

const images = new Map<string, LabelledExamples>();
function imagesOf(side: number, channels: number): LabelledExamples {
  const name = `${side} x ${side} x ${channels}`;
  // Enough of each class for 5% of them to be a task, in --split examples.
  const examples = new Uint8Array(120 * side * side * channels);
  const classes = Array.from({ length: 70 }, (_, c) => ({ name: `c${c}`, examples }));
  const made = images.get(name) ?? labelledExamples({ name, exampleShape: [side, side, channels], classes });
  images.set(name, made);
  return made;
}

const rows = Array.from({ length: 400 }, (_, i) => i);
const table = {
  name: "made up",
  columns: { group: rows.map((i) => `g${i % 20}`), input: rows.map((i) => i % 7), target: rows.map((i) => i % 11) },
};

function experimentOf(options: ExperimentOptions): Experiment {
  if (options.data === "sinusoid") return buildExperiment(options, undefined);
  if (options.groupColumn === "")
    return buildExperiment(options, splitData(imagesOf(options.imageSize, Number(options.channels)), options));
  const { shots, trainShots, queries } = options;
  const columns = { groupColumn: "group", inputs: ["input"], targets: ["target"] };
  const { tasks } = groupedRegression(table, { ...columns, shots: trainShots || shots, queries: queries || shots });
  return buildRegression(options, tasks);
}

/** Traces a meta-gradient and a prediction. */
function traceOnce({ learner, tasks, optimizer }: Experiment): void {
  const params = learner.init(key(0));
  const { gradient } = learner.metaGradient(params, tasks.train.sample(0, 0));
  optimizer.update(gradient, optimizer.init(params), params);
  const { support, query } = tasks.test.sample(0, 0);
  learner.predict(learner.adapt(params, support, { steps: Math.min(learner.steps ?? 0, 1) }), query.x);
}

/** The ends of the range that help states; those that only cost time and memory are not gone to. */
function endsOf(name: string, spec: OptionSpec): readonly unknown[] {
  const most = { ways: 8, trainWays: 8, shots: 6, trainShots: 6, queries: 6, unlabelled: 6, batch: 40, steps: 4 };
  const sizes = { filters: 16, units: 16, contextSize: 16, hidden: 16, imageSize: 40 };
  const end = { ...most, ...sizes }[name] ?? (("most" in spec && spec.most) || 10);
  switch (spec.kind) {
    case "integer":
      return [spec.least, end];
    case "number":
      return [spec.above ? 1e-6 : spec.least, end];
    case "count":
      return [0, spec.least, { from: spec.least, to: end }];
    case "integers":
      return [[spec.least], [end, end]];
    case "choice":
      return spec.choices;
    default:
      return [];
  }
}

const small = {
  steps: 1,
  filters: 2,
  units: 4,
  imageSize: 16,
  blocks: 2,
  testClasses: 0,
  validationClasses: 0,
  ways: 2,
};
const all = optionGroups;
const settings: readonly (readonly [PresetName, Partial<ExperimentOptions>, readonly OptionGroup[]])[] = [
  ["sinusoid", { hidden: [4] }, all],
  ["table", { hidden: [4], steps: 1, data: "table", groupColumn: "group" }, all],
  ["images", { ...small, data: "made up" }, all],
  // Its blocks pool.
  ["grocery-store", { ...small, data: "made up" }, ["Model", "Images"]],
];
/** What no experiment is made of: where data come from and which learner, how long and on what it runs. */
const others = ["data", "groupColumn", "target", "inputs", "learner", "device", "invert"];

const resolved = (preset: PresetName, chosen: Partial<ExperimentOptions>): ExperimentOptions =>
  resolveOptions(preset, chosen, defaultExperimentOptions());

function outcome(options: ExperimentOptions, chosen: readonly string[]): string {
  try {
    requireUse(chosen, options);
    traceOnce(experimentOf(options));
    return "traced";
  } catch (error) {
    // Anything else is no answer to what was asked for on the command line.
    return error instanceof UsageError ? `refused: ${error.message}` : String(error);
  }
}

test.each(settings)(
  "options of %s: the ends of every range work, or are refused in terms of options",
  (preset, base, groups) => {
    for (const [name, spec] of Object.entries(experimentOptions) as [keyof ExperimentOptions, OptionSpec][]) {
      if (others.includes(name) || !groups.includes(spec.group)) continue;
      const learner = (spec.of?.learners?.names[0] ?? "maml") as LearnerName;
      for (const value of endsOf(name, spec)) {
        const options = resolved(preset, { learner, ...base, [name]: value } as Partial<ExperimentOptions>);
        if (!isOfUse(name, options)) continue;
        expect(outcome(options, [name]), `${flagOf(name)} ${JSON.stringify(value)}`).toMatch(
          /^traced$|^refused: .*--[a-z-]+/,
        );
      }
    }
  },
);

test.each(["conv", "mlp", "linear"] as const)(
  "every learner is traced with one block or layer, and with --model %s",
  (model) => {
    for (const learner of learnerNames) {
      const base = { ...small, blocks: 1, hidden: [4], data: "made up", learner, model };
      expect(outcome(resolved("images", base), ["model"]), learner).toMatch(
        learner === "boil" && model === "linear" ? /^refused: --model linear of --learner boil/ : /^traced$/,
      );
    }
  },
);

test("more blocks that pool than an image can be halved are refused, with how many there may be", () => {
  const options = resolved("grocery-store", { ...small, data: "made up", blocks: 8 });
  expect(outcome(options, ["blocks"])).toBe(
    "refused: --blocks 8 with --downsampling pool of images of 16 x 16, which can be halved 4 times. Give --blocks 4 or fewer, larger images, or --downsampling stride",
  );
});
