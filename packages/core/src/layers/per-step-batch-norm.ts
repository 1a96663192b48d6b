import { GraphError, gather, mapTree, min, namedLeaves, stack, type Tensor, type Tree } from "@innerloop/graph";
import { split } from "../random/random.js";
import type { BatchNormMode, Layer } from "./layer.js";
import { within } from "./layer.js";
import { type BatchNormParameters, batchNorm } from "./layers.js";
import { mapWithPaths, type TraitsByPath, withTraits } from "./parameter-roles.js";

/** Parameters of batch normalisation that has some of its own for each inner step. */
export type PerStepBatchNormParameters = { readonly steps: { readonly [step: string]: BatchNormParameters } };

/**
 * Batch normalisation with scale, shift and running statistics of its own for each inner step (Antoniou, Edwards &
 * Storkey 2019): the features of theta_k are normalised by the k-th of `steps` ordinary `batchNorm`, k from 0, those of
 * theta_steps and later ones by the last. What is applied outside an adaptation takes the last, too.
 *
 * The authors' code judges theta_{k+1} with the normalisation of the step that led there, number k; here each theta has
 * one, for the support set and for queries.
 *
 * @param options.steps the inner steps that are trained
 * @throws IL102 where that is not a whole number of at least 1
 * @example perStepBatchNorm({ channels: 64, mode: "running", steps: 5 })
 */
export function perStepBatchNorm(options: {
  readonly channels: number;
  readonly mode: BatchNormMode;
  readonly steps: number;
  readonly epsilon?: number;
}): Layer<PerStepBatchNormParameters> {
  const { steps, ...ordinary } = options;
  if (!Number.isSafeInteger(steps) || steps < 1) {
    throw new GraphError("IL102", "perStepBatchNorm", `${steps} steps`, "Use the inner steps of training, 1 or more");
  }
  const norm = batchNorm(ordinary);
  return {
    batchNorm: options.mode,
    batchNormSteps: steps,
    init: (key) => {
      const parameters = new Map<string, symbol>();
      const ofStep = (step: number): BatchNormParameters =>
        mapWithPaths(
          (name, leaf) => {
            const parameter = parameters.get(name) ?? Symbol(name);
            parameters.set(name, parameter);
            return withTraits(leaf, { ofStep: { parameter, step } });
          },
          norm.init(split(key, `steps/${step}`)),
        );
      return { steps: Object.fromEntries(Array.from({ length: steps }, (_, step) => [String(step), ofStep(step)])) };
    },
    apply: (params, x, context = {}) => {
      const { step: taken = steps } = context;
      if (typeof taken !== "number") {
        // Known only when it runs, in a loop: that has averages of its own, and records none.
        const all = Array.from({ length: steps }, (_, step) => params.steps[String(step)]!) as [BatchNormParameters];
        return norm.apply(
          mapTree((...leaves) => ofStep(leaves, taken), ...all),
          x,
          context,
        );
      }
      const step = String(Math.min(taken, steps - 1));
      // Statistics of the support set are those of one application, whichever its step; averages are kept for each step.
      const at = options.mode === "running" ? within(within(context, "steps"), step) : context;
      return norm.apply(params.steps[step]!, x, at);
    },
  };
}

/**
 * Parameters that normalise each step as one of them is normalised: with these, a model that does not know its step
 * gives what it gives at that one.
 *
 * @param traits which parameters there are of each step
 */
export function withNormOfStep(params: Tree, traits: TraitsByPath, step: number | Tensor): Tree {
  const places = new Map<symbol, string[]>();
  for (const [path, { ofStep }] of traits) {
    if (!ofStep) continue;
    const ofParameter = places.get(ofStep.parameter) ?? [];
    ofParameter[ofStep.step] = path;
    places.set(ofStep.parameter, ofParameter);
  }
  if (places.size === 0) return params;
  const found = new Map(namedLeaves(params));
  return mapWithPaths((path, leaf) => {
    const ofParameter = places.get(traits.get(path)?.ofStep?.parameter as symbol);
    if (!ofParameter) return leaf;
    const ofSteps = ofParameter.map((at) => found.get(at)!);
    return typeof step === "number" ? ofSteps[Math.min(step, ofSteps.length - 1)]! : ofStep(ofSteps, step);
  }, params);
}

/** That of a step among tensors of one shape for each, the last for later ones: the step is an int32 scalar. */
const ofStep = (each: readonly Tensor[], step: Tensor): Tensor => gather(stack(each), min(step, each.length - 1), 0);
