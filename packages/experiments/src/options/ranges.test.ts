import { key, type LabelledExamples, labelledExamples, learnerNames, type Optimizer } from "@innerloop/core";
import { learnerEntry, type OptionSpec } from "@innerloop/core/learners";
import { sourceOf } from "@innerloop/core/tasks";
import { expect, test } from "vitest";
import { buildExperiment, type Experiment, needsOf } from "../build.js";
import {
  domainOf,
  type ExperimentConfig,
  type FlagEntry,
  type Flags,
  flagTable,
  isOfUse,
  requireUse,
  resolvePreset,
} from "../config/index.js";
import { splitData } from "../domains/classification/data-splits.js";
import type { ClassificationValues } from "../domains/classification/options.js";
import { findPreset } from "../domains/registry.js";
import { loadedClasses, memoryIo } from "../made-up.fixture.js";
import { UsageError } from "./usage-error.js";
import { flagOf } from "./values.js";

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
const columns = {
  group: rows.map((i) => `g${i % 20}`),
  input: rows.map((i) => i % 7),
  target: rows.map((i) => i % 11),
};
const io = memoryIo({
  tables: {
    "made-up.csv": {
      table: { name: "made up", columns },
      inputs: ["input"],
      sha256: "",
      columns: "input for target",
      notes: [],
    },
  },
});

async function experimentOf(config: ExperimentConfig): Promise<Experiment> {
  const domain = domainOf(config);
  if (domain.name !== "classification")
    return buildExperiment(config, await domain.load(config.domain, io, {}, needsOf(config)));
  const options = config.domain as unknown as ClassificationValues;
  return buildExperiment(
    config,
    loadedClasses(splitData(imagesOf(options.imageSize, Number(options.channels)), options)),
  );
}

/** Traces a meta-gradient and a prediction. */
function traceOnce({ learner, tasks, optimizer }: Experiment): void {
  const params = learner.init(key(0));
  const { gradient } = learner.metaGradient(params, sourceOf(tasks.train).sample(0, 0));
  const { init, update } = optimizer as Optimizer;
  update(gradient, init(params), params);
  const { support, query } = sourceOf(tasks.test).sample(0, 0);
  learner.predict(learner.adapt(params, support, { steps: Math.min(learner.steps ?? 0, 1) }), query.x);
}

/** The ends of the range that help states; those that only cost time and memory are not gone to. */
function endsOf(name: string, spec: OptionSpec): readonly unknown[] {
  const most = { ways: 8, trainWays: 8, shots: 6, trainShots: 6, queries: 6, unlabelled: 6, batch: 40, steps: 4 };
  const sizes = { filters: 16, units: 16, contextSize: 16, hidden: 16, imageSize: 40 };
  const end = { ...most, ...sizes }[name] ?? (("most" in spec && spec.most) || 10);
  const none = "absent" in spec && spec.absent !== undefined ? [undefined] : [];
  switch (spec.kind) {
    case "integer":
      return [...none, spec.least, end];
    case "number":
      return [...none, spec.above ? 1e-6 : spec.least, end];
    case "count":
      return [...none, spec.least, { from: spec.least, to: end }];
    case "integers":
      return [[spec.least], [end, end]];
    case "choice":
      return spec.choices;
    case "variant":
      return Object.keys(spec.variants);
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
  ways: 2,
};
type Narrowing = (flag: FlagEntry["places"][number], name: string) => boolean;
const all: Narrowing = () => true;
const settings: readonly (readonly [string, Flags, Narrowing])[] = [
  ["sinusoid", { hidden: [4] }, all],
  ["table", { hidden: [4], steps: 1, data: "made-up.csv", groupColumn: "group", target: ["target"] }, all],
  ["images", { ...small, data: "made-up" }, all],
  // Its blocks pool.
  [
    "grocery-store",
    { ...small, data: "made-up" },
    ({ part }, name) => part === "network" || ["imageSize", "channels", "augment", "skipBad"].includes(name),
  ],
];
/** What no experiment is made of: where data come from and which learner, how long and on what it runs. */
const others = ["data", "groupColumn", "target", "inputs", "learner", "device", "invert"];

async function outcome(preset: string, flags: Flags, chosen: readonly string[]): Promise<string> {
  try {
    const config = resolvePreset(preset, flags);
    requireUse(chosen, config);
    traceOnce(await experimentOf(config));
    return "traced";
  } catch (error) {
    // Anything else is no answer to what was asked for on the command line.
    return error instanceof UsageError ? `refused: ${error.message}` : String(error);
  }
}

/** The places of an option beside a preset: of its domain, of one learner for its tasks, of each network. */
function placesBeside(preset: string, { places }: FlagEntry): FlagEntry["places"] {
  const { domain } = findPreset(preset)!;
  const isFor = { learner: learnerNames.filter((name) => learnerEntry(name).kinds.includes(domain.kind)) };
  const found = places.filter(({ part, choice }) => {
    if (choice === undefined) return true;
    const fitting: readonly string[] =
      part === "domain" ? [domain.name] : part === "learner" ? isFor.learner : domain.networks;
    return fitting.includes(choice);
  });
  return found.filter(({ part }, i) => part !== "learner" || i === 0);
}

test.each(settings)(
  "options of %s: the ends of every range work, or are refused in terms of options",
  async (preset, base, isAsked) => {
    const traced = new Set<string>();
    for (const flag of flagTable()) {
      const { name } = flag;
      if (others.includes(name)) continue;
      for (const place of placesBeside(preset, flag).filter((each) => isAsked(each, name))) {
        const { part, choice, spec } = place;
        const choices = part === "learner" ? { learner: choice } : part === "network" ? { model: choice } : {};
        for (const value of endsOf(name, spec)) {
          const flags = { ...base, ...(choice === undefined ? {} : choices), [name]: value };
          if (!isOfUse(name, resolvePreset(preset, { ...flags, [name]: undefined }))) continue;
          const found = await outcome(preset, flags, [name]);
          expect(found, `${flagOf(name)} ${JSON.stringify(value)}`).toMatch(/^traced$|^refused: .*--[a-z-]+/);
          if (found === "traced") traced.add(name);
        }
      }
    }
    // A law about nothing would hold as well.
    expect(traced.size).toBeGreaterThan(5);
  },
);

test.each(["conv", "mlp", "linear"] as const)(
  "every learner of classes is traced with one block or layer, and with --model %s",
  async (model) => {
    for (const learner of learnerNames.filter((name) => learnerEntry(name).kinds.includes("classification"))) {
      const base = { ...small, blocks: 1, hidden: [4], data: "made-up", learner, model };
      expect(await outcome("images", base, ["model"]), learner).toMatch(
        learner === "boil" && model === "linear" ? /^refused: --model linear of --learner boil/ : /^traced$/,
      );
    }
  },
);

test("more blocks that pool than an image can be halved are refused, with how many there may be", async () => {
  expect(await outcome("grocery-store", { ...small, data: "made-up", blocks: 8 }, ["blocks"])).toBe(
    "refused: --blocks 8 with downsampling pool of images of 16 x 16, which can be halved 4 times. Give 4 blocks or fewer, larger images, or downsampling stride",
  );
});
