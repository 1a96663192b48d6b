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

/** A number per prediction that reports show beside the loss: accuracy, for example. */
export type Metric<Out extends Tree = Tensor, Y extends Tree = Tensor> = {
  // As a method's: a learner of one tensor is then a learner of some tree.
  of(prediction: Out, y: Y): Tensor;
}["of"];

/**
 * A function that a model is to make small: a scalar of predictions [n, ...] and targets. Any function of that type
 * will do.
 */
export interface Loss<Out extends Tree = Tensor, Y extends Tree = Tensor> extends Metric<Out, Y> {
  /** Scalars reported with it. */
  readonly metrics?: Readonly<Record<string, Metric<Out, Y>>>;
  /** What it is called where figures are shown: "mean squared error". */
  readonly title?: string;
  /** The values that predictions stand for, of the targets' shape, where they are not these values themselves. */
  readonly point?: Metric<Out, Y>;
  /**
   * Of losses of probabilities, what calibration is judged by. Each is a value for every prediction by itself, [n, ...]
   * of predictions [n, ...]: a row's do not depend on other rows.
   */
  readonly confidence?: PredictionConfidence<Out, Y>;
  /**
   * Whether it is of logits over classes, [n, classes], that compete: learners then leave classes out that the support
   * set has no example of, which a softmax takes for probability 0.
   */
  readonly overClasses?: boolean;
  /** Of losses for which not every number is a target: whole numbers of this range are. Others are refused. */
  readonly targets?: { readonly least: number; readonly most: number };
}

/** The confidence of each prediction, and whether it is right. */
export interface PredictionConfidence<Out extends Tree = Tensor, Y extends Tree = Tensor> {
  /** The probability of the most probable class. */
  readonly topProbability: Metric<Out, Y>;
  /** 1 where that is the class of the target, 0 where not. */
  readonly correct: Metric<Out, Y>;
}

function requireSameShape(loss: string, prediction: Tensor, y: Tensor): void {
  if (sameShape(prediction.shape, y.shape)) return;
  const problem = `predictions ${formatShape(prediction.shape)} for targets ${formatShape(y.shape)}`;
  throw new GraphError("IL202", loss, problem, "Both must have one shape; reshape one of them");
}

/** mean((prediction - y)^2) over all elements. */
export const meanSquaredError: Loss = Object.assign(
  (prediction: Tensor, y: Tensor): Tensor => {
    requireSameShape("meanSquaredError", prediction, y);
    const error = sub(prediction, y);
    return mean(mul(error, error));
  },
  { title: "mean squared error" },
);

/** mean(|prediction - y|) over all elements. */
export const meanAbsoluteError: Loss = Object.assign(
  (prediction: Tensor, y: Tensor): Tensor => {
    requireSameShape("meanAbsoluteError", prediction, y);
    return mean(abs(sub(prediction, y)));
  },
  { title: "mean absolute error" },
);

/** Huber's loss: e^2 / 2 for |e| <= delta, delta (|e| - delta / 2) beyond. */
export function huber(delta = 1): Loss {
  if (!(delta > 0)) throw new GraphError("IL102", "huber", `delta ${delta}`, "Use a number above 0");
  return Object.assign(
    (prediction: Tensor, y: Tensor): Tensor => {
      requireSameShape("huber", prediction, y);
      const error = sub(prediction, y);
      const within = clip(error, -delta, delta);
      // No |e| in it: its second derivative is then 1 at an error of exactly 0 too.
      return mean(mul(within, sub(error, mul(within, 0.5))));
    },
    { title: `Huber loss, delta ${delta}` },
  );
}

/** 1 for rows whose largest logit is that of their class, 0 for others: [n] of logits [n, classes] and y int32 [n]. */
const correctRows: Metric = (logits, y) => cast(equal(argMax(logits, -1), y), logits.dtype);

/** Share of rows whose largest logit is that of their class: logits [n, classes], y int32 [n]. */
export const accuracy: Metric = (logits, y) => mean(correctRows(logits, y));

/**
 * mean over rows of -log softmax(logits)[y]: logits [n, classes], y int32 [n].
 *
 * @throws IL202 where there is not one class index per row of logits
 */
export const crossEntropy: Loss = Object.assign(
  (logits: Tensor, y: Tensor): Tensor => {
    if (logits.rank !== 2 || y.rank !== 1 || y.shape[0] !== logits.shape[0]) {
      const problem = `logits ${formatShape(logits.shape)} for classes ${formatShape(y.shape)}`;
      throw new GraphError("IL202", "crossEntropy", problem, "Give logits [n, classes] and int32 class indices [n]");
    }
    const chosen = sum(mul(logSoftmax(logits, -1), oneHot(y, logits.shape[1]!, logits.dtype)), -1);
    return mul(mean(chosen), -1);
  },
  {
    title: "negative log-likelihood",
    metrics: { accuracy },
    confidence: {
      topProbability: ((logits) => reduceMax(softmax(logits, -1), -1)) as Metric,
      correct: correctRows,
    },
    overClasses: true,
  },
);

/** 1 where a logit has the sign of its target, 0 elsewhere: logits and y (0 or 1) of one shape. */
const correctSigns: Metric = (logits, y) => cast(equal(cast(relu(logits), "bool"), cast(y, "bool")), logits.dtype);

/** mean of -(y log p + (1 - y) log(1 - p)), p = sigmoid(logit): logits and y (0 or 1) of one shape. */
export const binaryCrossEntropy: Loss = Object.assign(
  (logits: Tensor, y: Tensor): Tensor => {
    requireSameShape("binaryCrossEntropy", logits, y);
    return mean(sub(softplus(logits), mul(logits, y)));
  },
  {
    title: "negative log-likelihood",
    metrics: { accuracy: ((logits, y) => mean(correctSigns(logits, y))) as Metric },
    confidence: { topProbability: ((logits) => sigmoid(abs(logits))) as Metric, correct: correctSigns },
    targets: { least: 0, most: 1 },
  },
);

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

/**
 * mean over all elements of -log N(y; mu, sigma^2) = (y - mu)^2 / (2 sigma^2) + log sigma + log(2 pi) / 2: predictions
 * [n, 2 k] are k means, then as many standard deviations above 0; targets [n, k].
 *
 * Its metrics are the squared error of the means and the mean deviation.
 */
export const gaussianNegativeLogLikelihood: Loss = Object.assign(
  (prediction: Tensor, y: Tensor): Tensor => {
    const { centre, deviation } = gaussianParts(prediction, y);
    const error = div(sub(y, centre), deviation);
    return add(mean(add(mul(mul(error, error), 0.5), log(deviation))), Math.log(2 * Math.PI) / 2);
  },
  {
    metrics: {
      meanSquaredError: ((prediction, y) => meanSquaredError(gaussianParts(prediction, y).centre, y)) as Metric,
      deviation: ((prediction, y) => mean(gaussianParts(prediction, y).deviation)) as Metric,
    },
    title: "negative log-likelihood",
    point: ((prediction, y) => gaussianParts(prediction, y).centre) as Metric,
  },
);
