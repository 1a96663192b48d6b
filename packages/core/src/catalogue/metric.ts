/** The metric-based learners of the catalogue. */
import { reshape, type Tensor } from "@innerloop/graph";
import { matchingNetwork } from "../learners/metric/matching.js";
import { simpleShot } from "../learners/metric/nearest-centroid.js";
import { prototypicalNetwork } from "../learners/metric/prototypical.js";
import { relationNetwork } from "../learners/metric/relation.js";
import { semiSupervisedPrototypes } from "../learners/metric/semi-supervised-prototypes.js";
import { siameseNetwork, tripletNetwork } from "../learners/metric/siamese.js";
import { type OptionValues, optionGroup } from "../options/option.js";
import { classes, entry } from "./learner-entry.js";

const compared = {
  family: "metric",
  kinds: classes,
  variableWays: true,
  takesSteps: false,
  options: optionGroup({}),
} as const;

const temperatureOption = optionGroup({
  temperature: {
    kind: "choice",
    choices: ["1", "0.07", "learned"],
    default: "1",
    help: "what distances or similarities are divided by; cosines, which differ by 2 at most, want 0.07; a learned one starts at 1, of cosine distances at 0.07",
  },
});
const temperatureOf = ({ temperature }: OptionValues<typeof temperatureOption>): number | "learned" =>
  temperature === "learned" ? "learned" : Number(temperature);

/**
 * The temperature of cosines: they differ by 2 at most, and at 1 a softmax over them stays near uniform for long. A
 * learned one starts where their logits span about as much as those of distances do.
 */
const cosineTemperature = { learned: 0.07 } as const;

const flattened = (x: Tensor): Tensor => reshape(x, [x.shape[0]!, -1]);

/** @internal */
export const metricLearners = {
  prototypical: entry({
    ...compared,
    summary: "a class is the mean of its support examples in a learned embedding",
    source: "Snell, Swersky & Zemel 2017",
    options: optionGroup({
      distance: {
        kind: "choice",
        choices: ["squaredEuclidean", "euclidean", "cosine"],
        default: "squaredEuclidean",
        help: "of embeddings",
      },
      ...temperatureOption,
    }),
    build: ({ networks, outputs }, { distance, ...options }) =>
      prototypicalNetwork({
        model: networks.embedding(),
        ways: outputs,
        distance,
        temperature:
          distance === "cosine" && options.temperature === "learned" ? cosineTemperature : temperatureOf(options),
      }),
  }),
  matching: entry({
    ...compared,
    summary: "labels of the support examples, weighted by an attention over their embeddings",
    source: "Vinyals et al. 2016",
    options: temperatureOption,
    build: ({ networks, outputs }, options) =>
      matchingNetwork({ model: networks.embedding(), ways: outputs, temperature: temperatureOf(options) }),
  }),
  "matching-fce": entry({
    ...compared,
    summary: "matching networks with full-context embeddings: each example is embedded beside the others",
    source: "Vinyals et al. 2016",
    options: temperatureOption,
    build: ({ networks, outputs }, options) =>
      matchingNetwork({
        model: networks.embedding(),
        ways: outputs,
        temperature: temperatureOf(options),
        fullContext: true,
      }),
  }),
  relation: entry({
    ...compared,
    summary: "a learned comparison of a query with each class",
    source: "Sung et al. 2018",
    embedding: (networks) => {
      const maps = networks.maps();
      return { ...maps, apply: (...given) => flattened(maps.apply(...given)) };
    },
    build: ({ networks, outputs }) => relationNetwork({ model: networks.maps(), ways: outputs }),
  }),
  siamese: entry({
    ...compared,
    summary: "the probability that two examples are of one class",
    source: "Koch, Zemel & Salakhutdinov 2015",
    build: ({ networks, outputs }) => siameseNetwork({ model: networks.embedding(), ways: outputs }),
  }),
  triplet: entry({
    ...compared,
    summary: "embeddings in which a class is nearer than others by a margin",
    source: "Schroff, Kalenichenko & Philbin 2015",
    build: ({ networks, outputs }) => tripletNetwork({ model: networks.embedding(), ways: outputs }),
  }),
  "semi-supervised": entry({
    ...compared,
    summary: "prototypes refined by unlabelled examples",
    source: "Ren et al. 2018",
    options: optionGroup({
      unlabelled: {
        kind: "integer",
        default: 5,
        least: 1,
        most: 1000,
        help: "unlabelled support examples per class",
        inEvaluation: true,
      },
    }),
    tasks: ({ unlabelled }) => ({ kind: "episodes with unlabelled examples", unlabelled }),
    build: ({ networks, outputs }) => semiSupervisedPrototypes({ model: networks.embedding(), ways: outputs }),
  }),
  "simple-shot": entry({
    ...compared,
    summary: "the nearest class mean among centred, normalised features of a classifier of all training classes",
    source: "Wang et al. 2019",
    options: optionGroup({
      batch: {
        kind: "integer",
        default: 128,
        least: 1,
        most: 65536,
        help: "examples of an update, where training tasks are batches of all classes",
      },
    }),
    tasks: ({ batch }) => ({ kind: "batches of all classes", batch }),
    build: ({ networks, outputs, trainClasses }) =>
      simpleShot({ model: networks.embedding(), ways: outputs, classes: trainClasses }),
  }),
};
