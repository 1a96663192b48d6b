/** A detector of prototypes among the cells of pictures, over features that may be frozen. */
import {
  add,
  cast,
  concat,
  div,
  exp,
  GraphError,
  greater,
  logSumExp,
  matmul,
  max,
  mul,
  reshape,
  sliceAxis,
  softmax,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  tensor,
  valueAndGrad,
} from "@innerloop/graph";
import { detectionChannels, leastReach } from "../../domains/detection/detection-maps.js";
import type { DetectionTargets } from "../../domains/detection/scene-episodes.js";
import { unitRows } from "../../layers/layers.js";
import type { DetectionMaps } from "../../losses/detection.js";
import type { Loss } from "../../losses/losses.js";
import { split } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { classMeans, withoutEmptyClasses } from "../class-membership.js";
import { identityMatrix, solvePositiveDefinite } from "../closed-form/linear-systems.js";
import { clusters } from "../clusters.js";
import { type Learner, measured } from "../learner.js";
import type { DetectorNetwork } from "./detector-network.js";
import { ofCells } from "./prototype-detector.js";

/** Options of `cellPrototypes`. */
export interface CellPrototypesOptions {
  /** Its trunk says what is seen in a cell; its heads are of no use here. */
  readonly network: Pick<DetectorNetwork, "trunk" | "description">;
  /** N: classes of a task, at most. */
  readonly classes: number;
  /** The loss that it is trained by, with what is reported beside it. */
  readonly loss: Loss<DetectionMaps, DetectionTargets>;
  /** Prototypes of what is no object, k: 12 by default. */
  readonly background?: number;
  /** What says how large boxes are: "regression" from what is seen in a cell, by default, or the sides of the class alone. */
  readonly boxes?: (typeof boxWays)[number];
}

/** The ways to tell how large boxes are. */
export const boxWays = ["regression", "sides of the class"] as const;

type Parameters = {
  readonly trunk: Tree;
  /** log t. */
  readonly logScale: Tensor;
  /** log lambda. */
  readonly logPenalty: Tensor;
};

/** What says how far the edges of boxes are, in parts of the sides that boxes of a class have. */
type Reaches = {
  /** [N, 4]: the sides of each class, width, height and these again, in cells. */
  readonly sides: Tensor;
  /** [N, 4], where there is nothing else known of a cell than its class. */
  readonly offset: Tensor;
  /** [d, 4]; none where the class alone says it. */
  readonly slope?: Tensor;
};

type Adapted = {
  readonly trunk: Tree;
  /** [N + k, d]: t times the directions of N classes, and then of k prototypes of what is no object. */
  readonly prototypes: Tensor;
  /** [N]: cells that objects of each class own. */
  readonly counts: Tensor;
  readonly reaches: Reaches;
};

/** Gaussians about objects below it are of no object: a quarter of the shorter side away from the middle. */
const away = Math.exp(-(1.5 ** 2) / 2);

/**
 * A detector by prototypes of cells, for features that are there already, as of a frozen encoder of photos: nothing needs to
 * be trained, t and lambda may be. With e the features of a cell, of length 1,
 *
 *   p_c      mean of e over the centre cells of the support objects of class c
 *   o_1..k   centres of the cells that are no object's, by k-means in the graph (`clusters`)
 *   z        t cos(e, p_c) for each class, t cos(e, o_j) for what is no object; t from 20
 *   objectness = log sum exp z_c - log sum exp z_j,   names = z_c, and log sum exp z_j for none of them
 *
 * A detection of class c is worth sigmoid(objectness) softmax(names)_c. The edges of its box are ridge regression from e, in
 * parts of the sides that boxes of the class have in the mean:
 *
 *   (left, top, right, bottom)_c = s_c (m_c + W^T (e - e_c)),   W = argmin sum over cells of (n / N n_c) |r - m_c - W^T (e - e_c)|^2 + lambda |W|^2
 *
 * over the support cells that objects own, n_c of class c and n of all, so that a class of many objects does not outweigh the
 * others; e_c and m_c are the class's means, lambda from 10. A cell's box is that of the classes, by their shares. With `boxes`
 * "sides of the class" W is 0. Classes that no support object is of are left out, and N is the number of the others: with room
 * for more classes than there are it answers as with room for just these.
 *
 * Snell et al. 2017 for prototypes; Bertinetto et al. 2019 for ridge regression within a task.
 *
 * @throws GraphError IL102 for sizes that are none
 * @example cellPrototypes({ network: cellNetwork({ cellsShape: [64, 64, 152] }), classes: 3, loss })
 */
