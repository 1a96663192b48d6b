/** The learners of the catalogue whose head is fitted in closed form. */

import { priorLogisticRegression, priorRidgeRegression } from "../learners/closed-form/learned-prior-heads.js";
import { leastSquaresSvm } from "../learners/closed-form/least-squares-svm.js";
import { logisticRegression } from "../learners/closed-form/logistic-regression.js";
import { ridgeRegression } from "../learners/closed-form/ridge-regression.js";
import { optionGroup } from "../options/option.js";
import { both, classes, entry } from "./learner-entry.js";

/**
 * Heads that are fitted to targets of 0 and 1 make logits as small: at a factor of 1 the softmax stays near uniform for
 * long.
 */
const headScale = 10;

/**
 * The first penalty of a ridge head on images, as in the published code of Lee et al. 2019 (MetaOptNet): normalised
 * features have squared norms of about a hundred, and a smaller one learns more slowly.
 */
const ridgePenalty = 50;

const fitted = { family: "gradient", variableWays: true, takesSteps: false, options: optionGroup({}) } as const;

const ofKnownClasses = {
  ...fitted,
  kinds: classes,
  // Weights of each class are learned: labels mean the same in all tasks.
  variableWays: false,
  options: optionGroup({
    prior: {
      kind: "choice",
      choices: ["one", "each"],
      default: "one",
      help: "learned precisions of the prior of the head's weights: one for all features, or each its own",
      of: "heads with a learned prior",
    },
  }),
} as const;

/** @internal */
export const closedFormLearners = {
  ridge: entry({
    ...fitted,
    kinds: both,
    summary: "R2-D2: an embedding under a head that ridge regression fits in closed form",
    source: "Bertinetto et al. 2019",
    options: optionGroup({
      penalty: {
        kind: "number",
        absent: `${ridgePenalty} for classes, 1 for numbers`,
        least: 0,
        above: true,
        most: 1e9,
        help: "first penalty of the head's squared weights, which is learned: a high one starts from a head of zeros",
      },
    }),
    build: ({ kind, networks, outputs, loss }, { penalty }) => {
      const model = networks.embedding();
      const lambda = penalty ?? (kind === "regression" ? 1 : ridgePenalty);
      return ridgeRegression(
        kind === "regression"
          ? // The head is a fit of squares whatever queries are judged by.
            { task: kind, model, lambda, loss }
          : { task: "classification", model, ways: outputs, lambda, scale: headScale },
      );
    },
  }),
  logistic: entry({
    ...fitted,
    kinds: classes,
    summary: "LR-D2: an embedding under a logistic head that a few Newton steps fit",
    source: "Bertinetto et al. 2019",
    build: ({ networks, outputs }) => logisticRegression({ model: networks.embedding(), ways: outputs }),
  }),
  svm: entry({
    ...fitted,
    kinds: classes,
    summary: "an embedding under a least-squares support vector machine",
    source: "Suykens & Vandewalle 1999",
    build: ({ networks, outputs }) => leastSquaresSvm({ model: networks.embedding(), ways: outputs, scale: headScale }),
  }),
  "ridge-prior": entry({
    ...ofKnownClasses,
    summary: "a ridge head that starts from weights learned over tasks: for labels that mean the same in all",
    source: "Evgeniou & Pontil 2004, Denevi et al. 2018",
    build: ({ networks, outputs, source }, { prior }) =>
      priorRidgeRegression({
        model: networks.embedding(),
        ways: outputs,
        prior,
        scale: headScale,
        ...(source ? { first: source } : {}),
      }),
  }),
  "logistic-prior": entry({
    ...ofKnownClasses,
    summary: "a logistic head that starts from weights learned over tasks, by a few Newton steps",
    source: "Evgeniou & Pontil 2004, Bertinetto et al. 2019",
    build: ({ networks, outputs, source }, { prior }) =>
      priorLogisticRegression({
        model: networks.embedding(),
        ways: outputs,
        prior,
        ...(source ? { first: source } : {}),
      }),
  }),
};
