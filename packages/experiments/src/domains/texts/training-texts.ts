/** Training texts taken together: what their ids weigh, and a classifier of all of them. */
import type { LabelledExamples } from "@innerloop/core";
import { type FittedSource, fitSource, type IdWeighting } from "@innerloop/core/learners";
import { type ExampleDomain, inverseDocumentFrequency, rowsOfIds, type TextCoding } from "@innerloop/core/tasks";
import type { LongWork } from "../../io.js";
import type { CodedTexts } from "./coding.js";

/** The inverse document frequency of each id over training texts alone; undefined where texts are no ids. */
export function idWeights(
  train: readonly LabelledExamples[],
  { idCount, shape: [length = 1] }: CodedTexts,
): Float32Array | undefined {
  if (idCount === undefined) return undefined;
  function* rows(): Generator<Int32Array> {
    for (const { classes } of train)
      for (const { examples } of classes) yield* rowsOfIds(examples as Int32Array, length);
  }
  return inverseDocumentFrequency(rows(), idCount);
}

/** What ids are, in the names of rows. */
const idWords = { ngrams: "n-grams", tokens: "words", pieces: "pieces" } as const;

/** Ids with what they weigh, as baselines take them; undefined where texts are no ids. */
export const weightingOf = (coding: TextCoding, weights: Float32Array | undefined): IdWeighting | undefined =>
  coding.kind === "features" || !weights
    ? undefined
    : { weights, of: idWords[coding.kind], repeats: coding.kind !== "ngrams" };

/** Steps of a fit at most; most end long before. */
const mostSteps = 1000;

/** A classifier of all texts of training domains together, whose classes are the same everywhere. */
export function sourceOf(
  domains: readonly ExampleDomain[],
  coding: TextCoding,
  weights: Float32Array | undefined,
  { signal, onProgress }: LongWork,
): Promise<FittedSource> {
  const ids = weightingOf(coding, weights);
  const classes = domains[0]!.data.classes.length;
  return fitSource(pooled(domains.map(({ data }) => data)), {
    classes,
    ...(ids ? { ids } : { of: "features" }),
    signal,
    onProgress: ({ steps }) => onProgress?.(steps, mostSteps, "fit a classifier of all training texts"),
  });
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
