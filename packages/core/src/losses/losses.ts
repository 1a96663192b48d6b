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
import { type Metric, meanOfRows, presentMean, type RowMeasure, rowMeans, type TaskMetric } from "./metric.js";

/**
 * A function that a model is to make small: a scalar of predictions [n, ...] and targets.
 *
 * Any function of that type will do for tasks of one size. Where tasks are padded, it is given the mask of their rows as
 * a third argument, and one that does not look at it is refused (ILR107): take `present`, as `presentMean` does, or
 * declare a mean over rows by `meanOverRows`.
 */
export interface Loss<Prediction extends Tree = Tensor, Target extends Tree = Tensor> {
  (prediction: Prediction, target: Target, present?: Tensor): Tensor;
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
  /** The values that predictions stand for, of the targets' shape, where they are not these values themselves. */
  readonly point?: (prediction: Prediction, target: Target) => Tensor;
  /**
   * Whether it is of logits over classes, [n, classes], that compete: learners then leave classes out that the support
   * set has no example of, which a softmax takes for probability 0.
   */
  readonly overClasses?: boolean;
  /** Of losses for which not every number is a target: whole numbers of this range are. Others are refused. */
  readonly targets?: { readonly least: number; readonly most: number };
}

function requireSameShape(loss: string, prediction: Tensor, y: Tensor): void {
  if (sameShape(prediction.shape, y.shape)) return;
  const problem = `predictions ${formatShape(prediction.shape)} for targets ${formatShape(y.shape)}`;
  throw new GraphError("IL202", loss, problem, "Both must have one shape; reshape one of them");
}

/** (prediction - y)^2: [n, ...] */
const squaredErrors = meanOfRows((prediction: Tensor, y: Tensor): Tensor => {
  requireSameShape("meanSquaredError", prediction, y);
  const error = sub(prediction, y);
  return mul(error, error);
});

/** mean((prediction - y)^2) over all elements. */
export const meanSquaredError: Loss = Object.assign(squaredErrors.compute, {
  perRow: squaredErrors.perRow,
  title: "mean squared error",
});

const absoluteErrors = meanOfRows((prediction: Tensor, y: Tensor): Tensor => {
  requireSameShape("meanAbsoluteError", prediction, y);
  return abs(sub(prediction, y));
});

/** mean(|prediction - y|) over all elements. */
export const meanAbsoluteError: Loss = Object.assign(absoluteErrors.compute, {
  perRow: absoluteErrors.perRow,
  title: "mean absolute error",
});

/** Huber's loss: e^2 / 2 for |e| <= delta, delta (|e| - delta / 2) beyond. */
export function huber(delta = 1): Loss {
  if (!(delta > 0)) throw new GraphError("IL102", "huber", `delta ${delta}`, "Use a number above 0");
  const { compute, perRow } = meanOfRows((prediction: Tensor, y: Tensor): Tensor => {
    requireSameShape("huber", prediction, y);
    const error = sub(prediction, y);
    const within = clip(error, -delta, delta);
    // No |e| in it: its second derivative is then 1 at an error of exactly 0 too.
    return mul(within, sub(error, mul(within, 0.5)));
  });
  return Object.assign(compute, { perRow, title: `Huber loss, delta ${delta}` });
}

/** 1 for rows whose largest logit is that of their class, 0 for others: [n] of logits [n, classes] and y int32 [n]. */
const correctRows: RowMeasure = (logits, y) => cast(equal(argMax(logits, -1), y), logits.dtype);

const accuracyDescription = { name: "accuracy", title: "accuracy", better: "higher", share: true } as const;

/** Share of rows whose largest logit is that of their class: logits [n, classes], y int32 [n]. */
export const accuracy: TaskMetric = { ...accuracyDescription, ...meanOfRows(correctRows) };

/** log softmax(logits)[y] of each row: [n]. */
function logLikelihoods(logits: Tensor, y: Tensor): Tensor {
  if (logits.rank !== 2 || y.rank !== 1 || y.shape[0] !== logits.shape[0]) {
    const problem = `logits ${formatShape(logits.shape)} for classes ${formatShape(y.shape)}`;
    throw new GraphError("IL202", "crossEntropy", problem, "Give logits [n, classes] and int32 class indices [n]");
  }
  return sum(mul(logSoftmax(logits, -1), oneHot(y, logits.shape[1]!, logits.dtype)), -1);
}

