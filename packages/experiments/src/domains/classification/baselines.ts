/**
 * Rows beside a learner of classes: the nearest neighbour, by pixels and in the embedding that the run has trained; of a frozen
 * encoder's features their centroids, too.
 */
import { nearestNeighbour } from "@innerloop/core";
import { featureCentroid } from "@innerloop/core/learners";
import { trainedEmbedding } from "../../trained-embedding.js";
import type { Baseline, BaselineSetting } from "../domain.js";
import type { ClassificationValues } from "./options.js";
import type { ClassificationSpec } from "./spec.js";

export function neighbours({
  options: { ways },
  learner,
  networks,
  spec,
}: Pick<
  BaselineSetting<ClassificationValues, ClassificationSpec>,
  "options" | "learner" | "networks" | "spec"
>): readonly Baseline[] {
  const neighbour = nearestNeighbour({ ways });
  const of = spec?.backbone?.name;
  const asTheyAre: readonly Baseline["adapter"][] =
    of === undefined
      ? [neighbour]
      : [
          featureCentroid({ ways, of }) as unknown as Baseline["adapter"],
          { ...neighbour, name: `nearest neighbour (${of} features)` },
        ];
  const untrained = asTheyAre.map((adapter): Baseline => ({ adapter, steps: [0] }));
  const embedding = learner.embedding ? learner.embedding(networks) : networks.embedding();
  if (!embedding) return untrained;
  const embedded = nearestNeighbour({ ways, model: embedding });
  return [
    ...untrained,
    {
      adapter: { ...embedded, name: "nearest neighbour (embedding)" },
      steps: [0],
      fromTrained: (params) => trainedEmbedding(embedding, params),
    },
  ];
}
