/** The data sets that are known by name. */
import { cifarFs, fc100 } from "./cifar-100.js";
import { glosses } from "./glosses.js";
import { hanzi } from "./hanzi.js";
import { huffpost, sentiment } from "./headlines-and-opinions.js";
import { miniImagenet, tieredImagenet } from "./imagenet-subsets.js";
import { banking77, clinc150 } from "./intents.js";
import type { KnownFiles, KnownSet } from "./known-set.js";
import { crossner, snips } from "./marked-sentences.js";
import { mnist } from "./mnist.js";
import { movielens } from "./movielens.js";
import { omniglot } from "./omniglot.js";
import { nusax, sib200 } from "./parallel-texts.js";
import { movietweetings, restaurants, xWines } from "./ratings-of-films-and-wines.js";

const records = {
  banking77,
  "cifar-fs": cifarFs,
  clinc150,
  crossner,
  fc100,
  glosses,
  hanzi,
  huffpost,
  mnist,
  movielens,
  movietweetings,
  nusax,
  omniglot,
  restaurants,
  sentiment,
  sib200,
  snips,
  "x-wines": xWines,
  "mini-imagenet": miniImagenet,
  "tiered-imagenet": tieredImagenet,
} as const;

type SourceOf<R> = R extends { readonly files: KnownFiles<infer Source> } ? Source : never;

/** Files of a known set, as its authors made them. */
export type KnownSource = { [K in keyof typeof records]: SourceOf<(typeof records)[K]> }[keyof typeof records];

export const knownSets = records as Readonly<Record<string, unknown>> as Readonly<
  Record<string, KnownSet<KnownSource>>
>;

/** The set of a name, or of the kind of a source, where it is known. */
export const knownSet = (name: string): KnownSet<KnownSource> | undefined =>
  Object.hasOwn(knownSets, name) ? knownSets[name] : undefined;
