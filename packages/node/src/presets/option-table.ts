/**
 * Every option of the command line, declared once: parser, checks, `--help`, config.json and docs/cli.md come from
 * this table.
 */
import { type Count, type LearnerEntry, type LearnerName, learnerCatalogue, learnerNames } from "@innerloop/core";
import { devices } from "../executor/device.js";

export const commandNames = [
  "train",
  "eval",
  "compare",
  "reproduce",
  "adapt",
  "data list",
  "data get",
  "data import",
  "data verify",
  "cache info",
  "cache clear",
  "start",
] as const;
export type CommandName = (typeof commandNames)[number];

export const optionGroups = [
  "Task",
  "Learner",
  "Model",
  "Training",
  "Evaluation",
  "Run",
  "Output",
  "Images",
  "Tables",
] as const;
export type OptionGroup = (typeof optionGroups)[number];

/** What examples come from. */
export type DataKind = "classes" | "table" | "curves";
export const dataKindTexts: Readonly<Record<DataKind, string>> = {
  classes: "data sets of classes",
  table: "tables",
  curves: "curves",
};

/** What an option is of use for, where it is not for all: beside other choices it means nothing, and is refused. */
export interface OptionUse {
  readonly data?: readonly DataKind[];
  /** What they are called, and which they are. */
  readonly learners?: { readonly text: string; readonly names: readonly LearnerName[] };
  readonly models?: readonly ("conv" | "mlp" | "linear")[];
  readonly split?: "classes" | "examples";
}

interface OptionBase {
  readonly group: OptionGroup;
  readonly help: string;
  readonly commands: readonly CommandName[];
  readonly of?: OptionUse;
  /** May be given together with --resume: it does not change what is trained. */
  readonly onResume?: true;
  readonly short?: string;
}

export type OptionSpec = OptionBase &
  (
    | { readonly kind: "integer"; readonly default?: number; readonly least: number; readonly most: number }
    | {
        readonly kind: "number";
        readonly default?: number;
        readonly least: number;
        readonly most: number;
        readonly above?: true;
      }
    /** A number, or two for a range of them, `to` included: each task then draws its own. 0 stands for another option's. */
    | { readonly kind: "count"; readonly default?: Count; readonly least: number; readonly most: number }
    | { readonly kind: "choice"; readonly default?: string; readonly choices: readonly string[] }
    /** One or more of them, each once. */
    | { readonly kind: "choices"; readonly default?: readonly string[]; readonly choices: readonly string[] }
    | {
        readonly kind: "integers";
        readonly default?: readonly number[];
        readonly least: number;
        readonly most: number;
      }
    | {
        readonly kind: "text";
        readonly default?: string;
        readonly placeholder: string;
        /** May be repeated: the value is a list. */
        readonly many?: true;
      }
    | { readonly kind: "flag"; readonly default?: boolean }
  );

/** Most numbers in a list, and characters in a text: files may hold any. */
export const mostListed = 64;
export const longestText = 4096;

const table = <const T extends Readonly<Record<string, OptionSpec>>>(specs: T): T => specs;

const training = ["train"] as const;
const trained = ["train", "eval", "compare"] as const;
const batchNormModes = ["transductive", "support", "running", "none"] as const;

const learnersNamed = (...names: readonly LearnerName[]) => ({ text: `--learner ${names.join(", ")}`, names });
const inSteps = {
  text: "learners that adapt in steps",
  names: learnerNames.filter((name) => learnerCatalogue[name].takesSteps),
};
/** Batches of all classes have no ways and shots. */
const onEpisodes = {
  text: "learners that are trained on few-shot tasks",
  names: learnerNames.filter((name) => (learnerCatalogue[name] as LearnerEntry).tasks !== "batches of all classes"),
};
/** SNAIL has widths of its own. */
const reading = {
  text: "model-based learners",
  names: learnerNames.filter((name) => learnerCatalogue[name].family === "model" && name !== "snail"),
};

