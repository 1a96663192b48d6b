/** What people who come from other tools call an option, and what it is here. */

const updates = "--iterations, the number of updates: tasks are drawn anew, and there are no epochs";
const outerRate = "--outer-rate, the learning rate of the updates";
const innerRate = "--inner-rate, the learning rate of the adaptation";
const rates = "--outer-rate for the updates, and --inner-rate for the adaptation";
const metaBatch = "--meta-batch, tasks per update";
const adaptationSteps = "--steps, adaptation steps while training, and --eval-steps, those to report";
const device = "--device cuda, or --device webgpu for other GPUs";
const folder = "--run, the folder of the run";
const resume = "--resume, the run folder to go on with";
const workers = "--workers, threads";

/** Names without their dashes in front, in small letters, joined by dashes. */
export const foreignOptions: Readonly<Record<string, string>> = {
  epoch: updates,
  epochs: updates,
  "num-epochs": updates,
  "max-epochs": updates,
  "n-epochs": updates,
  "max-iter": updates,
  "max-steps": updates,
  "num-iterations": updates,
  lr: rates,
  "learning-rate": rates,
  "meta-lr": outerRate,
  "outer-lr": outerRate,
  "outer-step-size": outerRate,
  "meta-learning-rate": outerRate,
  "inner-lr": innerRate,
  "fast-lr": innerRate,
  "update-lr": innerRate,
  "adapt-lr": innerRate,
  "step-size": innerRate,
  "inner-learning-rate": innerRate,
  "batch-size": metaBatch,
  "meta-batch-size": metaBatch,
  "task-batch-size": metaBatch,
  "tasks-per-batch": metaBatch,
  "num-steps": adaptationSteps,
  "inner-steps": adaptationSteps,
  "num-inner-steps": adaptationSteps,
  "adaptation-steps": adaptationSteps,
  "adapt-steps": adaptationSteps,
  "update-steps": adaptationSteps,
  shot: "--shots, support examples per class",
  "num-shots": "--shots, support examples per class",
  "n-shot": "--shots, support examples per class",
  "k-shot": "--shots, support examples per class",
  "k-spt": "--shots, support examples per class",
  way: "--ways, classes in a task",
  "num-ways": "--ways, classes in a task",
  "n-way": "--ways, classes in a task",
  "num-classes": "--ways, classes in a task",
  "num-queries": "--queries, query examples per class",
  "n-query": "--queries, query examples per class",
  "k-qry": "--queries, query examples per class",
  gpu: device,
  gpus: device,
  cuda: device,
  "use-cuda": device,
  out: folder,
  output: folder,
  "out-dir": folder,
  "output-dir": folder,
  "save-dir": folder,
  "save-path": folder,
  "log-dir": folder,
  logdir: folder,
  "exp-name": folder,
  load: resume,
  "resume-from": resume,
  "load-path": resume,
  jobs: workers,
  threads: workers,
  "num-threads": workers,
  "num-workers": workers,
  dataset: "--data, a data set's name, a folder or a file",
  "data-dir": "--data, a data set's name, a folder or a file",
  "data-path": "--data, a data set's name, a folder or a file",
  algo: "--learner, how to learn to learn",
  algorithm: "--learner, how to learn to learn",
  method: "--learner, how to learn to learn",
  "first-order": "--learner fomaml",
  arch: "--model, and --filters or --hidden for its size",
  network: "--model, and --filters or --hidden for its size",
  "hidden-size": "--hidden, units of the hidden layers",
  optimizer: "--outer-optimizer for the updates, and --inner-optimizer for the adaptation",
  optim: "--outer-optimizer for the updates, and --inner-optimizer for the adaptation",
  "weight-decay": "--outer-optimizer adamw, whose weight decay is 0.01",
  "grad-clip": "--clip, the longest meta-gradient",
  "clip-grad": "--clip, the longest meta-gradient",
  "early-stopping": "--patience, validations without a better one after which to stop",
  "eval-every": "--validate-every, updates between validations",
  "val-every": "--validate-every, updates between validations",
  "val-interval": "--validate-every, updates between validations",
  "save-every": "--checkpoint-every, updates between checkpoints",
  "random-seed": "--seed",
  "num-tasks": "--eval-tasks, held-out tasks",
  "eval-episodes": "--eval-tasks, held-out tasks",
};

/** What an option of other tools is here; undefined for any other word. */
export function ownOptionFor(flag: string): string | undefined {
  const name = flag.replace(/^-+/, "").split("=")[0]!.replaceAll("_", "-").toLowerCase();
  return Object.hasOwn(foreignOptions, name) ? foreignOptions[name] : undefined;
}
