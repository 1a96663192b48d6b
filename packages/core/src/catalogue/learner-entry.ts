/** The form of a learner in the catalogue: what it is for, its options, and how it is made. */
import { sizeOf } from "@innerloop/graph";
import type { LinearClassifier } from "../learners/closed-form/learned-prior-heads.js";
import type { ColumnRange } from "../learners/gradient/mamo.js";
import type { Learner } from "../learners/learner.js";
import type { ModelBasedOptions } from "../learners/model-based/model-based-learner.js";
import type { Loss } from "../losses/losses.js";
import { adam, type Optimizer, rmsProp, sgd } from "../optimizers/index.js";
import { type OptionGroup, type OptionValues, optionGroup } from "../options/option.js";
import type { NetworkSetting, Networks } from "./network-forms.js";

/**
 * Kinds of tasks that a learner may be for; "tagging" is that of sequences, of which each word has a class, "policy" that of
 * environments, in which a learner acts, "detection" that of pictures with objects to be found.
 */
export type TaskKind = "regression" | "classification" | "tagging" | "policy" | "detection";

/**
 * The way a method learns to learn: by gradient steps, by comparing embeddings, by a network that reads the support
 * set; or not at all.
 */
export type LearnerFamily = "gradient" | "metric" | "model" | "baseline";

/** The setting that a learner of the catalogue is made for. Each takes what it has use for. */
export interface LearnerSetting extends NetworkSetting {
  readonly kind: TaskKind;
  readonly networks: Networks;
  readonly loss: Loss;
  /** Updates of the training, for learners that change over it. */
  readonly iterations: number;
  /** Support rows of a task, at most, for networks that read them one after another. */
  readonly supportRows: number;
  /** Classes of the training data, for learners that tell all of them apart. */
  readonly trainClasses: number;
  /**
   * A classifier of inputs as they are, fitted to the examples of all training tasks together, where labels mean the same in
   * all: what learners that keep what training knows begin with.
   */
  readonly source?: LinearClassifier;
  /** The columns of inputs that say whom a task is about, the same in all of its rows, where something is known of them. */
  readonly profile?: readonly ColumnRange[];
  /** The columns of ids that have the words of one attribute of items, an attribute each, where inputs have such. */
  readonly paths?: readonly ColumnRange[];
  /** Of support sets that are gathered step by step, by the learner as it is then. */
  readonly gathered?: GatheredSteps;
}

/** Support sets of which each inner step has rows of its own. */
export interface GatheredSteps {
  /** Rows of a step: episodes. */
  readonly rowsPerStep: number;
  /** The share that steps beyond those of training have of their length. */
  readonly laterShare: number;
}

/** Tasks that a learner is trained on: episodes; these with unlabelled support examples; batches of all classes; or trials. */
export type TrainingTasks =
  | { readonly kind: "episodes" }
  | { readonly kind: "episodes with unlabelled examples" /** Of each class. */; readonly unlabelled: number }
  | { readonly kind: "batches of all classes" /** Examples of a batch. */; readonly batch: number }
  /** Of environments: all episodes of a trial one after another, for learners that keep a memory over them. */
  | { readonly kind: "trials" };

/** A learner of the catalogue. */
export interface LearnerEntry<O extends OptionGroup = OptionGroup> {
  readonly family: LearnerFamily;
  /** One line: what is learned, and how a task is adapted to. */
  readonly summary: string;
  /** Authors and year. */
  readonly source: string;
  readonly kinds: readonly TaskKind[];
  /** Whether the parameters do not depend on the number of classes: it may be evaluated with more ways than it was trained with. */
  readonly variableWays: boolean;
  /** Whether a task is adapted to in steps, of which there may be more or fewer. */
  readonly takesSteps: boolean;
  /** Its hyperparameters. */
  readonly options: O;
  /** Whether it has a network of its own for tasks of a kind, beside which the one of the options has no use. */
  readonly ownNetwork?: readonly TaskKind[];
  /** Tasks that it is trained on, of a kind; episodes unless given. */
  tasks?(options: OptionValues<O>, kind: TaskKind): TrainingTasks;
  /** The part of the setting that it cannot do without: what is known of users, or words that items share. */
  readonly needs?: "profile" | "paths";
  /** Whether its network needs layers below the last one, which a linear one has not. */
  readonly needsBody?: true;
  /** The part of its parameters that embeds one example by itself; the networks' embedding unless given, null for none. */
  embedding?(networks: Networks): ReturnType<Networks["embedding"]> | null;
  /** Further rows of its results: what was trained, put to other uses. */
  readonly fineTunes?: true;
  /** The learner; its task kind has been checked. */
  build(setting: LearnerSetting, options: OptionValues<O>): Learner;
}