/** What results tables may show. */
export const figureChoices = ["accuracy", "mse", "nll", "calibration"] as const;
export type FigureChoice = (typeof figureChoices)[number];

/** What defines an experiment: presets, experiment files and config.json give values to these. */
export const experimentOptions = table({
  data: {
    kind: "text",
    placeholder: "NAME|DIR|ZIP|TABLE",
    default: "",
    group: "Task",
    commands: trained,
    help: "data set: a name of `innerloop data list`; a folder or zip archive with one folder of images per class; with --group-column a table for regression, CSV or JSON lines; or curves: sinusoid, harmonics, lines, steps, gaussian-processes",
    onResume: true,
  },
  groupColumn: {
    kind: "text",
    placeholder: "COLUMN",
    default: "",
    group: "Task",
    commands: training,
    help: "of a table for regression: the column that says to which group a row belongs; each group is a task",
  },
  target: {
    kind: "text",
    placeholder: "COLUMN,...",
    default: "",
    group: "Task",
    commands: training,
    help: "of a table for regression: the columns of numbers to predict, separated by commas",
  },
  inputs: {
    kind: "text",
    placeholder: "COLUMN,...",
    default: "",
    group: "Task",
    commands: training,
    help: "of a table for regression: the columns to predict from: numbers, dates, times of day, truth values, or texts of which there are few; all others that are of use unless given",
  },
  missing: {
    kind: "choice",
    choices: ["refuse", "drop", "mean"],
    default: "refuse",
    group: "Tables",
    commands: ["train", "data import"],
    of: { data: ["table"] },
    help: "cells of a table without a value (empty, NA, NaN, null): refuse lists them; drop leaves their rows out; mean, for regression, takes the mean of the training groups for inputs (of categories none) and leaves out rows without a group or target",
  },
  scale: {
    kind: "choice",
    choices: ["columns", "none"],
    default: "columns",
    group: "Task",
    commands: training,
    of: { data: ["classes", "table"] },
    help: "of rows of numbers, as tables have: columns brings each to mean 0 and deviation 1 over the training classes or groups; none leaves them as they are",
  },
  ways: {
    kind: "integer",
    default: 5,
    least: 2,
    most: 1000,
    group: "Task",
    commands: trained,
    of: { data: ["classes"] },
    help: "classes in a task",
  },
  trainWays: {
    kind: "count",
    default: 0,
    least: 2,
    most: 1000,
    group: "Task",
    commands: training,
    of: { data: ["classes"], learners: onEpisodes },
    help: "classes of a training task, where they differ, or 5-20 for another number in each task: more than --ways for learners whose parameters do not depend on them; 0: as --ways",
  },
  shots: {
    kind: "integer",
    default: 1,
    least: 1,
    most: 1000,
    group: "Task",
    commands: trained,
    help: "support examples per class (or per task, for regression)",
  },
  trainShots: {
    kind: "count",
    default: 0,
    least: 1,
    most: 1000,
    group: "Task",
    commands: training,
    of: { learners: onEpisodes },
    help: "support examples while training, where they differ, or 1-10 for another number in each task; 0: as --shots",
  },
  queries: {
    kind: "integer",
    default: 0,
    least: 0,
    most: 1000,
    group: "Task",
    commands: trained,
    help: "query examples per class (or per task); 0: as many as shots",
  },
  split: {
    kind: "choice",
    choices: ["classes", "examples"],
    default: "classes",
    group: "Task",
    commands: training,
    of: { data: ["classes"] },
    help: "what is held out: whole classes, or examples of the same classes under new labels",
  },
  validationClasses: {
    kind: "integer",
    default: 0,
    least: 0,
    most: 1_000_000,
    group: "Task",
    commands: training,
    of: { data: ["classes", "table"], split: "classes" },
    help: "classes, or groups of a table, held out for validation; 0: a tenth, or those that the data set names",
  },
  testClasses: {
    kind: "integer",
    default: 0,
    least: 0,
    most: 1_000_000,
    group: "Task",
    commands: training,
    of: { data: ["classes", "table"], split: "classes" },
    help: "classes, or groups of a table, held out for evaluation; 0: a fifth, or those that the data set names",
  },
  classOrder: {
    kind: "choice",
    choices: ["shuffled", "listed"],
    default: "shuffled",
    group: "Task",
    commands: training,
    of: { data: ["classes"], split: "classes" },
    help: "which classes are held out: of a shuffle that is always the same; or as the data set lists them, the first for training, the next for validation, the last for evaluation",
  },
  rotations: {
    kind: "choice",
    choices: ["yes", "no"],
    default: "no",
    group: "Task",
    commands: training,
    of: { data: ["classes"], split: "classes" },
    help: "turn training classes by 90, 180 and 270 degrees to make new ones",
  },
  augment: {
    kind: "choice",
    choices: ["none", "shift", "photo"],
    default: "none",
    group: "Task",
    commands: training,
    of: { data: ["classes"] },
    help: "random changes of the images of training tasks: shift moves them by up to a tenth of their side; photo mirrors them and changes brightness, contrast and saturation as well",
  },
  imageSize: {
    kind: "integer",
    default: 28,
    least: 8,
    most: 256,
    group: "Images",
    commands: ["train", "data import"],
    of: { data: ["classes"] },
    help: "height and width to which images of a folder are brought",
  },
  channels: {
    kind: "choice",
    choices: ["1", "3"],
    default: "1",
    group: "Images",
    commands: ["train", "data import"],
    of: { data: ["classes"] },
    help: "of images of a folder: 1 grey, 3 colour",
  },
  invert: {
    kind: "choice",
    choices: ["auto", "yes", "no"],
    default: "auto",
    group: "Images",
    commands: ["train", "adapt", "data import"],
    of: { data: ["classes"] },
    help: "turn dark ink on light paper into light on dark; auto: where the border of most grey images is light",
  },
  skipBad: {
    kind: "flag",
    default: false,
    group: "Images",
    commands: ["train", "data import"],
    of: { data: ["classes"] },
    help: "leave out images of a folder that cannot be read, and folders without images, and say which; without it they are errors",
  },

  learner: {
    kind: "choice",
    choices: learnerNames,
    default: "maml",
    group: "Learner",
    commands: training,
    help: `how to learn to learn; FEATURES.md says what each is: ${learnerNames.join(", ")}`,
  },
  distance: {
    kind: "choice",
    choices: ["squaredEuclidean", "euclidean", "cosine"],
    default: "squaredEuclidean",
    group: "Learner",
    commands: training,
    of: { learners: learnersNamed("prototypical") },
    help: "of embeddings",
  },
  temperature: {
    kind: "choice",
    choices: ["1", "learned"],
    default: "1",
    group: "Learner",
    commands: training,
    of: { learners: learnersNamed("prototypical", "matching", "matching-fce") },
    help: "what distances or similarities are divided by",
  },
  proximal: {
    kind: "number",
    default: 2,
    least: 0,
    above: true,
    most: 1e6,
    group: "Learner",
    commands: training,
    of: { learners: learnersNamed("imaml") },
    help: "pull towards the meta-parameters in the inner loop, lambda",
  },
  units: {
    kind: "integer",
    default: 64,
    least: 4,
    most: 4096,
    group: "Learner",
    commands: training,
    of: { learners: reading },
    help: "width of the networks that read the support set; a multiple of 4",
  },
  contextSize: {
    kind: "integer",
    default: 5,
    least: 1,
    most: 4096,
    group: "Learner",
    commands: training,
    of: { learners: learnersNamed("cavia") },
    help: "numbers of the context vector",
  },
  unlabelled: {
    kind: "integer",
    default: 5,
    least: 1,
    most: 1000,
    group: "Task",
    commands: trained,
    of: { learners: learnersNamed("semi-supervised") },
    help: "unlabelled support examples per class",
  },
  batch: {
    kind: "integer",
    default: 128,
    least: 1,
    most: 65536,
    group: "Training",
    commands: training,
    of: { learners: learnersNamed("simple-shot") },
    help: "images of an update, where training tasks are batches of all classes",
  },
  innerOptimizer: {
    kind: "choice",
    choices: ["sgd", "momentum", "adam", "rmsprop"],
    default: "sgd",
    group: "Learner",
    commands: training,
    of: { learners: inSteps },
    help: "optimizer of the adaptation; adam has beta1 = 0, as in Reptile",
  },
  innerRate: {
    kind: "number",
    default: 0.01,
    least: 0,
    above: true,
    most: 100,
    group: "Learner",
    commands: training,
    of: { learners: inSteps },
    help: "its learning rate",
  },
  steps: {
    kind: "integer",
    default: 1,
    least: 1,
    most: 100,
    group: "Learner",
    commands: training,
    of: { learners: inSteps },
    help: "adaptation steps while training",
  },

  model: {
    kind: "choice",
    choices: ["conv", "mlp", "linear"],
    default: "conv",
    group: "Model",
    commands: training,
    help: "convolutional, fully connected or linear",
  },
  filters: {
    kind: "integer",
    default: 64,
    least: 1,
    most: 1024,
    group: "Model",
    commands: training,
    of: { data: ["classes"], models: ["conv"] },
    help: "channels of each block of the convolutional model",
  },
  blocks: {
    kind: "integer",
    default: 4,
    least: 1,
    most: 8,
    group: "Model",
    commands: training,
    of: { data: ["classes"], models: ["conv"] },
    help: "blocks of the convolutional model",
  },
  downsampling: {
    kind: "choice",
    choices: ["stride", "pool"],
    default: "stride",
    group: "Model",
    commands: training,
    of: { data: ["classes"], models: ["conv"] },
    help: "how a block halves the image",
  },
  hidden: {
    kind: "integers",
    default: [256, 128, 64, 64],
    least: 1,
    most: 65536,
    group: "Model",
    commands: training,
    of: { models: ["mlp"] },
    help: "units of the hidden layers of the fully connected model",
  },
  init: {
    kind: "choice",
    choices: ["glorot", "he", "small"],
    default: "glorot",
    group: "Model",
    commands: training,
    of: { models: ["mlp"] },
    help: "first weights of the fully connected model: Glorot's uniform, He's normal, or truncated normal of deviation 0.01",
  },
  batchNorm: {
    kind: "choice",
    choices: batchNormModes,
    default: "transductive",
    group: "Model",
    commands: ["train", "adapt"],
    of: { models: ["conv", "mlp"] },
    help: "where normalisation takes its statistics: all examples at hand, as published; the support set; averages over training; none for the fully connected model without it",
  },

  metaBatch: {
    kind: "integer",
    default: 16,
    least: 1,
    most: 10_000,
    group: "Training",
    commands: training,
    help: "tasks per update",
  },
  iterations: {
    kind: "integer",
    default: 1000,
    least: 1,
    most: 1_000_000_000,
    group: "Training",
    commands: ["train", "start"],
    help: "updates",
    onResume: true,
  },
  outerOptimizer: {
    kind: "choice",
    choices: ["adam", "adamw", "sgd", "rmsprop"],
    default: "adam",
    group: "Training",
    commands: training,
    help: "optimizer of the updates",
  },
  outerRate: {
    kind: "number",
    default: 0.001,
    least: 0,
    above: true,
    most: 100,
    group: "Training",
    commands: training,
    help: "its learning rate",
  },
  schedule: {
    kind: "choice",
    choices: ["constant", "cosine", "linear"],
    default: "constant",
    group: "Training",
    commands: training,
    help: "how that rate falls over the run: not, or to 0 along a half cosine or a line",
  },
  clip: {
    kind: "number",
    default: 0,
    least: 0,
    most: 1e12,
    group: "Training",
    commands: training,
    help: "longest meta-gradient (Euclidean norm); 0: any",
  },
  seed: {
    kind: "integer",
    default: 0,
    least: 0,
    most: Number.MAX_SAFE_INTEGER,
    group: "Training",
    commands: ["train", "eval", "compare", "start"],
    help: "everything random follows from it",
  },
  checkpointEvery: {
    kind: "integer",
    default: 200,
    least: 1,
    most: 1_000_000_000,
    group: "Training",
    commands: training,
    help: "updates between checkpoints",
    onResume: true,
  },
  validateEvery: {
    kind: "integer",
    default: 500,
    least: 0,
    most: 1_000_000_000,
    group: "Training",
    commands: training,
    help: "updates between validations; 0: none",
  },
  validationTasks: {
    kind: "integer",
    default: 100,
    least: 2,
    most: 1_000_000,
    group: "Training",
    commands: training,
    help: "tasks of a validation",
  },
  patience: {
    kind: "integer",
    default: 0,
    least: 0,
    most: 1_000_000_000,
    group: "Training",
    commands: training,
    help: "validations without a better one after which to stop; 0: never stop early",
  },
  device: {
    kind: "choice",
    choices: devices,
    default: "cpu",
    group: "Training",
    commands: ["train", "eval", "compare", "reproduce", "adapt", "start"],
    help: "what computes: the processor, a GPU through WebGPU, or a GPU of NVIDIA through CUDA",
    onResume: true,
  },
  workers: {
    kind: "integer",
    default: 0,
    least: 0,
    most: 256,
    group: "Training",
    commands: ["train", "eval", "compare", "reproduce", "adapt", "start"],
    help: "threads; 0: one per core",
  },
  memory: {
    kind: "integer",
    default: 0,
    least: 0,
    most: 2 ** 30,
    group: "Training",
    commands: ["train", "reproduce", "start"],
    help: "MiB that the process may take: it decides on the chunk, on recomputation and on the workers; 0: nine tenths of what is free",
  },
  chunk: {
    kind: "integer",
    default: 0,
    least: 0,
    most: 10_000,
    group: "Training",
    commands: training,
    help: "tasks that run at once on a worker; 0: worked out from their memory",
  },
  recompute: {
    kind: "choice",
    choices: ["auto", "yes", "no"],
    default: "auto",
    group: "Training",
    commands: training,
    help: "compute inner steps again for the meta-gradient instead of keeping them: the memory of one step for that of all, in about a fifth more time; auto: where the memory would not do",
  },

  evalTasks: {
    kind: "integer",
    default: 600,
    least: 2,
    most: 1_000_000,
    group: "Evaluation",
    commands: trained,
    help: "held-out tasks",
    onResume: true,
  },
  evalSteps: {
    kind: "integers",
    default: [0, 1, 5, 10],
    least: 0,
    most: 1000,
    group: "Evaluation",
    commands: trained,
    help: "adaptation steps to report",
    onResume: true,
  },
});

