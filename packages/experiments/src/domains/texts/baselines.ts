/** Rows beside a learner of texts: the centroid of what texts are coded as, and what training domains know alone. */
import type { Adapter } from "@innerloop/core";
import { featureCentroid, sourceClassifier, textCentroid } from "@innerloop/core/learners";
import type { Baseline, BaselineSetting } from "../domain.js";
import type { TextValues } from "./options.js";
import type { TextData } from "./reading.js";
import type { TextSpec } from "./spec.js";
import { areFixed } from "./tasks.js";
import { weightingOf } from "./training-texts.js";

export function textBaselines({
  options,
  spec,
  data: given,
  shapes: { ids, outputs },
}: Pick<BaselineSetting<TextValues, TextSpec>, "options" | "spec" | "data" | "shapes">): readonly Baseline[] {
  const { weights, source } = given as TextData;
  const ways = areFixed(options) ? outputs : options.ways;
  const known = spec && weightingOf(spec.coding, weights ?? (ids && new Float32Array(ids.count).fill(1, 1)));
  // Of other data than a run's own, all ids weigh the same.
  const weighting = known && (weights ? known : { ...known, of: `unweighted ${known.of}` });
  const centroid = weighting ? textCentroid({ ways, ...weighting }) : featureCentroid({ ways });
  const adapters: readonly unknown[] = [centroid, ...(source ? [sourceClassifier(source)] : [])];
  return adapters.map((adapter) => ({ adapter: adapter as Adapter, steps: [0] }));
}
