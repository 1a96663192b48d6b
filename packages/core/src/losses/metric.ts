/** Records of figures: what a metric is called, which way is better, and how it is computed with and without padding. */
import { cast, div, mapTree, max, mean, mul, reshape, sum, type Tensor, type Tree, vmap } from "@innerloop/graph";

/** The meaning of a figure wherever it is shown, compared or chosen by: no code reads it from the name. */
export interface FigureDescription {
  /** The key of the figure in evaluations, events and results: no two of one evaluation are called the same. */
  readonly name: string;
  /** Words for tables, reports and warnings: "mean squared error". Figures of one title and unit are comparable. */
  readonly title: string;
  /** The unit of its values, where they have one: "min". */
  readonly unit?: string;
  /** The direction in which it is better; undefined where neither more nor less is. */
  readonly better?: "higher" | "lower";
  /** Present on shares of 1, which are shown as percentages. */
  readonly share?: true;
  /** A clause on how it is made, for the text of a protocol: "in 15 bins over the queries of all tasks". */
  readonly note?: string;
  /** Present on figures that say something of a training's updates alone: evaluations leave them out. */
  readonly ofTraining?: true;
}

/**
 * A scalar of predictions and targets, each with a row for every example. `present`, float32 [n], is there where some
 * rows are padding: 1 for those that count, 0 for those whose values mean nothing.
 */
export type Measure<Prediction extends Tree = Tensor, Target extends Tree = Tensor> = {
  // As a method's: a learner of one tensor is then a learner of some tree.
  of(prediction: Prediction, target: Target, present?: Tensor): Tensor;
}["of"];

/** A number of each row, [n], that depends on no other row: its mean over rows is the measure. */
export type RowMeasure<Prediction extends Tree = Tensor, Target extends Tree = Tensor> = {
  of(prediction: Prediction, target: Target): Tensor;
}["of"];

/** A figure that is a number of each task, and over tasks their mean: accuracy, a squared error, nDCG. */
export interface TaskMetric<Prediction extends Tree = Tensor, Target extends Tree = Tensor> extends FigureDescription {
  /** The figure of one task. */
  readonly compute: Measure<Prediction, Target>;
  /** The figure of each row, for metrics that are means over rows: by it, intervals can count the classes of rows. */
  readonly perRow?: RowMeasure<Prediction, Target>;
  readonly pooled?: undefined;
}

/**
 * A figure that exists only over the whole data set: entity F1, mean average precision, calibration error. What it is
 * made of is collected per task, and its interval is that of a bootstrap over tasks.
 *
 * @example
 * // F1 of yes and no (1 and 0) over all tasks, from the counts of each.
 * const f1: PooledMetric = {
 *   name: "f1", title: "F1", better: "higher", share: true,
 *   pooled: pooledFigure({
 *     statistics: (said: Tensor, is: Tensor, present = onesLike(is)) => {
 *       const there = mul(said, present);
 *       return { hits: sum(mul(there, is)), all: add(sum(there), sum(mul(is, present))) };
 *     },
 *     combine: (tasks) => {
 *       const counts = tasks.map(({ hits, all }) => [2 * toNumbers(hits)[0]!, toNumbers(all)[0]!] as const);
 *       return (times) => {
 *         const over = (which: 0 | 1) => counts.reduce((total, of, i) => total + times[i]! * of[which], 0);
 *         return over(0) / over(1);
 *       };
 *     },
 *   }),
 * };
 */
export interface PooledMetric<Prediction extends Tree = Tensor, Target extends Tree = Tensor>
  extends FigureDescription {
  readonly pooled: PooledFigure<Prediction, Target>;
  /** A figure of one task under the same name, where events of training shall show one. */
  readonly compute?: Measure<Prediction, Target>;
  readonly perRow?: undefined;
}

/** A figure beside the loss, as a record. */
export type Metric<Prediction extends Tree = Tensor, Target extends Tree = Tensor> =
  | TaskMetric<Prediction, Target>
  | PooledMetric<Prediction, Target>;

/** The way in which a figure of a whole data set is made of its tasks. */
export interface PooledFigure<
  Prediction extends Tree = Tensor,
  Target extends Tree = Tensor,
  Statistics extends Tree = Tree,
