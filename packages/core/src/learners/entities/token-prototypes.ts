/** Prototypes of tags over encoded words, and the nearest words. */
import {
  broadcastTo,
  concat,
  exp,
  logSumExp,
  mul,
  neg,
  reshape,
  sliceAxis,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import type { TokenInputs } from "../../domains/entities/token-inputs.js";
import { type ApplyContext, type Layer, within } from "../../layers/layer.js";
import { type Key, split } from "../../random/random.js";
import { classMeans } from "../class-membership.js";
import { clusters } from "../clusters.js";
import { squaredDistances } from "../metric/distances.js";
import { type TokenLearner, tokenLearner } from "./token-learner.js";
import { asRows, nearestOfTags, supportWords, tagsThere, withoutAbsentTags } from "./token-matching.js";

/** Options of learners over encoded words. */
export interface EncodedTokensOptions {
  /** Encodes words: `TokenInputs` -> [n, length, features]. */
  readonly encoder: Layer<Tree, TokenInputs>;
  /** Tags of a task, at most, none among them. */
  readonly tags: number;
}

type Parameters = { readonly encoder: Tree; readonly logTemperature: Tensor; readonly threshold?: Tensor };

const encoded = ({ encoder }: EncodedTokensOptions, params: Tree, x: TokenInputs, context: ApplyContext): Tensor =>
  encoder.apply((params as Parameters).encoder, x, within(context, "encoder"));

/** Scores of words, one after another, as those of sentences. */
const bySentence = (scores: Tensor, { mask }: TokenInputs): Tensor =>
  reshape(scores, [...mask.shape, scores.shape[1]!]);

/** Distances divided by a learned temperature, as logits. */
const asLogits = (distance: Tensor, params: Tree): Tensor =>
  neg(mul(distance, exp(neg((params as Parameters).logTemperature))));

/** Options of `tokenPrototypes`. */
export interface TokenPrototypesOptions extends EncodedTokensOptions {
  /**
   * What stands for none, words of which have no meaning in common: so many prototypes, found by k-means (3 unless given);
   * or "threshold", a learned score that a type has to exceed.
   */
  readonly none?: number | "threshold";
}

/**
 * Prototypes of tags (Fritzler, Logacheva & Kretov 2019): a type is the mean of the encodings of its support words, none
 * is several prototypes or a learned threshold.
 *
 *   score_c(q) = -|z_q - mean z of c|^2 / T,  score_O(q) = log sum over j of exp(-|z_q - o_j|^2 / T), or a threshold
 *
 * The prototypes of none are those of k-means in the graph: it begins with the mean of all words of none and those
 * farthest from what there is already, and takes five rounds, so that the same words give the same prototypes. T and the
 * threshold are meta-learned; words are tagged each by itself.
 *
 * @throws IL102 where tags are not a whole number of 2 or more
 * @example tokenPrototypes({ encoder: wordEncoder({ ...data, slots: data.slots.length }), tags: 10 })
 */
export function tokenPrototypes(options: TokenPrototypesOptions): TokenLearner {
  const { encoder, tags, none = 3 } = options;
  return tokenLearner<{ prototypes: Tensor; ofNone: Tensor; there: Tensor }>({
    name: "token prototypes",
    description: { none },
    tags,
    init: (key: Key): Tree => ({
      encoder: encoder.init(split(key, "encoder")),
      logTemperature: tensor(Math.log(firstTemperature)),
      ...(none === "threshold" ? { threshold: tensor(-1) } : {}),
    }),
    remember: (params, support, context) => {
      const z = encoded(options, params, support.x, context);
      const { members } = supportWords(support, tags);
      const rows = asRows(z);
      const words = sliceAxis(members, 1, 0, 1);
      return {
        prototypes: classMeans(rows, sliceAxis(members, 1, 1, tags)),
        ofNone: clusters(rows, words, none === "threshold" ? 1 : none),
        there: tagsThere(members),
      };
    },
    score: ({ params, prototypes, ofNone, there }, x, context) => {
      const rows = asRows(encoded(options, params, x, context));
      const types = asLogits(squaredDistances(rows, prototypes), params);
      const { threshold } = params as Parameters;
      const scoreOfNone = threshold
        ? broadcastTo(reshape(threshold, [1, 1]), [rows.shape[0]!, 1])
        : logSumExp(asLogits(squaredDistances(rows, ofNone), params), -1, { keepAxes: true });
      return { scores: bySentence(withoutAbsentTags(concat([scoreOfNone, types], 1), there), x) };
    },
  });
}

/** Encodings of width 64 have squared distances of tens. */
const firstTemperature = 10;

/**
 * NNShot (Yang & Katiyar 2020): a tag is scored by the nearest of its support words,
 *
 *   score_c(q) = -min over words k of c of |z_q - z_k|^2 / T
 *
 * in a learned encoding, with a learned temperature. Words are tagged each by itself.
 *
 * @throws IL102 where tags are not a whole number of 2 or more
 * @example nearestTokens({ encoder: wordEncoder({ ...data, slots: data.slots.length }), tags: 10 })
 */
export function nearestTokens(options: EncodedTokensOptions): TokenLearner {
  const { encoder, tags } = options;
  return tokenLearner<{ words: { encoded: Tensor; members: Tensor } }>({
    name: "nearest tokens",
    description: {},
    tags,
    init: (key: Key): Tree => ({
      encoder: encoder.init(split(key, "encoder")),
      logTemperature: tensor(Math.log(firstTemperature)),
    }),
    remember: (params, support, context) => ({
      words: {
        encoded: asRows(encoded(options, params, support.x, context)),
        members: supportWords(support, tags).members,
      },
    }),
    score: ({ params, words }, x, context) => {
      const rows = asRows(encoded(options, params, x, context));
      const logits = asLogits(squaredDistances(rows, words.encoded), params);
      const scores = nearestOfTags(logits, words.members);
      return { scores: bySentence(withoutAbsentTags(scores, tagsThere(words.members)), x) };
    },
  });
}
