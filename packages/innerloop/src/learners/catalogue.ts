/** All learners by the name that the command line and FEATURES.md know them by: what each is for, and how to make it. */
import { GraphError, input, sizeOf } from "@innerloop/graph";
import type { Layer } from "../layers/layer.js";
import type { Loss } from "../losses.js";
import type { Optimizer } from "../optimizers.js";
import { jointTraining } from "./baselines.js";
import type { Learner } from "./learner.js";
import { anil, boil, fomaml, maml, metaSgd } from "./maml.js";
import { type PrototypeDistance, prototypicalNetwork } from "./prototypical.js";
import { reptile } from "./reptile.js";

export type TaskKind = "regression" | "classification";

/** How a method learns to learn: by gradient steps, by comparing embeddings, by a network that reads the support set; or not at all. */
export type LearnerFamily = "gradient" | "metric" | "model" | "baseline";

/** What a learner of the catalogue is made of. Each takes what it has use for. */
export interface LearnerSetting {
  readonly kind: TaskKind;
  /** Shape of one input. */
  readonly inputShape: readonly number[];
  /** Classes of a task, at most; for regression the numbers of one target. */
  readonly outputs: number;
  /** The whole model: [n, ...inputShape] -> [n, outputs]. */
  readonly model: Layer;
  /** The model without its head: [n, ...inputShape] -> [n, features], or maps that are flattened. */
  readonly embedding: Layer;
  readonly loss: Loss;
  /** Inner steps in training. */
  readonly steps: number;
  readonly inner: Optimizer;
  /** Its rate, for learners that make a rule of their own of it. */
  readonly innerRate: number;
  readonly distance: PrototypeDistance;
}

export interface LearnerEntry {
  readonly family: LearnerFamily;
  /** One line: what is learned, and how a task is adapted to. */
  readonly summary: string;
  /** Authors and year. */
  readonly source: string;
  readonly kinds: readonly TaskKind[];
  /** Whether the parameters do not depend on the number of classes: it may be evaluated with more ways than it was trained with. */
  readonly variableWays: boolean;
  /** The learner; its task kind has been checked. */
  readonly build: (setting: LearnerSetting) => Learner;
}

const both: readonly TaskKind[] = ["regression", "classification"];

export const learnerCatalogue = {
  maml: {
    family: "gradient",
    summary: "parameters from which a few gradient steps do well, differentiated through the steps",
    source: "Finn, Abbeel & Levine 2017",
    kinds: both,
    variableWays: false,
    build: maml,
  },
  fomaml: {
    family: "gradient",
    summary: "MAML with the inner gradients held constant",
    source: "Finn, Abbeel & Levine 2017",
    kinds: both,
    variableWays: false,
    build: fomaml,
  },
  reptile: {
    family: "gradient",
    summary: "parameters moved towards those that training on each task arrives at",
    source: "Nichol, Achiam & Schulman 2018",
    kinds: both,
    variableWays: false,
    build: reptile,
  },
  anil: {
    family: "gradient",
    summary: "MAML where only the head adapts",
    source: "Raghu et al. 2020",
    kinds: both,
    variableWays: false,
    build: anil,
  },
  boil: {
    family: "gradient",
    summary: "MAML where only the body adapts",
    source: "Oh et al. 2021",
    kinds: both,
    variableWays: false,
    build: boil,
  },
  "meta-sgd": {
    family: "gradient",
    summary: "MAML that learns an inner rate for each parameter's every element",
    source: "Li et al. 2017",
    kinds: both,
    variableWays: false,
    build: ({ model, loss, steps, innerRate }) => metaSgd({ model, loss, steps, learningRate: innerRate }),
  },
  prototypical: {
    family: "metric",
    summary: "a class is the mean of its support examples in a learned embedding",
    source: "Snell, Swersky & Zemel 2017",
    kinds: ["classification"],
    variableWays: true,
    build: ({ embedding, outputs, distance }) => prototypicalNetwork({ model: embedding, ways: outputs, distance }),
  },
  joint: {
    family: "baseline",
    summary: "one model trained on all tasks at once, then fine-tuned",
    source: "joint pre-training",
    kinds: both,
    variableWays: false,
    build: jointTraining,
  },
} as const satisfies Readonly<Record<string, LearnerEntry>>;

export type LearnerName = keyof typeof learnerCatalogue;
export const learnerNames = Object.keys(learnerCatalogue) as readonly LearnerName[];

/** @throws IL102 where the learner is not for this kind of task */
export function buildLearner(name: LearnerName, setting: LearnerSetting): Learner {
  const entry: LearnerEntry = learnerCatalogue[name];
  if (!entry.kinds.includes(setting.kind)) {
    const others = learnerNames.filter((other) =>
      (learnerCatalogue[other] as LearnerEntry).kinds.includes(setting.kind),
    );
    throw new GraphError("IL102", name, `it is not for ${setting.kind}`, `Choose one of ${others.join(", ")}`);
  }
  return entry.build(setting);
}

/** Numbers of a layer's output for one input of a shape. */
export function outputSizeOf(layer: Layer, inputShape: readonly number[]): number {
  return sizeOf(layer.apply(layer.init({ seed: 0, path: "" }), input([1, ...inputShape])).shape);
}