export type ExperimentOptionName = keyof typeof experimentOptions;

/** What else can be asked of a command. */
export const invocationOptions = table({
  run: {
    kind: "text",
    placeholder: "DIR",
    group: "Run",
    commands: ["train", "start"],
    help: "run folder; runs/NAME-DATE by default",
  },
  resume: {
    kind: "text",
    placeholder: "RUN",
    group: "Run",
    commands: ["train"],
    help: "continue a run: the result is that of one that was never stopped; an experiment file that has changed or moved since is named again beside it, and so is, with --data, a data set that has moved",
    onResume: true,
  },
  budget: {
    kind: "number",
    least: 0,
    above: true,
    most: 1_000_000,
    group: "Run",
    commands: ["reproduce"],
    help: "minutes for what is missing: rows that have not begun share the time in proportion to their full cost, with fewer updates and the schedule fitted to them; where it is too short for all, the last rows of the table go without",
  },
  rows: {
    kind: "text",
    placeholder: "NAME,...",
    group: "Run",
    commands: ["reproduce"],
    help: "rows of the table; all of them by default",
  },
  folder: {
    kind: "text",
    placeholder: "DIR",
    group: "Run",
    commands: ["reproduce"],
    help: "where the run folders are, as DIR/TABLE/ROW; runs/reproduce by default",
  },
  dryRun: { kind: "flag", group: "Run", commands: ["reproduce"], help: "show what would run, with the commands" },
  report: {
    kind: "text",
    placeholder: "DIR",
    group: "Output",
    commands: ["reproduce"],
    help: "train nothing: put what the run folders hold into DIR/results.json, and write DIR/results.md and results-runs.md from it",
  },
  skipEvaluation: {
    kind: "flag",
    group: "Evaluation",
    commands: ["train"],
    help: "do not evaluate after training",
    onResume: true,
  },
  checkpoint: {
    kind: "choice",
    choices: ["best", "last"],
    group: "Run",
    commands: ["eval", "compare", "adapt"],
    help: "which parameters; the best of the validations unless given, where there were any",
  },
  batchNorm: {
    kind: "choices",
    choices: batchNormModes,
    group: "Model",
    commands: ["eval"],
    help: "where normalisation takes its statistics; with several, each has a row of its own",
  },
  with: {
    kind: "text",
    many: true,
    placeholder: "RUN",
    group: "Evaluation",
    commands: ["eval"],
    help: "other runs whose learners are further rows of the table, on the same tasks: one of --learner joint, for example",
  },
  figures: {
    kind: "choices",
    choices: figureChoices,
    group: "Evaluation",
    commands: ["eval", "compare"],
    help: "what to show, a table each: accuracy, mean squared error, negative log-likelihood, calibration error; results.json has all",
  },
  markdown: { kind: "flag", group: "Output", commands: ["compare"], help: "print the tables as Markdown" },
  skipBaselines: {
    kind: "flag",
    group: "Evaluation",
    commands: ["train", "eval", "start"],
    help: "leave out the baselines",
    onResume: true,
  },
  openSet: {
    kind: "flag",
    group: "Evaluation",
    commands: ["eval"],
    help: "ask for classes that the support set does not have as well: how often are they told from its own? The threshold is chosen on the validation classes and kept in the run, for adapt --reject",
  },
  unknownQueries: {
    kind: "integer",
    least: 1,
    most: 1000,
    group: "Evaluation",
    commands: ["eval"],
    help: "with --open-set: queries of each unknown class, of which there are as many as ways; as --queries unless given",
  },
  openSetScore: {
    kind: "choice",
    choices: ["logit", "probability", "energy"],
    group: "Evaluation",
    commands: ["eval"],
    help: "with --open-set: what is larger for known queries; the largest logit unless given, the largest probability, or the log-sum-exp of the logits",
  },
  acceptance: {
    kind: "number",
    least: 0,
    most: 1,
    group: "Evaluation",
    commands: ["eval"],
    help: "with --open-set: share of known queries that the threshold accepts on the validation classes, 0.95 unless given; 0: where accepting and rejecting are best together",
  },
  reject: {
    kind: "flag",
    group: "Images",
    commands: ["adapt"],
    help: "say where an image is of none of the classes, by the threshold that eval --open-set has chosen",
  },
  support: {
    kind: "text",
    placeholder: "DIR",
    group: "Images",
    commands: ["adapt"],
    help: "labelled examples: one folder of images per class",
  },
  query: {
    kind: "text",
    many: true,
    placeholder: "FILE",
    group: "Images",
    commands: ["adapt"],
    help: "images to classify; further files may follow, and folders stand for their images",
  },
  steps: {
    kind: "integer",
    least: 0,
    most: 1000,
    group: "Learner",
    commands: ["adapt"],
    help: "adaptation steps; by default those that were best on the validation tasks, which training and eval choose",
  },
  labelColumn: {
    kind: "text",
    placeholder: "NAME",
    group: "Tables",
    commands: ["data import"],
    help: "the column of a table (CSV, TSV, JSON lines) that says which class a row belongs to",
  },
  featureColumns: {
    kind: "text",
    placeholder: "NAME,...",
    group: "Tables",
    commands: ["data import"],
    help: "the columns of numbers that make an example; all others that hold numbers unless given",
  },
  header: {
    kind: "choice",
    choices: ["yes", "no"],
    default: "yes",
    group: "Tables",
    commands: ["data import"],
    help: "whether the first line of a CSV names the columns; no: they are called 1, 2, 3, ...",
  },
  channelsFirst: {
    kind: "flag",
    group: "Tables",
    commands: ["data import"],
    help: "images in arrays (.npy, .npz) are [channels, height, width], and are turned to [height, width, channels]",
  },
  quiet: {
    kind: "flag",
    short: "q",
    group: "Output",
    commands: commandNames,
    help: "print results and errors only",
    onResume: true,
  },
  json: {
    kind: "flag",
    group: "Output",
    commands: commandNames,
    help: "print events and results as JSON lines",
    onResume: true,
  },
});