/** @internal An entry with the types of its options. */
export const entry = <const O extends OptionGroup>(record: LearnerEntry<O>): LearnerEntry<O> => record;

/** @internal Kinds of tasks that entries name. */
export const both = ["regression", "classification"] as const;
/** @internal */
export const numbers = ["regression"] as const;
/** @internal */
export const classes = ["classification"] as const;
/** @internal */
export const tagging = ["tagging"] as const;
/** @internal */
export const detecting = ["detection"] as const;
/** @internal Kinds of learners that take any model with any loss. */
export const anyModel = ["regression", "classification", "tagging", "policy", "detection"] as const;

/** Options of learners for sets that are gathered step by step; none for others. */
export const inGatheredSteps = ({
  gathered,
}: Pick<LearnerSetting, "gathered">): {
  readonly minibatch?: { readonly size: number };
  readonly laterShare?: number;
} =>
  gathered
    ? {
        minibatch: { size: gathered.rowsPerStep },
        ...(gathered.laterShare === 1 ? {} : { laterShare: gathered.laterShare }),
      }
    : {};

const inSteps = "learners that adapt in steps";

/** The options of learners that adapt in steps. */
export const stepOptions = optionGroup({
  innerOptimizer: {
    kind: "choice",
    choices: ["sgd", "momentum", "adam", "rmsprop"],
    default: "sgd",
    help: "optimizer of the adaptation; adam has beta1 = 0, as in Reptile",
    of: inSteps,
  },
  innerRate: {
    kind: "number",
    default: 0.01,
    least: 0,
    above: true,
    most: 100,
    help: "its learning rate",
    of: inSteps,
  },
  steps: { kind: "integer", default: 1, least: 1, most: 100, help: "adaptation steps while training", of: inSteps },
  validateSteps: {
    kind: "integer",
    absent: "as many as while training",
    least: 0,
    most: 100,
    help: "adaptation steps after which validation judges, by which the best parameters are chosen",
    of: inSteps,
  },
});

const innerOptimizers = {
  sgd: (learningRate) => sgd({ learningRate }),
  momentum: (learningRate) => sgd({ learningRate, momentum: 0.9 }),
  adam: (learningRate) => adam({ learningRate, beta1: 0 }),
  rmsprop: (learningRate) => rmsProp({ learningRate }),
} as const satisfies Readonly<Record<string, (learningRate: number) => Optimizer>>;

/** The inner optimizer that the options of a learner ask for. */
export const innerOptimizerOf = ({
  innerOptimizer,
  innerRate,
}: Pick<OptionValues<typeof stepOptions>, "innerOptimizer" | "innerRate">): Optimizer =>
  innerOptimizers[innerOptimizer](innerRate);

/** @internal A hyperparameter of networks that read the support set. */
export const unitsOption = optionGroup({
  units: {
    kind: "integer",
    default: 64,
    least: 4,
    most: 4096,
    help: "width of the networks that read the support set; a multiple of 4",
    of: "model-based learners",
  },
});

/**
 * @internal Options of the model-based learners: a regression network reads inputs as they are, a classifier an
 * embedding of them.
 */
export const readingOptions = ({ kind, inputShape, outputs, networks, loss }: LearnerSetting): ModelBasedOptions =>
  kind === "regression"
    ? { features: sizeOf(inputShape), outputs, loss }
    : { model: networks.embedding(), ways: outputs };
