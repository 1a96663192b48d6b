/** A detector whose classes are prototypes, and may be tuned by steps from there. */
import {
  add,
  broadcastTo,
  concat,
  div,
  exp,
  GraphError,
  grad,
  mapTree,
  matmul,
  max,
  mul,
  norm,
  reshape,
  sliceAxis,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  tensor,
  valueAndGrad,
} from "@innerloop/graph";
import { detectionChannels } from "../../domains/detection/detection-maps.js";
import type { DetectionTargets } from "../../domains/detection/scene-episodes.js";
import { type DetectionMaps, detectionTerms } from "../../losses/detection.js";
import type { Loss } from "../../losses/losses.js";
import { split } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { type Learner, measured, type SteppedAdaptation } from "../learner.js";
import type { DetectorFeatures, DetectorNetwork, DetectorParameters } from "./detector-network.js";

/** The parts of a detector that steps may change. */
export const tunedParts = ["names", "names and boxes"] as const;

/** Options of `prototypeDetector`. */
export interface PrototypeDetectorOptions {
  readonly network: DetectorNetwork;
  /** N: classes of a task, at most. */
  readonly classes: number;
  /** The loss, with what is reported beside it. */
  readonly loss: Loss<DetectionMaps, DetectionTargets>;
  /** Steps of adaptation from the prototypes on; 0 by default. */
  readonly steps?: number;
  /** Their rate: 0.1 by default. */
  readonly innerRate?: number;
  /** What they change: "names" by default. */
  readonly tuned?: (typeof tunedParts)[number];
}

type Parameters = {
  readonly network: DetectorParameters;
  /** log t. */
  readonly logScale: Tensor;
  /** The logit of none of the classes. */
  readonly none: Tensor;
};

/** What a task has of its own. */
type Classes = {
  /** [N, d] */
  readonly weights: Tensor;
  readonly logScale: Tensor;
  readonly none: Tensor;
  /** The head of boxes, where it is tuned. */
  readonly box?: Tree;
};

type Adapted = { readonly params: Tree; readonly classes: Classes };

/**
 * A detector that finds objects by what it was trained on, and names them by prototypes (Snell et al. 2017, on the cells of a
 * picture):
 *
 *   p_c = sum over support cells of w e / sum of w,     w = G^2 in the cells that objects of class c own, 0 in others,
 *   names = t cos(e, p_c) for each class, and one learned logit for none of them,
 *
 * G being the Gaussians about objects' centres, t from 10 and the logit of none from 5. A detection of class c is worth
 * sigmoid(objectness) softmax(names)_c. Objectness and boxes are learned of every object in training pictures, whatever its
 * class, those of the support set too.
 *
 * Training is of prototypes, whatever the steps. After it, prototypes are where gradient descent on the support set begins:
 * on class vectors, t and the logit of none, and on the head of boxes where that is asked for. So it is two-stage
 * fine-tuning (Wang et al. 2020), of which the second stage changes the last layers alone, from a better start.
 *
 * @throws GraphError IL102 for sizes or steps that are none
 * @example prototypeDetector({ network: detectorNetwork({ imageShape: [112, 112, 1] }), classes: 3, loss: detectionLoss() })
 */
