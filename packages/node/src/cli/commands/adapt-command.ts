import { type Learner, type OpenSetAnswer, openSetAnswers, probabilitiesOf, specOf } from "@innerloop/core";
import { tensor } from "@innerloop/graph";
import { invertInPlace, isDarkOnLight } from "../../data/images/dark-on-light.js";
import { isBlank, usualPixels } from "../../data/images/image-decoding.js";
import { readImageFolder } from "../../data/images/image-folder.js";
import { buildClassifier } from "../../presets/experiment.js";
import { imagePaths, readImageFile } from "../../presets/image-files.js";
import { type ExperimentOptions, flagOf, type InvocationOptions } from "../../presets/option-table.js";
import { requireUse } from "../../presets/option-use.js";
import { UsageError } from "../../presets/usage-error.js";
import { readChosenSteps } from "../../runs/adaptation-steps.js";
import { classLogits, imageTensor } from "../../runs/classify.js";
import { type CalibratedRule, readOpenSetRule } from "../../runs/open-set-rule.js";
import { inCommand, openRun, type RunFolder, shown } from "../../runs/run-folder.js";
import { paramsFor, requireWays } from "../evaluated-run.js";
import { fewRuns, openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { trainClassesOf } from "../prepare.js";
import { loadRunExperiment } from "../run-experiment-file.js";
import { columns, counted, type Paint } from "../terminal.js";

export interface AdaptRequest {
  readonly folder: string;
  readonly queries: readonly string[];
  readonly chosen: Partial<Pick<ExperimentOptions, "batchNorm" | "invert" | "workers" | "device">>;
  readonly invocation: InvocationOptions;
}

/** Adapts a run to a folder of labelled images and classifies other images. */
export async function adaptCommand(
  { folder, queries, chosen, invocation }: AdaptRequest,
  output: Output,
): Promise<void> {
  const run = await openRun(folder);
  if (!invocation.support)
    throw new UsageError("there is no --support", "Give a folder with one folder of images per class");
  if (queries.length === 0) throw new UsageError("there is no --query", "Give image files, or a folder of them");
  const { trained, learnerFor, exampleShape, batchNorm } = await classifierOf(run, output, chosen.batchNorm);
  if (trained.steps === undefined && invocation.steps !== undefined) {
    throw new UsageError(
      `--steps ${invocation.steps} of ${shown(run.path)}, whose learner (${trained.name}) takes no steps`,
      "Leave it out: its answers come from one look at the support set",
    );
  }
  const [height, width, channels] = exampleShape;
  const support = await readImageFolder(invocation.support, {
    name: "support",
    size: [height, width],
    channels,
    preferredPixels: run.config.data?.pixels ?? usualPixels,
    onWarning: output.warn,
  });
  const ways = support.classes.length;
  const learner = learnerFor(ways, `${ways} classes in ${invocation.support}`);
  const paths = await imagePaths(queries);
  const images = await Promise.all(paths.map((path) => readImageFile(path, exampleShape, support.pixels)));
  for (const [i, image] of images.entries()) {
    if (isBlank(image, channels)) output.warn(`${paths[i]} is blank: all its pixels have one colour`);
  }
  const mismatch =
    channels === 1 && run.config.data !== undefined && isDarkOnLight(support) !== run.config.data.darkOnLight;
  const invert = chosen.invert === "yes" || (chosen.invert !== "no" && mismatch);
  if (invert) {
    invertInPlace(support);
    invertInPlace({ classes: images.map((examples, i) => ({ name: String(i), count: 1, examples })) });
  }
  const rule = invocation.reject ? await readOpenSetRule(run) : undefined;
  const wanted = invocation.checkpoint ?? rule?.checkpoint;
  const { params, iteration, checkpoint } = await paramsFor(run, trained, [learner], wanted);
  const most = learner.steps === undefined ? 0 : Math.max(...run.config.options.evalSteps, learner.steps);
  const validated = await readChosenSteps(run, { checkpoint, iteration });
  const steps = invocation.steps ?? rule?.steps ?? validated?.steps ?? most;
  if (rule) requireRuleOf(rule, { iteration, steps, batchNorm }, run, invocation);
  const executor = await openExecutor({ ...chosen, ...fewRuns }, output);
  try {
    const shots = support.classes.flatMap(({ count, examples }) =>
      Array.from({ length: count }, (_, i) => sliceOf(examples as Uint8Array, i, exampleShape)),
    );
    const labels = support.classes.flatMap(({ count }, label) => new Array<number>(count).fill(label));
    const names = support.classes.map(({ name }) => name);
    if (rule) noteOtherTasks(rule, support.classes, output);
    const logits = await classLogits({
      learner,
      params,
      support: { names, x: imageTensor(shots, exampleShape), y: tensor(Int32Array.from(labels), [labels.length]) },
      query: imageTensor(images, exampleShape),
      steps,
      executor,
    });
    report({
      run,
      output,
      paths,
      names,
      probabilities: probabilitiesOf(logits),
      ...(rule ? { answers: openSetAnswers(logits, rule) } : {}),
      steps,
      areChosen: invocation.steps === undefined && !rule && validated !== undefined,
      invert,
      batchNorm,
      iteration,
      checkpoint,
      examples: shots.length,
    });
  } finally {
    await executor.close();
  }
}

/**
 * @param given what the user chose
 * @throws UsageError where the threshold was chosen for another learner than the one that is used here
 */
function requireRuleOf(
  rule: CalibratedRule,
  used: Pick<CalibratedRule, "iteration" | "steps" | "batchNorm">,
  run: RunFolder,
  given: Pick<InvocationOptions, "checkpoint" | "steps">,
): void {
  for (const [name, what, option] of [
    ["iteration", "updates", "checkpoint"],
    ["steps", "steps", "steps"],
    ["batchNorm", "batch norm", "batchNorm"],
  ] as const) {
    if (rule[name] === used[name]) continue;
    const remedies = [
      // What is used where nothing is given need not be what the threshold was chosen with.
      ...(option === "batchNorm" ? [`Give ${flagOf(option)} ${rule.batchNorm}`] : []),
      ...(option !== "batchNorm" && given[option] !== undefined ? [`Leave out ${flagOf(option)}`] : []),
      `choose a threshold anew with \`innerloop eval ${inCommand(run.path)} --open-set\``,
    ];
    throw new UsageError(
      `the threshold of ${shown(run.path)} was chosen with ${what} ${rule[name]}, and this is ${used[name]}`,
      remedies.join(", or ").replace(/^./, (letter) => letter.toUpperCase()),
    );
  }
}

/** A threshold means most for tasks like those that it was chosen on. */
function noteOtherTasks(
  { ways, shots }: CalibratedRule,
  classes: readonly { readonly count: number }[],
  output: Output,
): void {
  const counts = [...new Set(classes.map(({ count }) => count))].sort((a, b) => a - b);
  if (classes.length === ways && counts.length === 1 && counts[0] === shots) return;
  output.warn(
    `the threshold was chosen on ${ways}-way ${shots}-shot tasks; here are ${counted(classes.length, "class", "classes")} of ${counts.join(", ")} examples, where fewer or more may be rejected`,
  );
}

const sliceOf = (examples: Uint8Array, index: number, shape: readonly number[]): Uint8Array => {
  const size = shape.reduce((a, b) => a * b, 1);
  return examples.subarray(index * size, (index + 1) * size);
};

type ImageShape = readonly [height: number, width: number, channels: 1 | 3];

/**
 * The run's learner. A model that was trained with transductive normalisation classifies with the statistics of the
 * support set here, unless asked otherwise: a prediction should not depend on which other files it is asked with.
 */
async function classifierOf(
  run: RunFolder,
  output: Output,
  wanted?: ExperimentOptions["batchNorm"],
): Promise<{
  /** As it was trained. */
  trained: Learner;
  /** For so many classes, asked for in these words: more than in training where its parameters do not depend on them. */
  learnerFor: (classes: number, asked: string) => Learner;
  exampleShape: ImageShape;
  batchNorm: string;
}> {
  const { options, file, data } = run.config;
  if (file) {
    if (wanted) throw new UsageError(`${flagOf("batchNorm")} is settled by ${file.path}`, "Change it there");
    const { experiment } = await loadRunExperiment(run, output);
    const { learner } = experiment;
    const batchNorm = String(learner.description.batchNorm ?? "none");
    const exampleShape = imageShape(run, specOf(experiment.tasks.train).x.shape);
    const { ways } = experiment.tasks.test.description;
    const learnerFor = (classes: number, asked: string): Learner => {
      if (typeof ways === "number" && classes > ways)
        throw new UsageError(`${asked} for a run of ${ways}-way tasks`, `Remove some, or change it in ${file.path}`);
      return learner;
    };
    return { trained: learner, learnerFor, exampleShape, batchNorm };
  }
  if (!data)
    throw new UsageError(
      `${shown(run.path)} is a run of the ${options.data} family, not of images`,
      "Adapt it in code, with `run.adapt({ x, y })`",
    );
  if (wanted) requireUse(["batchNorm"], { ...options, batchNorm: wanted }, shown(run.path));
  const own = options.batchNorm === "transductive" ? "support" : options.batchNorm;
  const batchNorm = wanted ?? own;
  const exampleShape = imageShape(run, data.exampleShape);
  const build = (given: ExperimentOptions): Learner =>
    buildClassifier(given, exampleShape, trainClassesOf(run), options);
  return {
    trained: build(options),
    learnerFor: (classes, asked) => {
      requireWays(run, classes, asked);
      return build({ ...options, batchNorm, ways: Math.max(options.ways, classes) });
    },
    exampleShape,
    batchNorm: options.model === "linear" ? "none" : batchNorm,
  };
}

function imageShape(run: RunFolder, shape: readonly number[]): ImageShape {
  const [height, width, channels] = shape;
  if (shape.length === 3 && height && width && (channels === 1 || channels === 3)) return [height, width, channels];
  throw new UsageError(
    `examples of ${shown(run.path)} have the shape [${shape.join(", ")}], and are no images`,
    "Adapt it in code, with `run.adapt({ x, y })`",
  );
}

function report(setting: {
  run: RunFolder;
  output: Output;
  paths: readonly string[];
  names: readonly string[];
  probabilities: readonly number[][];
  /** Where images may be of none of the classes. */
  answers?: readonly OpenSetAnswer[];
  steps: number;
  /** Whether they are those that were best on validation tasks. */
  areChosen: boolean;
  invert: boolean;
  batchNorm: string;
  iteration: number;
  checkpoint: string;
  examples: number;
}): void {
  const { run, output, paths, names, probabilities, answers, steps, invert, batchNorm, iteration, checkpoint } =
    setting;
  const isRejected = (image: number): boolean => answers !== undefined && answers[image]!.label === undefined;
  const ranked = probabilities.map((row) =>
    names.map((name, i) => ({ name, probability: row[i]! })).sort((a, b) => b.probability - a.probability),
  );
  output.event({
    type: "adapted",
    run: shown(run.path),
    checkpoint,
    iteration,
    steps,
    classes: names,
    inverted: invert,
    batchNorm,
  });
  paths.forEach((file, i) => {
    output.event({
      type: "prediction",
      file,
      prediction: isRejected(i) ? null : ranked[i]![0]!.name,
      ...(answers ? { score: answers[i]!.score } : {}),
      probabilities: Object.fromEntries(ranked[i]!.map(({ name, probability }) => [name, probability])),
    });
  });
  output.say(
    output.paint(
      "dim",
      `  ${counted(setting.examples, "example")} of ${counted(names.length, "class", "classes")}, ${counted(steps, "step")}${setting.areChosen ? " (best on validation tasks)" : ""}, batch norm ${batchNorm}${invert ? ", images inverted to match the run's data" : ""}`,
    ),
  );
  output.say();
  const rows = paths.map((file, i) => {
    const all = ranked[i]!;
    const [best, ...others] = all;
    if (isRejected(i)) {
      const near = all.slice(0, 3).map(({ name, probability }) => `${name} ${percent(probability)}`);
      return [file, output.paint("yellow", "none of these"), "", "", near.join("  ")];
    }
    const rest = others.slice(0, 3).map(({ name, probability }) => `${name} ${percent(probability)}`);
    return [file, best!.name, percent(best!.probability), bar(best!.probability, output.paint), rest.join("  ")];
  });
  const table = columns([["image", "prediction", "", "", "then"], ...rows], [0, 1, 3, 4]);
  output.result(table.map((line, i) => `  ${i === 0 ? output.paint("dim", line) : line}`).join("\n"));
}

const percent = (p: number): string => `${(100 * p).toFixed(1)}%`;

const bar = (p: number, paint: Paint): string => paint("green", "█".repeat(Math.round(10 * p)).padEnd(10, "░"));
