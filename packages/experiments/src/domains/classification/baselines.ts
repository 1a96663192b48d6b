/** Rows beside a learner of classes: the nearest neighbour, by pixels and in the embedding that the run has trained. */
import { nearestNeighbour } from "@innerloop/core";
import { trainedEmbedding } from "../../trained-embedding.js";
import type { Baseline, BaselineSetting } from "../domain.js";
import type { ClassificationValues } from "./options.js";

export function neighbours({
  options: { ways },
  learner,
  networks,
}: Pick<BaselineSetting<ClassificationValues, unknown>, "options" | "learner" | "networks">): readonly Baseline[] {
  const pixels: Baseline = { adapter: nearestNeighbour({ ways }), steps: [0] };
  const embedding = learner.embedding ? learner.embedding(networks) : networks.embedding();
  if (!embedding) return [pixels];
  const embedded = nearestNeighbour({ ways, model: embedding });
  return [
    pixels,
    {
      adapter: { ...embedded, name: "nearest neighbour (embedding)" },
      steps: [0],
      fromTrained: (params) => trainedEmbedding(embedding, params),
    },
  ];
}
