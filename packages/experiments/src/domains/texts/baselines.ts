/** Rows beside a learner of texts: the centroid of what texts are coded as, and what training domains know alone. */
import { type Adapter, key, type LabelledExamples } from "@innerloop/core";
import {
  type FittedSource,
  featureCentroid,
  fitSource,
  type IdWeighting,
  sourceClassifier,
  textCentroid,
} from "@innerloop/core/learners";
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
  const coding = spec?.coding;
  const weighting: IdWeighting | undefined =
    coding && coding.kind !== "features" && ids
      ? {
          weights: data.weights ?? new Float32Array(ids.count).fill(1, 1),
          of: idWords[coding.kind],
          repeats: coding.kind !== "ngrams",
        }
      : undefined;
  const centroid = weighting ? textCentroid({ ways, ...weighting }) : featureCentroid({ ways });
  const row = (adapter: unknown, more: Partial<Baseline> = {}): Baseline => ({
    adapter: adapter as Adapter,
    steps: [0],
    ...more,
  });
  if (data.by !== "domains" || !areFixed(options)) return [row(centroid)];
  return [
    row(centroid),
    sourceRow(
      data.parts.train.map((domain) => domain.data),
      outputs,
      weighting,
    ),
  ];
}

/** A classifier of all training texts, which a task's support set does not change. */
function sourceRow(domains: readonly LabelledExamples[], classes: number, ids: IdWeighting | undefined): Baseline {
  const { exampleShape } = domains[0]!;
  const inputs = ids ? ids.weights.length : exampleShape[0]!;
  const unfitted: FittedSource = {
    weights: new Float32Array(inputs * classes),
    bias: new Float32Array(classes),
    classes,
    inputs,
    ...(ids ? { ids } : {}),
    of: ids?.of ?? "features",
    penalty: 1,
    examples: domains.reduce((sum, { classes: all }) => sum + all.reduce((n, { count }) => n + count, 0), 0),
    steps: 0,
    converged: false,
  };
  return {
    adapter: sourceClassifier(unfitted) as unknown as Adapter,
    steps: [0],
    fit: async ({ signal }) => {
      const fitted = await fitSource(pooled(domains), { classes, ...(ids ? { ids } : {}), signal });
      return sourceClassifier(fitted).init(key(0));
    },
  };
}

/** All examples of all domains, with the labels that their classes have everywhere. */
function pooled(domains: readonly LabelledExamples[]): { x: Float32Array | Int32Array; y: Int32Array } {
  const parts = domains.flatMap(({ classes }) =>
    classes.map(({ examples, count }, label) => ({ examples, count, label })),
  );
  const size = parts.reduce((sum, { examples }) => sum + examples.length, 0);
  const x = parts[0]?.examples instanceof Int32Array ? new Int32Array(size) : new Float32Array(size);
  const y = new Int32Array(parts.reduce((sum, { count }) => sum + count, 0));
  let [at, row] = [0, 0];
  for (const { examples, count, label } of parts) {
    x.set(examples, at);
    y.fill(label, row, row + count);
    at += examples.length;
    row += count;
  }
  return { x, y };
}