export function cellPrototypes(
  options: CellPrototypesOptions,
): Learner<Tree, Tree, Tensor, DetectionTargets, DetectionMaps> {
  const { network, classes, loss, background = 12, boxes = "regression" } = options;
  for (const [name, value] of Object.entries({ classes, background })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new GraphError("IL102", "cellPrototypes", `${name} is ${value}`, "Use 1 or more");
  }
  const seen = (trunk: Tree, x: Tensor): Tensor => unitRows(network.trunk.apply(trunk, x));
  const adaptedTo = (params: Tree, { x, y, present }: Examples<Tensor, DetectionTargets>): Adapted => {
    const { trunk, logScale, logPenalty } = params as Parameters;
    const cells = asRows(seen(trunk, x));
    const marks = markedCells(y.maps, classes, present);
    const ofClasses = classMeans(cells, marks.centres);
    const ofNone = clusters(cells, marks.none, background);
    return {
      trunk,
      prototypes: mul(unitRows(concat([ofClasses, ofNone], 0)), exp(logScale)),
      counts: marks.counts,
      reaches: fittedReaches(cells, marks, boxes === "regression" ? exp(logPenalty) : undefined),
    };
  };
  const said = ({ trunk, prototypes, counts, reaches }: Adapted, x: Tensor): DetectionMaps => {
    const maps = seen(trunk, x);
    const [pictures, rows, columns] = maps.shape as readonly [number, number, number, number];
    const cells = asRows(maps);
    const logits = matmul(cells, swapLast(prototypes));
    const ofClasses = withoutEmptyClasses(sliceAxis(logits, 1, 0, classes), counts);
    const none = logSumExp(sliceAxis(logits, 1, classes, classes + background), -1, { keepAxes: true });
    const { sides, offset, slope } = reaches;
    const share = softmax(ofClasses);
    const ofClass = matmul(share, mul(offset, sides));
    const reach = slope ? add(ofClass, mul(matmul(cells, slope), matmul(share, sides))) : ofClass;
    return {
      objectness: reshape(sub(logSumExp(ofClasses, -1, { keepAxes: true }), none), [pictures, rows, columns]),
      names: reshape(concat([ofClasses, none], 1), [pictures, rows, columns, classes + 1]),
      box: reshape(max(reach, leastReach), [pictures, rows, columns, 4]),
    };
  };
  return {
    name: "cell prototypes",
    description: { network: network.description, background, boxes },
    loss,
    classes,
    init: (key): Tree => ({
      trunk: network.trunk.init(split(key, "trunk")),
      logScale: tensor(Math.log(20)),
      logPenalty: tensor(Math.log(10)),
    }),
    metaGradient: (params, { support, query }) => {
      const { value, gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const prediction = said(adaptedTo(at, support), query.x);
        const { loss: ofQuery, metrics } = measured(loss, prediction, query);
        return [ofQuery, metrics] as const;
      })(params);
      return { loss: value, gradient, metrics: auxiliary };
    },
    adapt: (params, support): Tree => adaptedTo(params, support),
    predict: (adapted, x) => said(adapted as Adapted, x),
  };
}

/** The cells of all pictures one after another. */
const asRows = (maps: Tensor): Tensor => reshape(maps, [maps.size / maps.shape.at(-1)!, maps.shape.at(-1)!]);

/** What support cells are, [cells, ...]: 1 and 0, cells without weight being nothing. */
interface MarkedCells {
  /** [cells, N]: centre cells, by class. */
  readonly centres: Tensor;
  /** [N]: cells of each class. */
  readonly counts: Tensor;
  /** [cells, N]: cells with a box, by class. */
  readonly owned: Tensor;
  /** [cells, 4] */
  readonly box: Tensor;
  /** [cells, 1]: cells of no object, and of objects of none of the classes. */
  readonly none: Tensor;
}

function markedCells(maps: Tensor, classes: number, present?: Tensor): MarkedCells {
  const channels = detectionChannels(classes);
  const all = asRows(maps);
  const part = (from: number, count: number): Tensor => sliceAxis(all, 1, from, from + count);
  // All that is read of a cell has its weight as a factor: that of padding is 0.
  const weight = mul(part(channels.weight, 1), present ? ofCells(present, maps) : 1);
  const [names, box] = [part(channels.names, classes), part(channels.box, 4)];
  const isBoxed = cast(greater(sum(box, 1, { keepAxes: true }), 0), "float32");
  const isAway = cast(greater(away, part(channels.objectness, 1)), "float32");
  const owners = mul(names, weight);
  return {
    centres: mul(owners, part(channels.centre, 1)),
    counts: sum(owners, 0),
    owned: mul(owners, isBoxed),
    box,
    none: mul(max(mul(isAway, sub(1, sum(names, 1, { keepAxes: true }))), part(channels.none, 1)), weight),
  };
}

/** Ridge regression from cells to the edges of their boxes, see `cellPrototypes`; without a penalty the means of classes. */
function fittedReaches(cells: Tensor, { owned, box }: MarkedCells, penalty: Tensor | undefined): Reaches {
  const [, width] = cells.shape as readonly [number, number];
  const [, classes] = owned.shape as readonly [number, number];
  const reach = classMeans(box, owned);
  const side = (i: number): Tensor => add(sliceAxis(reach, 1, i, i + 1), sliceAxis(reach, 1, i + 2, i + 3));
  const sides = concat([side(0), side(1), side(0), side(1)], 1);
  const isOwned = sum(owned, 1, { keepAxes: true });
  // Cells that nobody owns have no sides: their parts are 0.
  const parts = div(box, add(matmul(owned, sides), sub(1, isOwned)));
  const [middles, means] = [classMeans(cells, owned), classMeans(parts, owned)];
  if (!penalty) return { sides, offset: means };
  const inputs = mul(sub(cells, matmul(owned, middles)), isOwned);
  const targets = mul(sub(parts, matmul(owned, means)), isOwned);
  const cellsOfClass = sum(owned, 0);
  const counts = reshape(max(cellsOfClass, 1), [classes, 1]);
  const there = max(sum(cast(greater(cellsOfClass, 0), "float32")), 1);
  const weights = div(matmul(owned, div(1, counts)), there);
  const weighted = mul(inputs, mul(weights, sum(owned)));
  const system = add(matmul(swapLast(weighted), inputs), mul(identityMatrix(width), penalty));
  const slope = solvePositiveDefinite(system, matmul(swapLast(weighted), targets));
  return { sides, offset: sub(means, matmul(middles, slope)), slope };
}