export type InvocationOptionName = keyof typeof invocationOptions;

type Narrow<T> = T extends readonly (infer E)[] ? E : never;

/** The type of an option's value. */
export type OptionValue<S extends OptionSpec> = S extends { readonly kind: "integer" | "number" }
  ? number
  : S extends { readonly kind: "count" }
    ? Count
    : S extends { readonly kind: "choice"; readonly choices: infer C }
      ? Narrow<C>
      : S extends { readonly kind: "choices"; readonly choices: infer C }
        ? readonly Narrow<C>[]
        : S extends { readonly kind: "integers" }
          ? readonly number[]
          : S extends { readonly kind: "flag" }
            ? boolean
            : S extends { readonly many: true }
              ? readonly string[]
              : string;

/** A value for every option of an experiment. */
export type ExperimentOptions = { readonly [K in ExperimentOptionName]: OptionValue<(typeof experimentOptions)[K]> };

export type InvocationOptions = { readonly [K in InvocationOptionName]?: OptionValue<(typeof invocationOptions)[K]> };

/** The options of an experiment as they are where nothing else is said. */
export function defaultExperimentOptions(): ExperimentOptions {
  return Object.fromEntries(
    Object.entries(experimentOptions).map(([name, spec]) => [name, spec.default]),
  ) as unknown as ExperimentOptions;
}

/** `innerRate` as it is written on the command line: `--inner-rate`. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The options of one command, by name. Where two tables have a name, it is the one that the command takes. */
export function optionsOf(command: CommandName): [name: string, spec: OptionSpec][] {
  const all: [string, OptionSpec][] = [...Object.entries(experimentOptions), ...Object.entries(invocationOptions)];
  const taken = all.filter(([, spec]) => spec.commands.includes(command));
  return optionGroups.flatMap((group) => taken.filter(([, spec]) => spec.group === group));
}

/** `for --model conv`: what an option is for, in words; empty where it is for all. */
export function useText({ of }: OptionSpec): string {
  const parts = [
    of?.learners?.text,
    of?.models && `--model ${of.models.join(" or ")}`,
    // Models of images are for nothing but classes.
    of?.models ? undefined : of?.data?.map((kind) => dataKindTexts[kind]).join(" or "),
    of?.split && `--split ${of.split}`,
  ].filter((part) => part !== undefined);
  return parts.length > 0 ? `for ${parts.join(" with ")}` : "";
}
