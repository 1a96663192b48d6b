/** The embedding within a trained learner, for the baseline that looks for neighbours in it. */

import { key, type Layer } from "@innerloop/core";
import { leaves, paths, sameShape, type Tree, unflatten } from "@innerloop/graph";

/** Where learners keep the parameters of their model: at the top, or under one of these names. */
const places = ["", "model/", "embedding/"];

/**
 * The parameters of an embedding among those of a learner, which has them for itself or as the model without its head;
 * undefined where it has none, or the embedding has no parameters.
 */
export function trainedEmbedding(embedding: Layer, params: Tree): Tree | undefined {
  const fresh = embedding.init(key(0));
  const names = paths(fresh);
  if (names.length === 0) return undefined;
  const values = leaves(params);
  const byPath = new Map(paths(params).map((path, i) => [path, values[i]!]));
  for (const place of places) {
    const found = leaves(fresh).flatMap((leaf, i) => {
      const value = byPath.get(`${place}${names[i]}`);
      return value && sameShape(value.shape, leaf.shape) ? [value] : [];
    });
    if (found.length === names.length) return unflatten(fresh, found);
  }
  return undefined;
}