/**
 * mean over rows of -log softmax(logits)[y]: logits [n, classes], y int32 [n].
 *
 * @throws IL202 where there is not one class index per row of logits
 */
export const crossEntropy: Loss = Object.assign(
  (logits: Tensor, y: Tensor, present?: Tensor): Tensor => mul(presentMean(logLikelihoods(logits, y), present), -1),
  {
    perRow: ((logits, y) => mul(logLikelihoods(logits, y), -1)) as RowMeasure,
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

const binaryCrossEntropies = meanOfRows((logits: Tensor, y: Tensor): Tensor => {
  requireSameShape("binaryCrossEntropy", logits, y);
  return sub(softplus(logits), mul(logits, y));
});

/** mean of -(y log p + (1 - y) log(1 - p)), p = sigmoid(logit): logits and y (0 or 1) of one shape. */
export const binaryCrossEntropy: Loss = Object.assign(binaryCrossEntropies.compute, {
  perRow: binaryCrossEntropies.perRow,
  title: "negative log-likelihood",
  metrics: [
    { ...accuracyDescription, ...meanOfRows(correctSigns) },
    calibrationError({ topProbability: (logits) => sigmoid(abs(logits)), correct: correctSigns }),
  ],
  targets: { least: 0, most: 1 },
});

/** The halves of a Gaussian prediction [..., 2 k]: means and standard deviations, each [..., k] like the targets. */
function gaussianParts(prediction: Tensor, y: Tensor): { readonly centre: Tensor; readonly deviation: Tensor } {
  const k = y.shape.at(-1) ?? 0;
  if (prediction.rank !== y.rank || !sameShape(prediction.shape, [...y.shape.slice(0, -1), 2 * k])) {
    const problem = `predictions ${formatShape(prediction.shape)} for targets ${formatShape(y.shape)}`;
    const remedy = "Give [n, 2 k]: k means, then as many standard deviations, for targets [n, k]";
    throw new GraphError("IL202", "gaussianNegativeLogLikelihood", problem, remedy);
  }
  return { centre: sliceAxis(prediction, -1, 0, k), deviation: sliceAxis(prediction, -1, k, 2 * k) };
}

/** The loss of each element but for the constant log(2 pi) / 2: [n, k]. */
function gaussianLosses(prediction: Tensor, y: Tensor): Tensor {
  const { centre, deviation } = gaussianParts(prediction, y);
  const error = div(sub(y, centre), deviation);
  return add(mul(mul(error, error), 0.5), log(deviation));
}

const gaussianConstant = Math.log(2 * Math.PI) / 2;

/**
 * mean over all elements of -log N(y; mu, sigma^2) = (y - mu)^2 / (2 sigma^2) + log sigma + log(2 pi) / 2: predictions
 * [n, 2 k] are k means, then as many standard deviations above 0; targets [n, k].
 *
 * Its metrics are the squared error of the means and the mean deviation.
 */
export const gaussianNegativeLogLikelihood: Loss = Object.assign(
  (prediction: Tensor, y: Tensor, present?: Tensor): Tensor =>
    add(presentMean(gaussianLosses(prediction, y), present), gaussianConstant),
  {
    perRow: ((prediction, y) => add(rowMeans(gaussianLosses(prediction, y)), gaussianConstant)) as RowMeasure,
    metrics: [
      {
        name: "meanSquaredError",
        title: "mean squared error",
        better: "lower",
        compute: (prediction, y, present) => squaredErrors.compute(gaussianParts(prediction, y).centre, y, present),
        perRow: (prediction, y) => squaredErrors.perRow(gaussianParts(prediction, y).centre, y),
      },
      {
        name: "deviation",
        title: "deviation",
        ...meanOfRows((prediction: Tensor, y: Tensor) => gaussianParts(prediction, y).deviation),
      },
    ] satisfies readonly Metric[],
    title: "negative log-likelihood",
    point: ((prediction, y) => gaussianParts(prediction, y).centre) as RowMeasure,
  },
);