> {
  /**
   * What of one task goes into the figure: tensors of any shapes, the same for all tasks of a source. Counts of a task
   * are scalars; scores of a ranking, of which each task has another number, are [n] with the mask beside them.
   */
  statistics(prediction: Prediction, target: Target, present?: Tensor): Statistics;
  /**
   * The figure of many tasks, where task i counts `times[i]` times: once each, or as often as a bootstrap has drawn it,
   * 0 times included.
   *
   * @param tasks the statistics of each, with values; what can be worked out of them once is best worked out before
   * returning, since the function returned is called some hundred times
   */
  combine(tasks: readonly Statistics[]): (times: ArrayLike<number>) => number;
}

/**
 * The same record, whose statistics need no annotation in `combine`: their type is that of what `statistics` returns.
 */
export const pooledFigure = <Statistics extends Tree, Prediction extends Tree = Tensor, Target extends Tree = Tensor>(
  figure: PooledFigure<Prediction, Target, Statistics>,
): PooledFigure<Prediction, Target> => figure as unknown as PooledFigure<Prediction, Target>;

/**
 * The mean of values [n, ...] over the rows that are present and everything in them: of masked losses, what `mean` is of
 * others. Without a mask it is the mean of all values; of no rows at all it is 0.
 *
 *   sum over rows of present_i mean(values_i) / max(sum of present, 1)
 *
 * @param present float32 [n], 1 for rows that are there, 0 for padding
 * @example const loss: Loss = (prediction, y, present) => presentMean(abs(sub(prediction, y)), present)
 */
export function presentMean(values: Tensor, present?: Tensor): Tensor {
  if (!present) return mean(values);
  const weights = cast(present, values.dtype);
  return div(sum(mul(rowMeans(values), weights)), max(sum(weights), 1));
}

/** The mean of each row of values [n, ...]: [n]. */
function rowMeans(values: Tensor): Tensor {
  if (values.rank <= 1) return values;
  return mean(
    values,
    values.shape.slice(1).map((_, i) => i + 1),
  );
}

/** Measures of predictions whose mean over rows they are. */
export interface MeanOverRows<Prediction extends Tree = Tensor, Target extends Tree = Tensor>
  extends Measure<Prediction, Target> {
  readonly perRow: RowMeasure<Prediction, Target>;
}

/**
 * The declaration that a function of predictions and targets is a mean over rows, f(p, y) = mean over i of f(p_i, y_i),
 * with which it can be given padded rows: it is then evaluated row by row, and the mean is over those that are there. A
 * title, metrics and whatever else the function carries stay.
 *
 * A function of any other kind (a sum, a root of a mean, a rank correlation, nDCG) is not one: let it take `present`, its
 * third argument, itself.
 *
 * @example const logCosh: Loss = meanOverRows((prediction, y) => mean(log(cosh(sub(prediction, y)))))
 */
export function meanOverRows<
  Prediction extends Tree = Tensor,
  Target extends Tree = Tensor,
  Carried extends object = object,
>(f: ((prediction: Prediction, target: Target) => Tensor) & Carried): MeanOverRows<Prediction, Target> & Carried {
  const alone = <T extends Tree>(row: T): T => mapTree((x) => reshape(x, [1, ...x.shape]), row);
  const perRow = (prediction: Prediction, target: Target): Tensor =>
    vmap((row: Prediction, wanted: Target) => f(alone(row), alone(wanted)))(prediction, target);
  const measure = (prediction: Prediction, target: Target, present?: Tensor): Tensor =>
    present ? presentMean(perRow(prediction, target), present) : f(prediction, target);
  return Object.assign(measure, f, { perRow });
}

/**
 * The two computations of a metric that is the mean of values which each row has by itself, [n, ...]: to be spread into its
 * record.
 *
 * @example const hits: Metric = { name: "hits", title: "hits", better: "higher", share: true, ...meanOfRows(isHit) }
 */
export const meanOfRows = <Prediction extends Tree = Tensor, Target extends Tree = Tensor>(
  values: RowMeasure<Prediction, Target>,
): Required<Pick<TaskMetric<Prediction, Target>, "compute" | "perRow">> => ({
  compute: (prediction, target, present) => presentMean(values(prediction, target), present),
  perRow: (prediction, target) => rowMeans(values(prediction, target)),
});
