/** The figures that a loss stands for: itself and its metrics, with the one that leads. */
import { GraphError, type Tensor, type Tree } from "@innerloop/graph";
import type { Loss } from "./losses.js";
import type { FigureDescription, Metric } from "./metric.js";

/** The name of the loss among the figures of an evaluation. */
export const lossName = "loss";

/**
 * The metrics of a loss.
 *
 * @throws IL102 where they are no list of records, or two figures have one name
 */
export function metricsOf<Prediction extends Tree, Target extends Tree>(
  loss: Loss<Prediction, Target>,
): readonly Metric<Prediction, Target>[] {
  const { metrics = [] } = loss;
  const operation = loss.title ?? "the loss";
  const isRecord = (each: Metric<Prediction, Target>): boolean =>
    typeof each?.name === "string" && typeof each.title === "string" && Boolean(each.compute ?? each.pooled);
  if (!Array.isArray(metrics) || !metrics.every(isRecord)) {
    const remedy =
      'Give a list of records: metrics: [{ name: "mae", title: "mean absolute error", better: "lower", compute }]';
    throw new GraphError(
      "IL102",
      operation,
      "its metrics are no records with name, title and compute or pooled",
      remedy,
    );
  }
  requireNamesApart(operation, [lossName, ...metrics.map(({ name }) => name)]);
  return metrics;
}

/**
 * The loss with further metrics before its own: the first that says which way it is better leads.
 *
 * @example maml({ model, loss: withMetrics(crossEntropy, [topThree]), inner })
 */
export const withMetrics = <Prediction extends Tree = Tensor, Target extends Tree = Tensor>(
  loss: Loss<Prediction, Target>,
  metrics: readonly Metric<Prediction, Target>[],
): Loss<Prediction, Target> =>
  Object.assign(
    (prediction: Prediction, target: Target, present?: Tensor): Tensor => loss(prediction, target, present),
    loss,
    { metrics: [...metrics, ...(loss.metrics ?? [])] },
  );

/** @throws IL102 where two figures have one name */
export function requireNamesApart(operation: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return;
  throw new GraphError("IL102", operation, `two of its figures are called ${twice}`, "Give each a name of its own");
}

/** The record of a metric without its functions: what travels with results. */
export function describedAs({ name, title, unit, better, share, note }: FigureDescription): FigureDescription {
  return {
    name,
    title,
    ...(unit === undefined ? {} : { unit }),
    ...(better === undefined ? {} : { better }),
    ...(share ? { share } : {}),
    ...(note === undefined ? {} : { note }),
  };
}

/** The description of a loss as a figure: less of it is better. */
export const lossDescription = ({ title, unit }: Pick<Loss, "title" | "unit">): FigureDescription =>
  describedAs({ name: lossName, title: title ?? lossName, better: "lower", ...(unit === undefined ? {} : { unit }) });

/**
 * The figures of a loss, the leading one first: the first of its metrics that says which way it is better, else the loss
 * itself; then the others, loss before metrics.
 */
export const figuresOf = (loss: Loss<Tensor, Tensor>): readonly FigureDescription[] =>
  leadingFirst([lossDescription(loss), ...metricsOf(loss).map(describedAs)], metricsOf(loss));

/** The same list with the first of `candidates` that can lead before the others; as it is where none can. */
export function leadingFirst(
  all: readonly FigureDescription[],
  candidates: readonly FigureDescription[],
): readonly FigureDescription[] {
  const leading = candidates.find(({ better }) => better !== undefined)?.name;
  const first = all.filter(({ name }) => name === leading);
  return [...first, ...all.filter(({ name }) => name !== leading)];
}
