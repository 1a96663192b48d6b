/** Taggers that adapt by gradient steps: a linear head over encoded words, each by itself or as a chain. */
import { ones, type Tensor, type Tree } from "@innerloop/graph";
import type { TokenInputs } from "../../domains/entities/token-inputs.js";
import { type ApplyContext, type Layer, within } from "../../layers/layer.js";
import { linear } from "../../layers/layers.js";
import { type TagPrediction, taggingLoss, wordsThere } from "../../losses/tagging.js";
import type { GradientTransformation } from "../../optimizers/gradient-transformation.js";
import { type Key, split } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { maml } from "../gradient/maml.js";
import { measured } from "../learner.js";
import { recordingContext, requireOutputShape } from "../metric/metric-learner.js";
import {
  abstractChain,
  type TransitionParameters,
  type TransitionShares,
  transitionParameters,
  usualShares,
} from "./abstract-transitions.js";
import type { Chain } from "./linear-chain.js";
import { requireTagCount, type TagScores, type TokenLearner, taggedBy, trainingLoss } from "./token-learner.js";
import type { EncodedTokensOptions } from "./token-prototypes.js";

/**
 * An encoder of words under a linear head: `TokenInputs` -> `TagPrediction`, each word by itself. A model for the learners
 * that adapt by gradient steps, with `taggingLoss`: MAML, ANIL and the others.
 *
 * @throws IL102 where the encoder does not say how many features a word has, or tags are not 2 or more
 * @example maml({ model: taggingModel({ encoder, tags: 10 }), loss: taggingLoss, inner: sgd({ learningRate: 0.5 }) })
 */
export function taggingModel({ encoder, tags }: EncodedTokensOptions): Layer<Tree, TokenInputs, TagPrediction> {
  const { init, scored } = headOf("taggingModel", { encoder, tags });
  return {
    head: "head",
    init,
    apply: (params, x, context = {}) => taggedBy({ scores: scored(params, x, context) }, x.mask),
  };
}

/** The linear head over encodings: its first parameters, { encoder, head }, and the scores that it gives. */
function headOf(operation: string, { encoder, tags }: EncodedTokensOptions) {
  requireTagCount(operation, tags);
  const head = linear({ inputs: requireOutputShape(operation, encoder).at(-1)!, outputs: tags });
  return {
    init: (key: Key): { readonly [part: string]: Tree } => ({
      encoder: encoder.init(split(key, "encoder")),
      head: head.init(split(key, "head")),
    }),
    scored: (params: Tree, x: TokenInputs, context: ApplyContext): Tensor => {
      const own = params as { readonly encoder: Tree; readonly head: ReturnType<typeof head.init> };
      return head.apply(own.head, encoder.apply(own.encoder, x, within(context, "encoder")));
    },
  };
}

/** Options of `crfTagger`. */
export interface CrfTaggerOptions extends EncodedTokensOptions {
  /** The inner optimizer. */
  readonly inner: GradientTransformation;
  /** Inner steps, 5 by default. */
  readonly steps?: number;
  /** 2 (default) differentiates through the inner gradients; 1 does not. */
  readonly order?: 1 | 2;
  /** First transitions. */
  readonly transitions?: TransitionShares;
}

/**
 * A conditional random field (Lafferty, McCallum & Pereira 2001) over encoded words, whose linear head and transitions
 * adapt by gradient steps: the encoder is trained through them, as in ANIL.
 *
 *   p(t | x) ~ exp(sum over words of (W z_i + b)[t_i] + transitions[t_(i-1), t_i])
 *
 * The loss, inner and outer, is the negative log-likelihood of taggings per word, by the forward algorithm in the log
 * domain; transitions are abstract, so that types may be numbered in any order. Predictions are the marginals and the
 * best tagging. Adaptation and prediction are one graph each.
 *
 * @throws IL102 as `taggingModel` and `maml`
 * @example crfTagger({ encoder: wordEncoder({ ... }), tags: 10, inner: sgd({ learningRate: 0.5 }), steps: 5 })
 */
export function crfTagger(options: CrfTaggerOptions): TokenLearner {
  const { encoder, tags, inner, steps = 5, order = 2, transitions = usualShares } = options;
  const { init, scored } = headOf("crfTagger", { encoder, tags });
  type Data = Examples<TokenInputs, Tensor>;
  const all = ones([tags]);
  const chainOf = (params: Tree): Chain =>
    abstractChain((params as { readonly transitions: TransitionParameters }).transitions, all);
  const found = (params: Tree, x: TokenInputs, context: ApplyContext): TagScores => ({
    scores: scored(params, x, context),
    chain: chainOf(params),
  });
  /** The same with the statistics that layers of the encoder report on the way. */
  const recorded = (params: Tree, { x }: Data, context: ApplyContext) => {
    const { statistics, recording } = recordingContext(context);
    return { given: found(params, x, recording), statistics };
  };
  const learner = maml<Data>({
    objective: {
      inner: (params, data, context) => {
        const { given, statistics } = recorded(params, data, context);
        return { loss: trainingLoss(given, data), statistics };
      },
      outer: (params, data, context) => {
        const { given, statistics } = recorded(params, data, context);
        const { metrics } = measured(taggingLoss, taggedBy(given, data.x.mask), data);
        return { loss: trainingLoss(given, data), metrics, statistics };
      },
      predict: ((params: Tree, x: TokenInputs, present?: Tensor) => {
        const mask = wordsThere(x.mask, present);
        return taggedBy(found(params, { ...x, mask }, {}), mask);
      }) as never,
    },
    init: (key) => ({ ...init(key), transitions: transitionParameters(transitions, 1) }),
    inner,
    steps,
    order,
    adapts: (path) => !path.startsWith("encoder"),
  });
  return {
    ...(learner as unknown as TokenLearner),
    name: "CRF",
    description: { ...learner.description, adapts: "head and transitions" },
    loss: taggingLoss,
    classes: tags,
  };
}
