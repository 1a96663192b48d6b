/** The learners of the catalogue whose head is fitted in closed form. */
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

/** @internal */
export const closedFormLearners = {
  ridge: entry({
    ...fitted,
    kinds: both,
    summary: "R2-D2: an embedding under a head that ridge regression fits in closed form",
    source: "Bertinetto et al. 2019",
    build: ({ kind, networks, outputs }) =>
      ridgeRegression(
        kind === "regression"
          ? { task: kind, model: networks.embedding() }
          : {
              task: "classification",
              model: networks.embedding(),
              ways: outputs,
              lambda: ridgePenalty,
              scale: headScale,
            },
      ),
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
};
