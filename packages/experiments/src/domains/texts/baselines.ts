/** Rows beside a learner of texts: the centroid of what texts are coded as, and what training domains know alone. */
import { type Adapter, featureCentroid, sourceClassifier, textCentroid } from "@innerloop/core";
import type { Baseline, BaselineSetting } from "../domain.js";
import type { TextValues } from "./options.js";
import type { TextData } from "./reading.js";
import type { TextSpec } from "./spec.js";
import { areFixed } from "./tasks.js";

/** What ids are, in the names of rows. */
const idWords = { ngrams: "n-grams", tokens: "words", pieces: "pieces" } as const;

export function textBaselines({
  options,
  spec,
  data: given,
  shapes: { ids, outputs },
}: Pick<BaselineSetting<TextValues, TextSpec>, "options" | "spec" | "data" | "shapes">): readonly Baseline[] {
  const data = given as TextData;
  const ways = areFixed(options) ? outputs : options.ways;
  const { weights } = data;
  const row = (adapter: unknown): Baseline => ({ adapter: adapter as Adapter, steps: [0] });
  const coding = spec?.coding;
  const kind = coding && coding.kind !== "features" ? coding.kind : undefined;
  const centroid = kind
    ? textCentroid({ ways, ids: ids!.count, of: idWords[kind], ...(weights ? { weights } : {}) })
    : featureCentroid({ ways });
  if (data.by !== "domains" || !areFixed(options)) return [row(centroid)];
  const examples = data.parts.train.map((each) => each.data);
  return [row(centroid), row(sourceClassifier({ examples, ...(kind && weights ? { weights } : {}) }))];
}