export function prototypeDetector(
  options: PrototypeDetectorOptions,
): Learner<Tree, Tree, Tensor, DetectionTargets, DetectionMaps> {
  const { network, classes, loss, steps = 0, innerRate = 0.1, tuned = "names" } = options;
  if (!(Number.isSafeInteger(classes) && classes >= 1))
    throw new GraphError("IL102", "prototypeDetector", `${classes} classes`, "Use 1 or more");
  if (!(Number.isSafeInteger(steps) && steps >= 0))
    throw new GraphError("IL102", "prototypeDetector", `${steps} steps`, "Use 0 or more");
  const seen = (params: Tree, x: Tensor): { readonly maps: Tensor; readonly found: DetectorFeatures } => {
    const { network: own } = params as Parameters;
    const maps = network.trunk.apply(own.trunk, x);
    return { maps, found: network.heads(own, maps) };
  };
  /** What is said of pictures with a task's classes. */
  const said = (
    params: Tree,
    { weights, logScale, none, box }: Classes,
    at: ReturnType<typeof seen>,
  ): DetectionMaps => {
    const { network: own } = params as Parameters;
    const { embedding, objectness, box: found } = at.found;
    return {
      objectness,
      names: nameLogits(embedding, { weights, logScale, none }),
      box: box ? network.heads({ ...own, box }, at.maps).box : found,
    };
  };
  type Support = Examples<Tensor, DetectionTargets>;
  /** Prototypes, where steps begin. */
  const begun = (params: Tree, { y, present }: Support, at: ReturnType<typeof seen>): Classes => {
    const { logScale, none, network: own } = params as Parameters;
    return {
      weights: prototypes(at.found.embedding, y.maps, classes, present),
      logScale,
      none,
      ...(tuned === "names and boxes" ? { box: own.box } : {}),
    };
  };
  /** One step more. */
  const moved = (params: Tree, { y, present }: Support, at: ReturnType<typeof seen>, task: Tree): Tree => {
    const slope = grad((of: Tree) => {
      const { names, box } = detectionTerms(said(params, of as Classes, at), y, present);
      return tuned === "names and boxes" ? add(names, box) : names;
    })(task);
    return mapTree((value: Tensor, by: Tensor) => sub(value, mul(by, innerRate)), task, slope);
  };
  const adaptedTo = (params: Tree, support: Support, at: ReturnType<typeof seen>, count: number): Classes => {
    let task = begun(params, support, at) as Tree;
    for (let step = 0; step < count; step++) task = moved(params, support, at, task);
    return task as Classes;
  };
  return {
    name: steps > 0 ? "two-stage detector" : "prototype detector",
    description: {
      network: network.description,
      ...(steps > 0 ? { steps, innerRate, tuned } : {}),
    },
    loss,
    classes,
    ...(steps > 0 ? { steps } : {}),
    init: (key): Tree => ({
      network: network.init(split(key, "network")),
      logScale: tensor(Math.log(10)),
      none: tensor(5),
    }),
    metaGradient: (params, { support, query }) => {
      const { value, gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const supported = seen(at, support.x);
        const task = adaptedTo(at, support, supported, 0);
        const prediction = said(at, task, seen(at, query.x));
        const { loss: ofQuery, metrics } = measured(loss, prediction, query);
        // Of support pictures it is known where objects are, as well as of others; names follow from the prototypes.
        const { objectness, box } = detectionTerms(said(at, task, supported), support.y, support.present);
        return [add(ofQuery, add(objectness, mul(box, 2))), { loss: ofQuery, metrics }] as const;
      })(params);
      return { loss: auxiliary.loss, gradient, metrics: auxiliary.metrics, objective: value };
    },
    adapt: (params, support, { steps: count = steps } = {}): Tree =>
      ({ params, classes: adaptedTo(params, support, seen(params, support.x), count) }) as unknown as Tree,
    ...(steps > 0
      ? {
          stepped: {
            start: (params, support) => begun(params, support, seen(params, support.x)) as Tree,
            step: (params, support, task) => moved(params, support, seen(params, support.x), task),
            adapted: (params, _support, task) => ({ params, classes: task }),
          } satisfies SteppedAdaptation<Tree, Tree, Support>,
        }
      : {}),
    predict: (adapted, x) => {
      const { params, classes: task } = adapted as unknown as Adapted;
      return said(params, task, seen(params, x));
    },
  };
}

/**
 * Prototypes of classes among the cells of pictures, [N, d]: means of embeddings, weighted by the squared Gaussians of the
 * cells that objects of the class own. Of a class without any it is 0.
 */
export function prototypes(embedding: Tensor, maps: Tensor, classes: number, present?: Tensor): Tensor {
  const channels = detectionChannels(classes);
  const cells = embedding.size / embedding.shape[3]!;
  const flat = (x: Tensor): Tensor => reshape(x, [cells, x.shape[3]!]);
  const part = (from: number, count: number): Tensor => flat(sliceAxis(maps, 3, from, from + count));
  const gaussian = part(channels.objectness, 1);
  const counts = mul(part(channels.weight, 1), present ? ofCells(present, maps) : 1);
  const weights = mul(part(channels.names, classes), mul(mul(gaussian, gaussian), counts));
  const total = reshape(max(sum(weights, 0), 1e-6), [classes, 1]);
  return div(matmul(swapLast(weights), flat(embedding)), total);
}

/** @internal A number of each picture as one of each of its cells, [cells of all, 1]. */
export const ofCells = (present: Tensor, { shape }: Tensor): Tensor => {
  const [pictures, rows, columns] = shape as readonly [number, number, number, number];
  return reshape(broadcastTo(reshape(present, [pictures, 1, 1]), [pictures, rows, columns]), [
    pictures * rows * columns,
    1,
  ]);
};

/** Logits of names in each cell, [pictures, rows, columns, N + 1]: t cos(e, w_c), and that of none. */
export function nameLogits(embedding: Tensor, { weights, logScale, none }: Omit<Classes, "box">): Tensor {
  const [pictures, rows, columns, width] = embedding.shape as readonly [number, number, number, number];
  const directions = div(weights, norm(weights, -1, { keepAxes: true, epsilon: 1e-8 }));
  const cosines = matmul(reshape(embedding, [pictures * rows * columns, width]), swapLast(directions));
  const logits = reshape(mul(cosines, exp(logScale)), [pictures, rows, columns, weights.shape[0]!]);
  return concat([logits, broadcastTo(reshape(none, [1, 1, 1, 1]), [pictures, rows, columns, 1])], -1);
}
