import { mapTree, type Tensor, type Tree } from "@innerloop/graph";
import { type Layer, pointsWithin, within } from "../../layers/layer.js";
import { roleAt, traitsIn, withTraits } from "../../layers/parameter-roles.js";
import { split } from "../../random/random.js";

/**
 * A layer whose parameters the inner loop leaves alone: all tasks share them, and meta-training learns them. Put
 * between layers that adapt, it bends the space in which those take their gradient steps: with a linear layer after
 * each that adapts, this is the T-net of Lee & Choi (2018), and with any layers the warp layers of Flennerhag et al.
 * (2020).
 *
 * Flennerhag et al. train warp layers by the loss along the whole path of the inner loop, held constant; here, as in
 * T-nets, they are trained by the learner's own meta-gradient (Reptile, which has none but how far parameters adapt,
 * refuses them). A warped identity changes nothing.
 *
 * Its parameters lie below `warped` in the layer's. Those that are trained are of the role "shared".
 *
 * @example sequential([linear({ inputs: 1, outputs: 40 }), warped(linear({ inputs: 40, outputs: 40 })), relu()])
 */
export function warped<P extends Tree, In extends Tree, Out extends Tree>(
  layer: Layer<P, In, Out>,
): Layer<{ readonly warped: P }, In, Out> {
  const { head, outputShape, batchNorm, batchNormSteps, modulationPoints } = layer;
  return {
    ...(outputShape === undefined ? {} : { outputShape }),
    ...(head === undefined ? {} : { head: `warped/${head}` }),
    ...(batchNorm === undefined ? {} : { batchNorm }),
    ...(batchNormSteps === undefined ? {} : { batchNormSteps }),
    ...(modulationPoints === undefined ? {} : { modulationPoints: pointsWithin(layer, "warped") }),
    init: (key) => ({
      warped: mapTree(
        (leaf) => (isTrained(leaf) ? withTraits(leaf, { role: "shared" }) : leaf),
        layer.init(split(key, "warped")),
      ),
    }),
    apply: (params, x, context) => layer.apply(params.warped, x, within(context, "warped")),
  };
}

const isTrained = (leaf: Tensor): boolean => roleAt(traitsIn(leaf), "") === "trained";
