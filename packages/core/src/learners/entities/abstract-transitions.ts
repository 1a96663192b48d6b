/** Transitions between tags that mean the same in every task, from those between none, a type, the same and another. */
import {
  add,
  exp,
  expandAxis,
  GraphError,
  log,
  logSoftmax,
  max,
  mul,
  reshape,
  sliceAxis,
  sub,
  sum,
  type Tensor,
  tensor,
} from "@innerloop/graph";
import type { CodedSentences } from "../../domains/entities/coded-sentences.js";
import type { Chain } from "./linear-chain.js";

/** Probabilities of the tag of the next word: after a word of none, and after one of a type. Each line sums to 1. */
export interface TransitionShares {
  readonly noneToNone: number;
  readonly noneToType: number;
  readonly typeToNone: number;
  readonly typeToSame: number;
  readonly typeToOther: number;
}

/** Shares to start from where none are counted: about those of the five domains of CrossNER together with SNIPS. */
export const usualShares: TransitionShares = {
  noneToNone: 0.8,
  noneToType: 0.2,
  typeToNone: 0.5,
  typeToSame: 0.45,
  typeToOther: 0.05,
};

/**
 * Transition shares of sentences, counted with one added to each count; the first word of a sentence comes after none.
 *
 * @example transitionShares(selectDomains(data, trainingDomains))
 */
export function transitionShares({ domains }: Pick<CodedSentences, "domains">): TransitionShares {
  const counts = { noneToNone: 1, noneToType: 1, typeToNone: 1, typeToSame: 1, typeToOther: 1 };
  for (const { starts, tags } of domains) {
    for (let sentence = 0; sentence + 1 < starts.length; sentence++) {
      let before = 0;
      for (let word = starts[sentence]!; word < starts[sentence + 1]!; word++) {
        const tag = tags[word]!;
        if (before === 0) counts[tag === 0 ? "noneToNone" : "noneToType"]++;
        else counts[tag === 0 ? "typeToNone" : tag === before ? "typeToSame" : "typeToOther"]++;
        before = tag;
      }
    }
  }
  const none = counts.noneToNone + counts.noneToType;
  const type = counts.typeToNone + counts.typeToSame + counts.typeToOther;
  return {
    noneToNone: counts.noneToNone / none,
    noneToType: counts.noneToType / none,
    typeToNone: counts.typeToNone / type,
    typeToSame: counts.typeToSame / type,
    typeToOther: counts.typeToOther / type,
  };
}

/** Meta-parameters of the transitions: logits of the shares, and the logarithm of tau. */
export type TransitionParameters = {
  /** [2]: to none, to a type */
  readonly none: Tensor;
  /** [3]: to none, to the same, to another */
  readonly type: Tensor;
  readonly logTau: Tensor;
};

/**
 * First parameters, whose shares are those given.
 *
 * @param tau the power that probabilities are raised to
 * @throws IL102 where tau or a share is not above 0
 */
export function transitionParameters(shares: TransitionShares, tau: number): TransitionParameters {
  const { noneToNone, noneToType, typeToNone, typeToSame, typeToOther } = shares;
  const all = [noneToNone, noneToType, typeToNone, typeToSame, typeToOther, tau];
  if (!all.every((value) => value > 0 && Number.isFinite(value))) {
    const problem = `shares and tau of ${all.join(", ")}`;
    throw new GraphError("IL102", "transitions", problem, "Use numbers above 0");
  }
  return {
    none: tensor(Float32Array.of(Math.log(noneToNone), Math.log(noneToType))),
    type: tensor(Float32Array.of(Math.log(typeToNone), Math.log(typeToSame), Math.log(typeToOther))),
    logTau: tensor(Math.log(tau)),
  };
}

/**
 * The chain of a task by abstract transitions (Yang & Katiyar 2020, StructShot): the probability of going to a type is
 * spread evenly over the task's types, that of going to another over the others; all are then raised to tau and the rows
 * normalised again.
 *
 *   p(O -> c) = p(none -> type) / C,  p(c -> c') = p(type -> other) / (C - 1),  q(a -> b) ~ p(a -> b)^tau
 *
 * The first word comes after none. In the paper p is counted; here it is a parameter that may be counted at first.
 *
 * @param there float32 [tags], 1 for tags that the task has: none, and types with a support span; C is their number
 * without none. To the others nothing leads.
 */
export function abstractChain({ none, type, logTau }: TransitionParameters, there: Tensor): Chain {
  const tags = there.shape[0]!;
  const [fromNoneTo, fromTypeTo] = [logSoftmax(none, -1), logSoftmax(type, -1)];
  const [toNone, toType] = [0, 1].map((i) => sliceAxis(fromNoneTo, 0, i, i + 1)) as [Tensor, Tensor];
  const [out, same, other] = [0, 1, 2].map((i) => sliceAxis(fromTypeTo, 0, i, i + 1)) as [Tensor, Tensor, Tensor];
  const count = sub(sum(there), 1);
  const isNone = tensor(Float32Array.from({ length: tags }, (_, tag) => (tag === 0 ? 1 : 0)));
  const isType = sub(1, isNone);
  const own = tensor(
    Float32Array.from({ length: tags * tags }, (_, i) => (i % (tags + 1) === 0 && i > 0 ? 1 : 0)),
    [tags, tags],
  );
  const spread = (share: Tensor, over: Tensor): Tensor => sub(share, log(max(over, 1)));
  const fromNone = add(mul(isNone, toNone), mul(isType, spread(toType, count)));
  const others = sub(sub(1, own), isNone);
  const fromType = add(add(mul(isNone, out), mul(own, same)), mul(others, spread(other, sub(count, 1))));
  const rows = add(mul(expandAxis(isNone, 1), fromNone), mul(expandAxis(isType, 1), fromType));
  const absent = mul(sub(1, there), -1e9);
  const sharpened = logSoftmax(add(mul(rows, exp(logTau)), absent), -1);
  return {
    transitions: sharpened,
    start: reshape(sliceAxis(sharpened, 0, 0, 1), [tags]),
  };
}
