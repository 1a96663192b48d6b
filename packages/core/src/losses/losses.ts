import {
  abs,
  add,
  argMax,
  cast,
  clip,
  div,
  equal,
  formatShape,
  GraphError,
  log,
  logSoftmax,
  mean,
  mul,
  oneHot,
  reduceMax,
  relu,
  sameShape,
  sigmoid,
  sliceAxis,
  softmax,
  softplus,
  sub,
  sum,
  type Tensor,
  type Tree,
} from "@innerloop/graph";
import { calibrationError } from "./calibration.js";
import {
  type MeanOverRows,
  type Measure,
  type Metric,
  meanOverRows,
  type RowMeasure,
  type TaskMetric,
} from "./metric.js";

/**
 * A function that a model is to make small: a scalar of predictions [n, ...] and targets.
 *
 * Any function of that type will do for tasks of one size. Where tasks are padded, it is given the mask of their rows as
 * a third argument, and one that does not look at it is refused (ILR107): take `present`, as `presentMean` does, or
 * declare a mean over rows by `meanOverRows`.
 */
export interface Loss<Prediction extends Tree = Tensor, Target extends Tree = Tensor>
  extends Measure<Prediction, Target> {
  /** Its value for each row, [n], where it is their mean. */
  readonly perRow?: RowMeasure<Prediction, Target>;
  /**
   * Figures reported with it. The first that says which way it is better leads: tables, warnings and the choice of steps
   * go by it. Without one the loss itself does.
   */
  readonly metrics?: readonly Metric<Prediction, Target>[];
  /** What it is called where figures are shown: "mean squared error". */
  readonly title?: string;
  /** The unit of its values, where they have one. */
  readonly unit?: string;
  /** Present where its value says something of a training's updates alone: evaluations do not tell it. */
  readonly ofTraining?: true;
  /** The values that predictions stand for, of the targets' shape, where they are not these values themselves. */
  readonly point?: RowMeasure<Prediction, Target>;
  /** The likelihood of predictions [n, 2 k] with deviations beside their centres, which makes this loss of the centres small. */
  readonly likelihood?: Loss<Prediction, Target>;
  /**
   * Whether it is of logits over classes, [n, classes], that compete: learners then leave classes out that the support
   * set has no example of, which a softmax takes for probability 0.
   */
  readonly overClasses?: boolean;
  /** Of losses for which not every number is a target: whole numbers of this range are. Others are refused. */
  readonly targets?: { readonly least: number; readonly most: number };
  /**
   * Present where predictions are log-odds, which say themselves how sure they are: learners of numbers that have deviations
   * beside others predict none, and take the loss as it is.
   */
  readonly ofLogits?: true;
}

function requireSameShape(loss: string, prediction: Tensor, y: Tensor): void {
  if (sameShape(prediction.shape, y.shape)) return;
  const problem = `predictions ${formatShape(prediction.shape)} for targets ${formatShape(y.shape)}`;
  throw new GraphError("IL202", loss, problem, "Both must have one shape; reshape one of them");
}

// What a loss is without padding is written here; with it, `meanOverRows` takes the same of each row that is there.

/** The halves of a prediction with deviations [..., 2 k]: centres and standard deviations, each [..., k] like the targets. */
function centreAndDeviation(
  loss: string,
  prediction: Tensor,
  y: Tensor,
): { readonly centre: Tensor; readonly deviation: Tensor } {
  const k = y.shape.at(-1) ?? 0;
  if (prediction.rank !== y.rank || !sameShape(prediction.shape, [...y.shape.slice(0, -1), 2 * k])) {
    const problem = `predictions ${formatShape(prediction.shape)} for targets ${formatShape(y.shape)}`;
    const remedy = "Give [n, 2 k]: k means, then as many standard deviations, for targets [n, k]";
    throw new GraphError("IL202", loss, problem, remedy);
  }
  return { centre: sliceAxis(prediction, -1, 0, k), deviation: sliceAxis(prediction, -1, k, 2 * k) };
}

/**
 * A likelihood of targets [n, k] by predictions [n, 2 k], k centres and as many standard deviations above 0. Its metrics are
 * the error of the centres that it makes small, and the mean deviation.
 *
 * @param density -log of that of (y - centre) / deviation, and the constant in it
 */
function likelihoodOf(
  operation: string,
  density: { readonly of: (error: Tensor) => Tensor; readonly constant: number },
  errorOfCentres: { readonly name: string; readonly title: string; readonly of: () => RowMeasure },
): Loss & MeanOverRows {
  const { of, constant } = density;
  const parts = (prediction: Tensor, y: Tensor) => centreAndDeviation(operation, prediction, y);
  const error = meanOverRows((prediction, y) => errorOfCentres.of()(parts(prediction, y).centre, y));
  const meanDeviation = meanOverRows((prediction, y) => mean(parts(prediction, y).deviation));
  const { name, title } = errorOfCentres;
  return Object.assign(
    meanOverRows((prediction, y) => {
      const { centre, deviation } = parts(prediction, y);
      return add(mean(add(of(div(sub(y, centre), deviation)), log(deviation))), constant);
    }),
    {
      metrics: [
        { name, title, better: "lower", compute: error, perRow: error.perRow },
        { name: "deviation", title: "deviation", compute: meanDeviation, perRow: meanDeviation.perRow },
      ] satisfies readonly Metric[],
      title: "negative log-likelihood",
      point: ((prediction, y) => parts(prediction, y).centre) as RowMeasure,
    },
  );
}

