/** A learner that comes trained: what is told of it, and where its files are. */

/** Data that a learner was trained on. */
export interface TrainingData {
  readonly name: string;
  /** Who made it, and when. */
  readonly by: string;
  /** Its license, by its name. */
  readonly license: string;
}

/** A figure of held-out tasks with its 95% interval over them. */
export interface ModelFigure {
  /** The protocol in a sentence, figure included: ways, shots, what was held out. */
  readonly protocol: string;
  /** The figure: "accuracy". */
  readonly title: string;
  readonly mean: number;
  /** Half of the 95% interval. */
  readonly interval: number;
  readonly tasks: number;
  /** Adaptation steps; 0 of learners that take none. */
  readonly steps: number;
}

/** Files of an exported folder, by their names, with their addresses beside this package's modules. */
export type ModelFiles = Readonly<Record<string, () => URL>>;

/** A learner that comes trained, in the form of `innerloop export`. */
export interface IncludedModel {
  /** By which it is loaded: `load("innerloop:NAME")`. */
  readonly name: string;
  /** What it learns, in a few words. */
  readonly title: string;
  /** What it takes and answers, and for what it is made. */
  readonly description: string;
  /** The learner's name and size. */
  readonly learner: string;
  /** The license of its files. */
  readonly license: string;
  readonly data: readonly TrainingData[];
  readonly figures: readonly ModelFigure[];
  /** Size of all files together. */
  readonly bytes: number;
  /** Addresses are made when they are asked for: where a module has none, importing it is no error. */
  readonly files: ModelFiles;
}
