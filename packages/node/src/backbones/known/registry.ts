/** The backbones that are known by name. */
import type { KnownBackbone } from "./known-backbone.js";
import { minilm } from "./minilm.js";

export const knownBackbones: Readonly<Record<string, KnownBackbone>> = { minilm };

/** The backbone of a name, where it is known. */
export const knownBackbone = (name: string): KnownBackbone | undefined =>
  Object.hasOwn(knownBackbones, name) ? knownBackbones[name] : undefined;
