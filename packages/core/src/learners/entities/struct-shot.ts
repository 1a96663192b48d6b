/** StructShot with everything that can be learned of it meta-learned. */
import {
  add,
  cast,
  exp,
  gather,
  greater,
  log,
  matmul,
  mul,
  reshape,
  sliceAxis,
  sub,
  sum,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import type { TokenInputs, WordSetting } from "../../domains/entities/token-inputs.js";
import type { ApplyContext, Layer } from "../../layers/layer.js";
import { within } from "../../layers/layer.js";
import { withTraits } from "../../layers/parameter-roles.js";
import { type Key, split } from "../../random/random.js";
import {
  abstractChain,
  type TransitionParameters,
  type TransitionShares,
  transitionParameters,
  usualShares,
} from "./abstract-transitions.js";
import { type TokenLearner, tokenLearner } from "./token-learner.js";
import {
  asRows,
  cosines,
  meansOfTags,
  type SupportWords,
  slotMatches,
  softNearestOfTags,
  supportWords,
  tagsThere,
  withoutAbsentTags,
} from "./token-matching.js";

/** Options of `structShot`. */
export interface StructShotOptions extends Pick<WordSetting, "slots" | "ids"> {
  /** Tags of a task, at most, none among them. */
  readonly tags: number;
  /** Encodes words, [n, length, features]; words are compared by their features alone without it. */
  readonly encoder?: Layer<Tree, TokenInputs>;
  /**
   * First weights of the slots that are compared, by name; `lexicalWeights` unless given. Where it names none of the slots,
   * all of them are compared, with a weight of 1.
   */
  readonly slotWeights?: Readonly<Record<string, number>>;
  /** The divisor of similarities at first, 1 by default. */
  readonly temperature?: number;
  /** First sharpness of the nearest word, 20 by default. */
  readonly sharpness?: number;
  /** First transitions, and the power that they are raised to, 0.3 by default; null for words by themselves. */
  readonly transitions?: TransitionShares | null;
  readonly tau?: number;
}

type Parameters = {
  readonly encoder?: Tree;
  /** [compared slots]: logarithms of what a match in a slot adds. */
  readonly slots: Tensor;
  /** [ids]: logarithms of what a match of a feature weighs. */
  readonly features: Tensor;
  /** [compared slots]: weights of the evidence of all words of a tag. */
  readonly evidence: Tensor;
  readonly logSmoothing: Tensor;
  readonly logSharpness: Tensor;
  /** [2]: weights in tens of the cosines of encodings: with the nearest word, with all words of a tag in the mean. */
  readonly encoded?: Tensor;
  readonly noneBias: Tensor;
  readonly transitions?: TransitionParameters;
};

/** First smoothing of counts of features. */
const firstSmoothing = 0.1;

/** Weights that count for nearly nothing, and can grow. */
const leastWeight = 0.02;

/**
 * First weights of slots by name: the word, its shape, its affixes and its neighbours to two places. What a match in one of
 * them adds to a similarity, before the temperature. Those that count for nearly nothing are there to grow.
 */
export const lexicalWeights: Readonly<Record<string, number>> = {
  form: 1,
  shape: 1,
  capitals: leastWeight,
  prefix3: 1,
  suffix3: 1,
  suffix2: leastWeight,
  before2: 1,
  before1: 1,
  after1: 1,
  after2: 1,
  digits: leastWeight,
};

/** @internal The slots that are compared: their places, and their weights. */
export function comparedSlots(
  slots: readonly string[],
  weights: Readonly<Record<string, number>> = lexicalWeights,
): readonly { readonly slot: number; readonly weight: number }[] {
  const named = slots.flatMap((name, slot) => {
    const weight = Object.hasOwn(weights, name) ? weights[name]! : 0;
    return weight > 0 ? [{ slot, weight }] : [];
  });
  return named.length > 0 ? named : slots.map((_, slot) => ({ slot, weight: 1 }));
}

/**
 * StructShot (Yang & Katiyar 2020) whose similarity, temperature and transitions are meta-learned: a query word is
 * compared with every support word, a tag is scored by the nearest of its words, and the best tagging is found through
 * abstract transitions.
 *
 *   sim(q, k) = sum over slots s of exp(w_s + v_id) [q_s = k_s] + a cos(z_q, z_k)
 *   score_c(q) = (1 / b) log sum over words k of c of exp(b sim(q, k))
 *                + sum over slots u_s log((n_cs(q_s) + e) / (n_c + 1)) + a' mean cos(z_q, z_k) + bias of none
 *
 * w are weights of slots and v of single features, z encodings of words, n_cs the number of the tag's words with the
 * feature; u, v and the bias begin at 0 and a and a' at 1, so that without an encoder the untrained learner is StructShot on lexical
 * features. Temperature is in w and a. Training makes the loss of the whole chain small, through the soft nearest of
 * sharpness b and the transitions, which the paper counts. The probability of a tag at a word is its marginal in the
 * chain.
 *
 * @throws IL102 where tags are not a whole number of 2 or more, or temperature, sharpness or tau is not above 0
 * @example structShot({ ...data, tags: 10, encoder: wordEncoder({ ...data, slots: data.slots.length }) })
 */
export function structShot(options: StructShotOptions): TokenLearner {
  const { slots, ids, tags, encoder, temperature = 1, sharpness = 20, transitions = usualShares, tau = 0.3 } = options;
  const compared = comparedSlots(slots, options.slotWeights);
  const places = tensor(Int32Array.from(compared, ({ slot }) => slot));
  const first = compared.map(({ weight }) => Math.log(weight / temperature));
  /** Features in the slots that are compared. */
  const features = (lexical: Tensor): Tensor => gather(lexical, places, 1);
  const encode = (params: Parameters, x: TokenInputs, context: ApplyContext): Tensor | undefined =>
    encoder?.apply(params.encoder!, x, within(context, "encoder"));
  return tokenLearner<{ words: SupportWords }>({
    name: "StructShot",
    description: {
      sharpness,
      temperature,
      ...(transitions ? { tau } : { transitions: false }),
      encoder: encoder !== undefined,
    },
    tags,
    init: (key: Key): Tree => ({
      ...(encoder ? { encoder: encoder.init(split(key, "encoder")), encoded: tensor(Float32Array.of(0.1, 0.1)) } : {}),
      slots: tensor(Float32Array.from(first)),
      features: withTraits(tensor(new Float32Array(ids)), { role: "shared" }),
      evidence: tensor(new Float32Array(compared.length)),
      logSmoothing: tensor(Math.log(firstSmoothing)),
      logSharpness: tensor(Math.log(sharpness)),
      noneBias: tensor(0),
      ...(transitions ? { transitions: transitionParameters(transitions, tau) } : {}),
    }),
    remember: (params, support, context) => ({
      words: supportWords(support, tags, encode(params as unknown as Parameters, support.x, context)),
    }),
    score: ({ params, words }, x, context) => {
      const own = params as unknown as Parameters;
      const { encoded, members } = words;
      const [query, lexical] = [asRows(x.lexical), words.lexical].map(features) as [Tensor, Tensor];
      const there = tagsThere(members);
      const matches = slotMatches(query, lexical);
      // [m, slots]: what a match with each support word adds.
      const weights = exp(add(own.slots, gather(own.features, lexical, 0)));
      let similarity = weighted(matches, weights);
      let scores = evidenceOf(own, { matches, query, members });
      const z = encode(own, x, context);
      if (z && encoded && own.encoded) {
        const cosine = cosines(asRows(z), encoded);
        similarity = add(similarity, mul(cosine, scaled(own.encoded, 0)));
        scores = add(scores, mul(meansOfTags(cosine, members), scaled(own.encoded, 1)));
      }
      scores = add(scores, softNearestOfTags(similarity, members, exp(own.logSharpness)));
      const isNone = tensor(Float32Array.from({ length: tags }, (_, tag) => (tag === 0 ? 1 : 0)));
      scores = withoutAbsentTags(add(scores, mul(isNone, own.noneBias)), there);
      const [n, length] = x.mask.shape as [number, number];
      return {
        scores: reshape(scores, [n, length, tags]),
        ...(own.transitions ? { chain: abstractChain(own.transitions, there) } : {}),
      };
    },
  });
}

/** Cosines end at 1, logits do not: steps of an optimizer are to change their weight as fast as that of a slot. */
const cosineUnit = 10;
const scaled = (weights: Tensor, i: number): Tensor => mul(at(weights, i), cosineUnit);

const at = (x: Tensor, i: number): Tensor => reshape(sliceAxis(x, 0, i, i + 1), []);

/** The sum over slots of matches [q, m] times the weights of the support words, [m, slots]. */
function weighted(matches: readonly Tensor[], weights: Tensor): Tensor {
  const terms = matches.map((match, slot) => mul(match, reshape(sliceAxis(weights, 1, slot, slot + 1), [-1])));
  return terms.reduce((a, b) => add(a, b));
}

/**
 * What all words of each tag say together: the sum over slots of u_s log((n_cs + e) / (n_c + 1)), [q, tags], n_cs the number
 * of the tag's words that have the query word's feature; a slot without one says nothing.
 */
function evidenceOf(
  { evidence, logSmoothing }: Parameters,
  {
    matches,
    query,
    members,
  }: { readonly matches: readonly Tensor[]; readonly query: Tensor; readonly members: Tensor },
): Tensor {
  const all = log(add(sum(members, 0), 1));
  const smoothing = exp(logSmoothing);
  const asked = cast(greater(query, 0), "float32");
  return matches
    .map((match, slot) => {
      const share = sub(log(add(matmul(match, members), smoothing)), all);
      return mul(share, mul(sliceAxis(asked, 1, slot, slot + 1), at(evidence, slot)));
    })
    .reduce((a, b) => add(a, b));
}
