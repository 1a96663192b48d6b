/** The options that every training and evaluation has, whatever is learned. */
import { type OptionValues, optionGroup } from "@innerloop/core/learners";

/** Devices that models can run on: the processor, any GPU through WebGPU, a GPU of NVIDIA through CUDA. */
export const devices = ["cpu", "webgpu", "cuda"] as const;
/** Names of devices that models run on. */
export type Device = (typeof devices)[number];

/** Engines that run programs on the processor: onnxruntime, or machine code that a C compiler made; auto: the latter where there is one. */
export const engines = ["onnxruntime", "native", "auto"] as const;
/** Names of engines. */
export type Engine = (typeof engines)[number];

/** The word by which `bestBy` asks for the figure that leads, whichever it is. */
export const leadingWord = "leading";

/** The options of training, whatever is learned. */
export const trainingOptions = optionGroup({
  metaBatch: { kind: "integer", default: 16, least: 1, most: 10_000, help: "tasks per update" },
  iterations: { kind: "integer", default: 1000, least: 1, most: 1_000_000_000, help: "updates", onResume: true },
  outerOptimizer: {
    kind: "choice",
    choices: ["adam", "adamw", "sgd", "rmsprop"],
    default: "adam",
    help: "optimizer of the updates",
  },
  outerRate: { kind: "number", default: 0.001, least: 0, above: true, most: 100, help: "its learning rate" },
  schedule: {
    kind: "choice",
    choices: ["constant", "cosine", "linear"],
    default: "constant",
    help: "how that rate falls over the run: not, or to 0 along a half cosine or a line",
  },
  clip: {
    kind: "number",
    absent: "any length",
    least: 0,
    above: true,
    most: 1e12,
    help: "longest meta-gradient (Euclidean norm)",
  },
  seed: {
    kind: "integer",
    default: 0,
    least: 0,
    most: Number.MAX_SAFE_INTEGER,
    help: "everything random follows from it",
    inEvaluation: true,
  },
  checkpointEvery: {
    kind: "integer",
    default: 200,
    least: 1,
    most: 1_000_000_000,
    help: "updates between checkpoints",
    onResume: true,
  },
  validateEvery: {
    kind: "integer",
    default: 500,
    least: 0,
    most: 1_000_000_000,
    help: "updates between validations; 0: none",
  },
  validateStart: {
    kind: "flag",
    default: false,
    help: "judge the first parameters by the validation tasks too: where training makes nothing better of them, they stay the best",
  },
  validationTasks: { kind: "integer", default: 100, least: 2, most: 1_000_000, help: "tasks of a validation" },
  bestBy: {
    kind: "text",
    placeholder: "FIGURE",
    absent: "the loss",
    help: "the figure of validation by which the best parameters are chosen, and patience counts, by its name or title as in results.json, or leading for the one that leads tables; the loss unless given",
  },
  patience: {
    kind: "integer",
    absent: "never stopping early",
    least: 1,
    most: 1_000_000_000,
    help: "validations without a better one after which to stop",
  },
  device: {
    kind: "choice",
    choices: devices,
    default: "cpu",
    help: "what computes: the processor, a GPU through WebGPU, or a GPU of NVIDIA through CUDA",
    onResume: true,
    inEvaluation: true,
    ofMachine: true,
  },
  engine: {
    kind: "choice",
    choices: engines,
    default: "auto",
    help: "what runs programs on the processor: onnxruntime; native: as machine code of this machine's C compiler, which takes seconds to make and is kept; auto: native for trainings of half a minute or more where there is a compiler, else onnxruntime, as is the evaluation after a training",
    onResume: true,
    inEvaluation: true,
    ofMachine: true,
  },
  workers: {
    kind: "integer",
    absent: "one per core",
    least: 1,
    most: 256,
    help: "threads",
    inEvaluation: true,
    ofMachine: true,
  },
  memory: {
    kind: "integer",
    absent: "nine tenths of what is free",
    least: 1,
    most: 2 ** 30,
    help: "MiB that the process may take: it decides on the chunk, on recomputation and on the workers",
  },
  chunk: {
    kind: "integer",
    absent: "what their memory allows",
    least: 1,
    most: 10_000,
    help: "tasks that run at once on a worker",
  },
  recompute: {
    kind: "choice",
    choices: ["auto", "yes", "no"],
    default: "auto",
    help: "compute inner steps again for the meta-gradient instead of keeping them: the memory of one step for that of all, in about a fifth more time; auto: where the memory would not do",
  },
});

/** Values of `trainingOptions`. */
export type TrainingValues = OptionValues<typeof trainingOptions>;

/** The options of evaluation, whatever was learned. */
export const evaluationOptions = optionGroup({
  evalTasks: {
    kind: "integer",
    default: 600,
    least: 2,
    most: 1_000_000,
    help: "held-out tasks",
    onResume: true,
    inEvaluation: true,
  },
  evalSteps: {
    kind: "integers",
    default: [0, 1, 5, 10],
    least: 0,
    most: 1000,
    help: "adaptation steps to report",
    onResume: true,
    inEvaluation: true,
  },
  scratchRate: {
    kind: "number",
    absent: "the learner's own, or 0.01 where it takes no steps",
    least: 0,
    above: true,
    most: 100,
    help: "learning rate of networks from scratch, which stand beside the learner",
    onResume: true,
    inEvaluation: true,
  },
});

/** Values of `evaluationOptions`. */
export type EvaluationValues = OptionValues<typeof evaluationOptions>;
