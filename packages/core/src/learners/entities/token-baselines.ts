/** Baselines of sequence labelling: nothing is trained. Words are compared as they are, by features or raw states. */
import { add, div, GraphError, max, mul, reshape, sub, sum, type Tensor, type Tree } from "@innerloop/graph";
import type { TokenInputs, WordSetting } from "../../domains/entities/token-inputs.js";
import type { Adapter } from "../learner.js";
import { squaredDistances } from "../metric/distances.js";
import { abstractChain, type TransitionShares, transitionParameters, usualShares } from "./abstract-transitions.js";
import { comparedSlots, lexicalWeights } from "./struct-shot.js";
import { type TokenLearner, tokenLearner } from "./token-learner.js";
import {
  asRows,
  meansOfTags,
  nearestOfTags,
  slotMatches,
  supportWords,
  tagsThere,
  withoutAbsentTags,
} from "./token-matching.js";

/** Options of `tokenBaseline`. */
export interface TokenBaselineOptions extends Pick<WordSetting, "slots"> {
  /** Tags of a task, at most, none among them. */
  readonly tags: number;
  /** The features that are compared: lexical features, as many as do not match, or raw states of a backbone. */
  readonly of: "lexical" | "states";
  /** With the nearest support word, with the mean of a tag's words, or with the nearest and through transitions. */
  readonly by: "nearest" | "prototype" | "structShot";
  /** Transitions of `structShot`, counted on training domains; and the power that they are raised to, 0.3 by default. */
  readonly transitions?: TransitionShares;
  readonly tau?: number;
  /** The divisor of distances, 1 by default. */
  readonly temperature?: number;
}

/** A baseline of sequence labelling. */
export type TokenBaseline = Adapter<Tree, Tree, TokenInputs, Tensor, ReturnType<TokenLearner["predict"]>>;

/**
 * NNShot, prototypes or StructShot (Yang & Katiyar 2020) without any training, on lexical features or raw states.
 *
 *   lexical: d(q, k) = sum over slots of w_s [q_s and k_s do not match],  states: d(q, k) = |q - k|^2
 *   nearest: -min d(q, k) / T,  prototype: -(mean over k of d(q, k) - mean over k, k' of d(k, k') / 2) / T
 *
 * which for the states is the squared distance to their mean. StructShot takes the nearest, and finds the best tagging
 * through transitions that are counted, spread over the types and raised to tau.
 *
 * @throws IL102 where tags are not 2 or more, or temperature or tau not above 0
 * @throws IL303 where states are compared and inputs have none
 * @example tokenBaseline({ slots: data.slots, tags: 10, of: "lexical", by: "structShot" })
 */
export function tokenBaseline(options: TokenBaselineOptions): TokenBaseline {
  const { slots, tags, of, by, transitions = usualShares, tau = 0.3, temperature = 1 } = options;
  const distance = of === "states" ? squaredDistances : lexicalDistances(slots);
  const { metaGradient: _untrained, ...adapter } = tokenLearner<{
    words: { rows: Tensor; members: Tensor; within: Tensor };
  }>({
    name: `${of === "states" ? "raw states" : "lexical features"}, ${titles[by]}`,
    description: { trained: false, temperature, ...(by === "structShot" ? { tau } : {}) },
    tags,
    init: () => (by === "structShot" ? transitionParameters(transitions, tau) : {}),
    remember: (_params, support) => {
      const { members } = supportWords(support, tags);
      const rows = rowsOf(of, support.x);
      const means = by === "prototype" ? meansOfTags(distance(rows, rows), members) : undefined;
      // Of each tag the mean over pairs of its own words.
      const within = means ? div(sum(mul(means, members), 0), max(sum(members, 0), 1)) : sum(members, 0);
      return { words: { rows, members, within } };
    },
    score: ({ params, words: { rows, members, within } }, x) => {
      const between = distance(rowsOf(of, x), rows);
      const there = tagsThere(members);
      const scores =
        by === "prototype"
          ? sub(mul(within, 0.5), meansOfTags(between, members))
          : nearestOfTags(mul(between, -1), members);
      const [n, length] = x.mask.shape as [number, number];
      return {
        scores: reshape(withoutAbsentTags(div(scores, temperature), there), [n, length, tags]),
        ...(by === "structShot"
          ? { chain: abstractChain(params as ReturnType<typeof transitionParameters>, there) }
          : {}),
      };
    },
  });
  return adapter;
}

const titles = { nearest: "nearest token", prototype: "prototypes", structShot: "StructShot" } as const;

/** The rows that words are compared by: [words, ...]. */
function rowsOf(of: TokenBaselineOptions["of"], { lexical, states }: TokenInputs): Tensor {
  if (of === "lexical") return asRows(lexical);
  if (states) return asRows(states);
  throw new GraphError("IL303", "tokenBaseline", "inputs without states", 'Give a backbone, or compare "lexical"');
}

/** The sum of the weights of slots that do not match; a word without a feature matches none. */
function lexicalDistances(slots: readonly string[]): (query: Tensor, support: Tensor) => Tensor {
  const compared = comparedSlots(slots, baselineWeights);
  return (query, support) => {
    const matches = slotMatches(query, support);
    return compared.map(({ slot, weight }) => mul(sub(1, matches[slot]!), weight)).reduce((a, b) => add(a, b));
  };
}

/** Slots of weight 1: what is there to grow in training counts for nothing without it. */
const baselineWeights = Object.fromEntries(Object.entries(lexicalWeights).filter(([, weight]) => weight === 1));
