/** The gradient-based learners of the catalogue. */

import { sizeOf } from "@innerloop/graph";
import { cavia } from "../learners/gradient/cavia.js";
import { implicitMaml } from "../learners/gradient/imaml.js";
import { learnedOptions, metaCurvature } from "../learners/gradient/learned-optimizers.js";
import { lstmOptimizer } from "../learners/gradient/lstm-optimizer.js";
import { anil, boil, fomaml, maml, metaSgd } from "../learners/gradient/maml.js";
import { mamlPlusPlus } from "../learners/gradient/maml-plus-plus.js";
import { mamo } from "../learners/gradient/mamo.js";
import { reptile } from "../learners/gradient/reptile.js";
import type { Learner } from "../learners/learner.js";
import { metahin } from "../learners/recommendation/metahin.js";
import { sgd } from "../optimizers/optimizers.js";
import { optionGroup } from "../options/option.js";
import { anyModel, both, entry, inGatheredSteps, innerOptimizerOf, numbers, stepOptions } from "./learner-entry.js";

const inSteps = {
  family: "gradient",
  kinds: anyModel,
  variableWays: false,
  takesSteps: true,
  options: stepOptions,
} as const;

/** @internal */
export const gradientLearners = {
  maml: entry({
    ...inSteps,
    summary: "parameters from which a few gradient steps do well, differentiated through the steps",
    source: "Finn, Abbeel & Levine 2017",
    build: ({ networks, loss, ...setting }, { steps, ...options }) =>
      maml({
        ...{ model: networks.model(), loss, inner: innerOptimizerOf(options), steps },
        ...inGatheredSteps(setting),
      }),
  }),
  fomaml: entry({
    ...inSteps,
    summary: "MAML with the inner gradients held constant",
    source: "Finn, Abbeel & Levine 2017",
    build: ({ networks, loss, ...setting }, { steps, ...options }) =>
      fomaml({
        ...{ model: networks.model(), loss, inner: innerOptimizerOf(options), steps },
        ...inGatheredSteps(setting),
      }),
  }),
  reptile: entry({
    ...inSteps,
    kinds: [...both, "policy"],
    summary: "parameters moved towards those that training on each task arrives at",
    source: "Nichol, Achiam & Schulman 2018",
    build: ({ networks, loss, ...setting }, { steps, ...options }) => {
      const { minibatch, ...later } = inGatheredSteps(setting);
      return reptile({
        ...{ model: networks.model(), loss, inner: innerOptimizerOf(options), steps },
        ...(minibatch ? { innerBatchSize: minibatch.size, ...later } : {}),
      });
    },
  }),
  anil: entry({
    ...inSteps,
    summary: "MAML where only the head adapts",
    source: "Raghu et al. 2020",
    build: ({ networks, loss, ...setting }, { steps, ...options }) =>
      anil({
        ...{ model: networks.model(), loss, inner: innerOptimizerOf(options), steps },
        ...inGatheredSteps(setting),
      }),
  }),
  boil: entry({
    ...inSteps,
    summary: "MAML where only the body adapts",
    source: "Oh et al. 2021",
    needsBody: true,
    build: ({ networks, loss, ...setting }, { steps, ...options }) =>
      boil({
        ...{ model: networks.model(), loss, inner: innerOptimizerOf(options), steps },
        ...inGatheredSteps(setting),
      }),
  }),
  "meta-sgd": entry({
    ...inSteps,
    summary: "MAML that learns an inner rate for every element of its parameters",
    source: "Li et al. 2017",
    build: ({ networks, loss, ...setting }, { steps, innerRate }) =>
      metaSgd({ model: networks.model(), loss, steps, learningRate: innerRate, ...inGatheredSteps(setting) }),
  }),
  "maml++": entry({
    ...inSteps,
    summary: "MAML with rates and normalisation of each step's own, a loss over all steps, and first order at first",
    source: "Antoniou, Edwards & Storkey 2019",
    build: ({ kind, networks, loss, iterations, ...setting }, { steps, innerRate }) =>
      mamlPlusPlus({
        ...inGatheredSteps(setting),
        model: networks.perStepModel(steps),
        loss,
        steps,
        learningRate: innerRate,
        // The authors' shares of a training: 15 and 50 of 150 epochs.
        multiStepLoss: { annealOver: Math.max(1, Math.round(iterations / 10)) },
        // Of first order, learned rates grow beyond what the steps bear: squared errors then have no bound.
        orderAnnealing: kind === "classification" && { secondOrderFrom: Math.max(1, Math.round(iterations / 3)) },
      }),
  }),
  "learned-sgd": entry({
    ...inSteps,
    summary: "MAML that learns its inner optimizer's rate, momentum and weight decay, by their hypergradients",
    source: "Maclaurin, Duvenaud & Adams 2015",
    build: ({ networks, loss, ...setting }, { steps, innerRate }) =>
      maml({
        ...inGatheredSteps(setting),
        model: networks.model(),
        loss,
        steps,
        inner: learnedOptions((options) => sgd(options), {
          learningRate: innerRate,
          momentum: 0.5,
          weightDecay: 1e-3,
        }),
      }),
  }),
  "meta-curvature": entry({
    ...inSteps,
    summary: "MAML that learns linear maps of its inner gradients",
    source: "Park & Oliva 2019",
    build: ({ networks, loss, ...setting }, { steps, innerRate }) =>
      maml({
        ...{ model: networks.model(), loss, steps, inner: metaCurvature({ learningRate: innerRate }) },
        ...inGatheredSteps(setting),
      }),
  }),
  "lstm-optimizer": entry({
    ...inSteps,
    summary: "parameters, and a recurrent network that takes the gradients and makes the steps",
    source: "Andrychowicz et al. 2016; Ravi & Larochelle 2017",
    build: ({ networks, loss, ...setting }, { steps, innerRate }) =>
      maml({
        ...{ model: networks.model(), loss, steps, inner: lstmOptimizer({ learningRate: innerRate }) },
        ...inGatheredSteps(setting),
      }),
  }),
  cavia: entry({
    ...inSteps,
    kinds: [...both, "policy"],
    summary: "a network with a context vector as input, which alone adapts",
    source: "Zintgraf et al. 2019",
    options: optionGroup({
      ...stepOptions,
      contextSize: { kind: "integer", default: 5, least: 1, most: 4096, help: "numbers of the context vector" },
    }),
    embedding: () => null,
    build: ({ networks, loss, ...setting }, { steps, contextSize, ...options }) =>
      cavia({
        ...{ model: networks.contextual(contextSize), loss, inner: innerOptimizerOf(options), steps },
        ...inGatheredSteps(setting),
      }),
  }),
  imaml: entry({
    ...inSteps,
    kinds: ["regression", "classification", "tagging"],
    summary: "the implicit gradient at the end of a proximal inner loop, whose steps take no memory",
    source: "Rajeswaran et al. 2019",
    options: optionGroup({
      ...stepOptions,
      proximal: {
        kind: "number",
        default: 2,
        least: 0,
        above: true,
        most: 1e6,
        help: "pull towards the meta-parameters in the inner loop, lambda",
      },
    }),
    build: ({ networks, loss }, { steps, proximal, ...options }) =>
      implicitMaml({ model: networks.model(), loss, inner: innerOptimizerOf(options), steps, lambda: proximal }),
  }),
  mamo: entry({
    ...inSteps,
    kinds: numbers,
    summary: "MAML that starts from memories of users of a like profile; for ratings with a table of users",
    source: "Dong et al. 2020",
    ownNetwork: numbers,
    needs: "profile",
    embedding: () => null,
    options: optionGroup({
      ...stepOptions,
      profileUnits: { kind: "integer", default: 32, least: 1, most: 4096, help: "numbers of a profile's embedding" },
      memories: { kind: "integer", default: 8, least: 1, most: 4096, help: "kinds of profiles that are remembered" },
      memoryRate: {
        kind: "number",
        default: 0.1,
        least: 0,
        above: true,
        most: 100,
        help: "part of what memories say that the start moves by, tau",
      },
    }),
    build: (
      { inputShape, outputs, loss, profile = [] },
      { steps, profileUnits: units, memories, memoryRate, ...options },
    ) =>
      mamo({
        ...{ features: sizeOf(inputShape), profile, outputs, loss, units, memories, memoryRate, steps },
        inner: innerOptimizerOf(options),
      }),
  }),
  metahin: entry({
    ...inSteps,
    kinds: numbers,
    summary:
      "contexts of an item from rated ones that share an attribute, adapted path by path; for ratings with such items",
    source: "Lu, Fang & Shi 2020",
    ownNetwork: numbers,
    needs: "paths",
    embedding: () => null,
    options: optionGroup({
      ...stepOptions,
      contextUnits: { kind: "integer", default: 32, least: 1, most: 4096, help: "numbers of a context along a path" },
    }),
    build: ({ inputShape, outputs, loss, paths = [] }, { steps, contextUnits: units, ...options }) =>
      metahin({
        ...{ features: sizeOf(inputShape), paths, outputs, loss, units, steps },
        inner: innerOptimizerOf(options),
      }) as unknown as Learner,
  }),
};
