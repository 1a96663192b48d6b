/** The frame of learners of sequence labelling: they remember the words of the support set and score tags by them. */
import {
  argMax,
  cast,
  GraphError,
  greater,
  logSoftmax,
  mul,
  type Tensor,
  type Tree,
  valueAndGrad,
} from "@innerloop/graph";
import type { TokenInputs } from "../../domains/entities/token-inputs.js";
import type { ApplyContext } from "../../layers/layer.js";
import { type TagPrediction, taggingLoss, wordsThere } from "../../losses/tagging.js";
import type { Examples } from "../../tasks/task.js";
import { type Learner, measured, overPresent } from "../learner.js";
import { type EmbeddedTask, recordingContext } from "../metric/metric-learner.js";
import { type Chain, chainLoss, logMarginals, viterbi } from "./linear-chain.js";

/** A learner of sequence labelling: tags of words, from a few marked sentences. */
export type TokenLearner<Adapted extends Tree = Tree> = Learner<Tree, Adapted, TokenInputs, Tensor, TagPrediction>;

/** Scores of tags, [n, length, tags], and the chain that they are read with; without one each word is by itself. */
export interface TagScores {
  readonly scores: Tensor;
  readonly chain?: Chain;
}

/** The page that a method writes upon the frame `tokenLearner`. */
export interface TokenLearnerOptions<Remembered extends { readonly [name: string]: Tree }> {
  readonly name: string;
  readonly description: Learner["description"];
  /** Tags of a task, at most, none among them. */
  readonly tags: number;
  readonly init: Learner["init"];
  readonly remember: (params: Tree, support: Examples<TokenInputs, Tensor>, context: ApplyContext) => Remembered;
  readonly score: (task: Remembered & { readonly params: Tree }, x: TokenInputs, context: ApplyContext) => TagScores;
}

/**
 * Predictions by scores of tags. Without a chain they are the softmax of each word and its largest; with one the marginals
 * of the chain and its best tagging.
 */
export function taggedBy({ scores, chain }: TagScores, mask: Tensor): TagPrediction {
  if (chain)
    return {
      scores: logMarginals({ scores, mask }, chain),
      tags: viterbi({ scores, mask }, chain),
      mask,
    };
  const there = cast(greater(mask, 0.5), "int32");
  return { scores: logSoftmax(scores, -1), tags: mul(argMax(scores, -1), there), mask };
}

/**
 * A learner whose adaptation is one pass over the support set, and whose meta-gradient is that of the negative
 * log-likelihood of the query's taggings: per word, or by the chain where there is one.
 *
 * @throws IL102 where tags are not a whole number of 2 or more
 */
export function tokenLearner<Remembered extends { readonly [name: string]: Tree }>(
  options: TokenLearnerOptions<Remembered>,
): TokenLearner<Remembered & EmbeddedTask> {
  const { name, description, tags, init, remember, score } = options;
  requireTagCount(name, tags);
  type Adapted = Remembered & EmbeddedTask;
  const adapted = (params: Tree, support: Examples<TokenInputs, Tensor>, context: ApplyContext): Adapted => {
    const { statistics, recording } = recordingContext({ ...context, pass: "support" });
    return { params, ...remember(params, support, recording), statistics };
  };
  const answered = (task: Adapted, x: TokenInputs, context: ApplyContext) => {
    const { statistics, recording } = recordingContext({ ...context, pass: "query", given: task.statistics });
    return { found: score(task, x, recording), statistics };
  };
  return {
    name,
    description,
    loss: taggingLoss,
    classes: tags,
    init,
    metaGradient: (params, { support, query }, key) => {
      const context: ApplyContext = { phase: "train", ...(key ? { key } : {}) };
      const { value, gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const { found, statistics } = answered(adapted(at, support, context), query.x, context);
        const { metrics } = measured(taggingLoss, taggedBy(found, query.x.mask), query);
        return [trainingLoss(found, query), { metrics, statistics }] as const;
      })(params);
      return { loss: value, gradient, metrics: auxiliary.metrics, statistics: auxiliary.statistics };
    },
    adapt: (params, support) => adapted(params, support, { phase: "predict" }),
    predict: (task, x, present) => {
      const mask = wordsThere(x.mask, present);
      return taggedBy(answered(task, { ...x, mask }, { phase: "predict" }).found, mask);
    },
  };
}

/** The loss that training makes small. */
export function trainingLoss(found: TagScores, { x, y, present }: Examples<TokenInputs, Tensor>): Tensor {
  const { scores, chain } = found;
  const mask = wordsThere(x.mask, present);
  if (chain) return chainLoss({ scores, mask }, chain, y);
  return overPresent(taggingLoss, taggedBy(found, mask), present ? { y, present } : { y });
}

/** @throws IL102 where tags are not a whole number of 2 or more */
export function requireTagCount(learner: string, tags: number): void {
  if (Number.isInteger(tags) && tags >= 2) return;
  throw new GraphError("IL102", learner, `${tags} tags`, "Use 2 or more: none, and a type");
}