/**
 * mean over all elements of -log N(y; mu, sigma^2) = (y - mu)^2 / (2 sigma^2) + log sigma + log(2 pi) / 2: predictions
 * [n, 2 k] are k means, then as many standard deviations above 0; targets [n, k].
 *
 * Its metrics are the squared error of the means and the mean deviation.
 */
export const gaussianNegativeLogLikelihood: Loss & MeanOverRows = likelihoodOf(
  "gaussianNegativeLogLikelihood",
  { of: (error) => mul(mul(error, error), 0.5), constant: Math.log(2 * Math.PI) / 2 },
  { name: "meanSquaredError", title: "mean squared error", of: () => meanSquaredError },
);

/**
 * mean over all elements of -log of the Laplace density with centre mu, its median, and standard deviation sigma:
 * sqrt(2) |y - mu| / sigma + log sigma + log(2) / 2. Predictions [n, 2 k] and targets [n, k] as those of
 * `gaussianNegativeLogLikelihood`; far-off targets pull less.
 *
 * Its metrics are the absolute error of the centres and the mean deviation.
 */
export const laplaceNegativeLogLikelihood: Loss & MeanOverRows = likelihoodOf(
  "laplaceNegativeLogLikelihood",
  { of: (error) => mul(abs(error), Math.SQRT2), constant: Math.LN2 / 2 },
  { name: "meanAbsoluteError", title: "mean absolute error", of: () => meanAbsoluteError },
);

/** mean((prediction - y)^2) over all elements. */
export const meanSquaredError: Loss & MeanOverRows = Object.assign(
  meanOverRows((prediction, y) => {
    requireSameShape("meanSquaredError", prediction, y);
    const error = sub(prediction, y);
    return mean(mul(error, error));
  }),
  { title: "mean squared error", likelihood: gaussianNegativeLogLikelihood },
);

/** mean(|prediction - y|) over all elements. */
export const meanAbsoluteError: Loss & MeanOverRows = Object.assign(
  meanOverRows((prediction, y) => {
    requireSameShape("meanAbsoluteError", prediction, y);
    return mean(abs(sub(prediction, y)));
  }),
  { title: "mean absolute error", likelihood: laplaceNegativeLogLikelihood },
);

/** Huber's loss: e^2 / 2 for |e| <= delta, delta (|e| - delta / 2) beyond. */
export function huber(delta = 1): Loss & MeanOverRows {
  if (!(delta > 0)) throw new GraphError("IL102", "huber", `delta ${delta}`, "Use a number above 0");
  return Object.assign(
    meanOverRows((prediction, y) => {
      requireSameShape("huber", prediction, y);
      const error = sub(prediction, y);
      const within = clip(error, -delta, delta);
      // No |e| in it: its second derivative is then 1 at an error of exactly 0 too.
      return mean(mul(within, sub(error, mul(within, 0.5))));
    }),
    { title: `Huber loss, delta ${delta}` },
  );
}

/** 1 for rows whose largest logit is that of their class, 0 for others: [n] of logits [n, classes] and y int32 [n]. */
const correctRows: RowMeasure = (logits, y) => cast(equal(argMax(logits, -1), y), logits.dtype);

/** A share of predictions that are right, of which each is 1 or 0. */
const accuracyOf = (correct: RowMeasure): TaskMetric => {
  const compute = meanOverRows((prediction, y) => mean(correct(prediction, y)));
  return { name: "accuracy", title: "accuracy", better: "higher", share: true, compute, perRow: compute.perRow };
};

/** Share of rows whose largest logit is that of their class: logits [n, classes], y int32 [n]. */
export const accuracy: TaskMetric = accuracyOf(correctRows);

/**
 * mean over rows of -log softmax(logits)[y]: logits [n, classes], y int32 [n].
 *
 * @throws IL202 where there is not one class index per row of logits
 */
export const crossEntropy: Loss & MeanOverRows = Object.assign(
  meanOverRows((logits, y) => {
    if (logits.rank !== 2 || y.rank !== 1 || y.shape[0] !== logits.shape[0]) {
      const problem = `logits ${formatShape(logits.shape)} for classes ${formatShape(y.shape)}`;
      throw new GraphError("IL202", "crossEntropy", problem, "Give logits [n, classes] and int32 class indices [n]");
    }
    const chosen = sum(mul(logSoftmax(logits, -1), oneHot(y, logits.shape[1]!, logits.dtype)), -1);
    return mul(mean(chosen), -1);
  }),
  {
    title: "negative log-likelihood",
    metrics: [
      accuracy,
      calibrationError({ topProbability: (logits) => reduceMax(softmax(logits, -1), -1), correct: correctRows }),
    ],
    overClasses: true,
  },
);

/** 1 where a logit has the sign of its target, 0 elsewhere: logits and y (0 or 1) of one shape. */
const correctSigns: RowMeasure = (logits, y) => cast(equal(cast(relu(logits), "bool"), cast(y, "bool")), logits.dtype);

/** mean of -(y log p + (1 - y) log(1 - p)), p = sigmoid(logit): logits and y (0 or 1) of one shape. */
export const binaryCrossEntropy: Loss & MeanOverRows = Object.assign(
  meanOverRows((logits, y) => {
    requireSameShape("binaryCrossEntropy", logits, y);
    return mean(sub(softplus(logits), mul(logits, y)));
  }),
  {
    title: "negative log-likelihood",
    metrics: [
      accuracyOf(correctSigns),
      calibrationError({ topProbability: (logits) => sigmoid(abs(logits)), correct: correctSigns }),
    ],
    targets: { least: 0, most: 1 },
  },
);
