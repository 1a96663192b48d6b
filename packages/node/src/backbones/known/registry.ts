/** The backbones that are known by name. */
import {
  efficientNetLite0Backbone,
  efficientNetLite0Cells,
  efficientNetLite0FineCells,
  efficientNetLite0Small,
} from "./efficientnet-lite0.js";
import type { KnownBackbone } from "./known-backbone.js";
import { minilm } from "./minilm.js";

export const knownBackbones: Readonly<Record<string, KnownBackbone>> = {
  minilm,
  "efficientnet-lite0": efficientNetLite0Backbone,
  "efficientnet-lite0-128": efficientNetLite0Small,
  "efficientnet-cells": efficientNetLite0Cells,
  "efficientnet-cells-640": efficientNetLite0FineCells,
};

/** The backbone of a name, where it is known. */
export const knownBackbone = (name: string): KnownBackbone | undefined =>
  Object.hasOwn(knownBackbones, name) ? knownBackbones[name] : undefined;
