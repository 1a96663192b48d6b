import {
  abs,
  argMax,
  cast,
  clip,
  equal,
  formatShape,
  GraphError,
  logSoftmax,
  mean,
  mul,
  oneHot,
  relu,
  sameShape,
  softplus,
  sub,
  sum,
  type Tensor,
} from "@innerloop/graph";

/** A number per prediction that reports show beside the loss: accuracy, for example. */
export type Metric = (prediction: Tensor, y: Tensor) => Tensor;

/** What a model is to make small: a scalar of predictions [n, ...] and targets. Any function of that type will do. */
export interface Loss {
  (prediction: Tensor, y: Tensor): Tensor;
  /** Scalars reported with it. */
  readonly metrics?: Readonly<Record<string, Metric>>;
}

function requireSameShape(loss: string, prediction: Tensor, y: Tensor): void {
  if (sameShape(prediction.shape, y.shape)) return;
  const problem = `predictions ${formatShape(prediction.shape)} for targets ${formatShape(y.shape)}`;
  throw new GraphError("IL202", loss, problem, "Both must have one shape; reshape one of them");
}

/** mean((prediction - y)^2) over all elements. */
export const meanSquaredError: Loss = (prediction, y) => {
  requireSameShape("meanSquaredError", prediction, y);
  const error = sub(prediction, y);
  return mean(mul(error, error));
};

/** mean(|prediction - y|) over all elements. */
export const meanAbsoluteError: Loss = (prediction, y) => {
  requireSameShape("meanAbsoluteError", prediction, y);
  return mean(abs(sub(prediction, y)));
};

/** Huber's loss: e^2 / 2 for |e| <= delta, delta (|e| - delta / 2) beyond. */
export function huber(delta = 1): Loss {
  if (!(delta > 0)) throw new GraphError("IL102", "huber", `delta ${delta}`, "Use a number above 0");
  return (prediction, y) => {
    requireSameShape("huber", prediction, y);
    const error = sub(prediction, y);
    const within = clip(error, -delta, delta);
    // No |e| in it: its second derivative is then 1 at an error of exactly 0 too.
    return mean(mul(within, sub(error, mul(within, 0.5))));
  };
}

/** Share of rows whose largest logit is that of their class: logits [n, classes], y int32 [n]. */
export const accuracy: Metric = (logits, y) => mean(cast(equal(argMax(logits, -1), y), logits.dtype));

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
  { metrics: { accuracy } },
);

/** mean of -(y log p + (1 - y) log(1 - p)), p = sigmoid(logit): logits and y (0 or 1) of one shape. */
export const binaryCrossEntropy: Loss = Object.assign(
  (logits: Tensor, y: Tensor): Tensor => {
    requireSameShape("binaryCrossEntropy", logits, y);
    return mean(sub(softplus(logits), mul(logits, y)));
  },
  {
    metrics: {
      accuracy: ((logits, y) => mean(cast(equal(cast(relu(logits), "bool"), cast(y, "bool")), logits.dtype))) as Metric,
    },
  },
);
