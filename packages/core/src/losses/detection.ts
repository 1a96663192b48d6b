/** Predictions of detectors on a grid, and the loss that they are trained by. */
import {
  add,
  cast,
  div,
  formatShape,
  GraphError,
  greater,
  logSoftmax,
  max,
  min,
  mul,
  neg,
  reshape,
  sigmoid,
  sliceAxis,
  softplus,
  sub,
  sum,
  type Tensor,
} from "@innerloop/graph";
import { detectionChannels } from "../domains/detection/detection-maps.js";
import type { DetectionTargets } from "../domains/detection/scene-episodes.js";

/** Predictions of a detector, cell by cell. */
export type DetectionMaps = {
  /** float32 [pictures, rows, columns]: log-odds of the middle of an object. */
  readonly objectness: Tensor;
  /** float32 [pictures, rows, columns, N + 1]: logits of its class, the last of none of them. */
  readonly names: Tensor;
  /** float32 [pictures, rows, columns, 4]: left, top, right and bottom of its box from the middle of the cell, in cells, above 0. */
  readonly box: Tensor;
};

/** Terms of the loss of a detector, each a scalar. */
export type DetectionTerms = { readonly objectness: Tensor; readonly box: Tensor; readonly names: Tensor };

/** Weights of the terms beside objectness. */
const [boxWeight, nameWeight] = [2, 2];

/**
 * The terms of a detector's loss over the cells that count:
 *
 *   objectness  - sum of (1 - p)^2 log p in centre cells, and of (1 - G)^4 p^2 log(1 - p) in others, over the number of centres,
 *   box         the mean of 1 - IoU over cells with a box,
 *   names       the mean cross-entropy over cells with an owner, none of the classes among its names,
 *
 * p = sigmoid(objectness), G the Gaussians of the targets: the focal loss of Zhou, Wang and Krahenbuhl 2019 ("Objects as
 * points"), the IoU loss of Yu et al. 2016. Finding and naming are apart: objects of no class of the task are found as well.
 *
 * @param present float32 [pictures]: 0 where a picture is padding
 * @throws GraphError IL202 where maps do not fit the targets
 */
export function detectionTerms(
  prediction: DetectionMaps,
  { maps }: DetectionTargets,
  present?: Tensor,
): DetectionTerms {
  const classes = prediction.names.shape.at(-1)! - 1;
  const channels = detectionChannels(classes);
  requireMaps(prediction, maps, channels.count);
  const cells = maps.shape.slice(0, 3);
  const part = (from: number, count: number): Tensor => sliceAxis(maps, 3, from, from + count);
  const channel = (at: number): Tensor => reshape(part(at, 1), cells);
  const weight = present
    ? mul(channel(channels.weight), reshape(present, [cells[0]!, 1, 1]))
    : channel(channels.weight);
  const [gaussian, centre] = [channel(channels.objectness), mul(channel(channels.centre), weight)];
  const { objectness: o } = prediction;
  const p = sigmoid(o);
  const found = mul(mul(centre, square(sub(1, p))), softplus(neg(o)));
  const away = mul(mul(sub(weight, centre), square(square(sub(1, gaussian)))), mul(square(p), softplus(o)));
  const names = part(channels.names, classes + 1);
  const named = mul(sum(names, -1), weight);
  const crossEntropy = neg(sum(mul(names, logSoftmax(prediction.names)), -1));
  const wanted = part(channels.box, 4);
  const boxed = mul(cast(greater(sum(wanted, -1), 0), "float32"), weight);
  return {
    objectness: div(sum(add(found, away)), atLeastOne(sum(centre))),
    box: meanWhere(sub(1, overlapOfReaches(prediction.box, wanted)), boxed),
    names: meanWhere(crossEntropy, named),
  };
}

/**
 * The loss of a detector: objectness + 2 box + 2 names of `detectionTerms`.
 *
 * @throws GraphError IL202 where maps do not fit the targets
 */
export function detectionLossOf(prediction: DetectionMaps, y: DetectionTargets, present?: Tensor): Tensor {
  const { objectness, box, names } = detectionTerms(prediction, y, present);
  return add(objectness, add(mul(box, boxWeight), mul(names, nameWeight)));
}

const square = (x: Tensor): Tensor => mul(x, x);

const atLeastOne = (count: Tensor): Tensor => max(count, 1);

const meanWhere = (values: Tensor, weights: Tensor): Tensor => div(sum(mul(values, weights)), atLeastOne(sum(weights)));

/** Intersection over union of boxes about one point, given by their reaches [..., 4]; 0 of a box that is not there. */
function overlapOfReaches(a: Tensor, b: Tensor): Tensor {
  const side = (x: Tensor, i: number): Tensor => reshape(sliceAxis(x, 3, i, i + 1), x.shape.slice(0, 3));
  const area = (x: Tensor): Tensor => mul(add(side(x, 0), side(x, 2)), add(side(x, 1), side(x, 3)));
  const shared = area(min(a, b));
  return div(shared, max(sub(add(area(a), area(b)), shared), 1e-6));
}

/** @throws GraphError IL202 */
function requireMaps({ objectness, names, box }: DetectionMaps, maps: Tensor, count: number): void {
  const [pictures, rows, columns] = maps.shape;
  const fits = [objectness, names, box].every(
    ({ shape }) => shape[0] === pictures && shape[1] === rows && shape[2] === columns,
  );
  if (fits && maps.shape[3] === count) return;
  const shown = [objectness, names, box].map(({ shape }) => formatShape(shape)).join(", ");
  const problem = `objectness, names and boxes are ${shown}, and targets ${formatShape(maps.shape)}`;
  throw new GraphError("IL202", "detectionLoss", problem, `Give targets [pictures, rows, columns, ${count}]`);
}
