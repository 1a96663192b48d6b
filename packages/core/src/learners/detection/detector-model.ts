/** A whole detector for learners that adapt by gradient steps. */
import { type Tensor, type Tree, tensor } from "@innerloop/graph";
import { normalInit } from "../../layers/initialization.js";
import type { Layer } from "../../layers/layer.js";
import type { DetectionMaps } from "../../losses/detection.js";
import { split } from "../../random/random.js";
import type { DetectorNetwork, DetectorParameters } from "./detector-network.js";
import { nameLogits } from "./prototype-detector.js";

/** Parameters of `detectorModel`. */
export type DetectorModelParameters = {
  readonly network: DetectorParameters;
  /** What names the classes of a task: vectors [N, d], log t and the logit of none. */
  readonly names: { readonly weights: Tensor; readonly logScale: Tensor; readonly none: Tensor };
};

/**
 * A detector with a vector for each of N classes: pictures -> `DetectionMaps`, with names t cos(e, w_c) and one logit for none,
 * as those of `prototypeDetector`. Its head, which ANIL adapts, is what names the classes.
 *
 * @example maml({ model: detectorModel({ network, classes: 3 }), loss: detectionLoss({ stride: 4 }), inner, steps: 5 })
 */
export function detectorModel({
  network,
  classes,
}: {
  readonly network: DetectorNetwork;
  readonly classes: number;
}): Layer<Tree, Tensor, DetectionMaps> {
  return {
    head: "names",
    init: (key): Tree => ({
      network: network.init(split(key, "network")),
      names: {
        weights: normalInit(1)([classes, network.width], { in: network.width, out: classes }, split(key, "names")),
        logScale: tensor(Math.log(10)),
        none: tensor(5),
      },
    }),
    apply: (params, x) => {
      const { network: own, names } = params as DetectorModelParameters;
      const { embedding, objectness, box } = network.apply(own, x);
      return { objectness, names: nameLogits(embedding, names), box };
    },
  };
}
