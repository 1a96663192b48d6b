/** The model-based learners of the catalogue: networks that read the support set. */
import { recurrentPolicy } from "../domains/reinforcement/memory-policy.js";
import { snailPolicy } from "../domains/reinforcement/snail-policy.js";
import { filmNetwork } from "../learners/model-based/film.js";
import { inContextTransformer } from "../learners/model-based/in-context-transformer.js";
import { memoryNetwork } from "../learners/model-based/memory-network.js";
import { neuralProcess } from "../learners/model-based/neural-process.js";
import { snail } from "../learners/model-based/snail.js";
import { structureLearner } from "../learners/model-based/structure-learner.js";
import { modulationNames, taskAdaptiveProcess } from "../learners/model-based/task-adaptive-process.js";
import { optionGroup } from "../options/option.js";
import { both, entry, innerOptimizerOf, numbers, readingOptions, stepOptions, unitsOption } from "./learner-entry.js";

const reading = {
  family: "model",
  kinds: both,
  variableWays: false,
  takesSteps: false,
  // Of classes only it reads embeddings, which the network of the options makes.
  ownNetwork: ["regression"],
  options: unitsOption,
} as const;

/** Of neural processes, which may have a latent path. */
const process = {
  ...reading,
  options: optionGroup({
    ...unitsOption,
    latent: {
      kind: "flag",
      default: false,
      help: "a latent variable of the task beside what is read of its examples (Garnelo et al. 2018b)",
      of: "neural processes",
    },
  }),
} as const;

/** Of policies that remember a trial. */
const criticOption = {
  critic: {
    kind: "number",
    default: 0,
    least: 0,
    most: 1e6,
    help: "weight of the loss of a critic that reads the memory: how much the rest of a trial will bring",
    of: "policies with a memory",
  },
} as const;

const structured = { ...reading, takesSteps: true, options: optionGroup({ ...unitsOption, ...stepOptions }) } as const;

/** @internal */
export const modelBasedLearners = {
  cnp: entry({
    ...process,
    summary: "conditional neural process: the mean of the encoded support set, decoded with a variance",
    source: "Garnelo et al. 2018",
    build: (setting, { units, latent }) => neuralProcess({ ...readingOptions(setting), hidden: units, latent }),
  }),
  anp: entry({
    ...process,
    summary: "attentive neural process: queries attend to the encoded support examples",
    source: "Kim et al. 2019",
    build: (setting, { units, latent }) =>
      neuralProcess({ ...readingOptions(setting), hidden: units, latent, attention: true }),
  }),
  tanp: entry({
    ...reading,
    kinds: numbers,
    summary: "a latent neural process whose decoder the clusters of a task modulate",
    source: "Lin et al. 2021",
    options: optionGroup({
      ...unitsOption,
      clusters: {
        kind: "integer",
        default: 7,
        least: 2,
        most: 4096,
        help: "centroids that tasks belong to, by shares",
      },
      clusterWeight: {
        kind: "number",
        default: 0.1,
        least: 0,
        most: 1e6,
        help: "weight of the loss that draws tasks and centroids together",
      },
      modulation: {
        kind: "choice",
        choices: modulationNames,
        default: "film",
        help: "how clusters modulate the decoder: scales and shifts, or gated ones",
      },
    }),
    build: (setting, { units, ...options }) => {
      const { loss, ...sizes } = readingOptions(setting);
      return taskAdaptiveProcess({ ...sizes, ...(loss?.ofLogits ? { loss } : {}), hidden: units, ...options });
    },
  }),
  transformer: entry({
    ...reading,
    summary: "in-context learning: a transformer whose prompt is the support set",
    source: "Müller et al. 2022",
    build: (setting, { units }) => inContextTransformer({ ...readingOptions(setting), hidden: units }),
  }),
  snail: entry({
    ...reading,
    kinds: [...both, "policy"],
    ownNetwork: ["regression", "policy"],
    summary: "causal convolutions and attention over the sequence of support examples, or of the steps of a trial",
    source: "Mishra et al. 2018",
    options: optionGroup(criticOption),
    tasks: (_, kind) => ({ kind: kind === "policy" ? "trials" : "episodes" }),
    build: (setting, { critic }) =>
      setting.policy
        ? (snailPolicy({
            ...setting.policy,
            steps: setting.policy.trialSteps,
            loss: setting.loss as never,
            critic,
          }) as never)
        : snail({ ...readingOptions(setting), length: setting.supportRows }),
  }),
  rl2: entry({
    ...reading,
    kinds: ["policy"],
    ownNetwork: ["policy"],
    summary: "RL^2: a recurrent policy that learns within a trial, by what it remembers of it",
    source: "Duan et al. 2016; Wang et al. 2016",
    options: optionGroup({ ...unitsOption, ...criticOption }),
    tasks: () => ({ kind: "trials" }),
    build: ({ policy, loss }, { units, critic }) =>
      recurrentPolicy({ ...policy!, units, critic, loss: loss as never }) as never,
  }),
  mann: entry({
    ...reading,
    summary: "a recurrent network that writes the support examples to an external memory",
    source: "Santoro et al. 2016",
    build: (setting, { units }) =>
      memoryNetwork({ ...readingOptions(setting), hidden: units, slots: 32, width: 20, heads: 2 }),
  }),
  film: entry({
    ...reading,
    summary: "a task encoder scales and shifts the units of the network",
    source: "Perez et al. 2018; Requeima et al. 2019",
    variableWays: true,
    build: (setting, { units }) => filmNetwork({ ...readingOptions(setting), hidden: [units, units] }),
  }),
  gates: entry({
    ...structured,
    summary:
      "shared features, and a gate for each hidden unit that each task optimises (with the head of a classifier)",
    source: "this project's sources; in form Raghu et al. 2020",
    build: (setting, { units, steps, ...options }) =>
      structureLearner({
        ...readingOptions(setting),
        hidden: [units, units],
        inner: innerOptimizerOf(options),
        steps,
        structure: "gates",
        headAdapts: setting.kind === "classification",
      }),
  }),
  widths: entry({
    ...structured,
    summary: "shared features, and the width of each hidden layer that each task optimises with its head",
    source: "this project's sources; widths as in Yu et al. 2019",
    build: (setting, { units, steps, ...options }) =>
      structureLearner({
        ...readingOptions(setting),
        hidden: [units, units],
        inner: innerOptimizerOf(options),
        steps,
        structure: "widths",
        headAdapts: true,
      }),
  }),
};
