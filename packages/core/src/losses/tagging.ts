/** Predictions of tags and what they are judged by: the loss of words, and F1 of the spans. */
import {
  add,
  cast,
  concat,
  cumulativeSum,
  div,
  equal,
  expandAxis,
  formatShape,
  GraphError,
  greater,
  max,
  mul,
  neg,
  notEqual,
  oneHot,
  ones,
  sliceAxis,
  sum,
  type Tensor,
  toNumbers,
} from "@innerloop/graph";
import type { Loss } from "./losses.js";
import { type PooledMetric, pooledFigure, type TaskMetric } from "./metric.js";

/** Tags of the words of n sentences, as learners of sequence labelling predict them. */
export type TagPrediction = {
  /** float32 [n, length, tags]: log probabilities of the tags of each word; tag 0 is none. */
  readonly scores: Tensor;
  /** int32 [n, length]: tags, decoded; 0 for padding. */
  readonly tags: Tensor;
  /** float32 [n, length]: 1 for words, 0 for padding: the mask of the inputs. */
  readonly mask: Tensor;
};

/** The mask of words without those of sentences that are padding: [n, length]. */
export const wordsThere = (mask: Tensor, present: Tensor | undefined): Tensor =>
  present ? mul(mask, expandAxis(cast(present, mask.dtype), 1)) : mask;

/** @throws IL202 where there is not one tag for each word */
function requireTags(operation: string, { tags, mask, scores }: TagPrediction, y: Tensor): void {
  const [n, length, count] = scores.shape;
  const fits = [tags, mask, y].every((x) => x.rank === 2 && x.shape[0] === n && x.shape[1] === length);
  if (fits && count !== undefined) return;
  const problem = `scores ${formatShape(scores.shape)}, tags ${formatShape(tags.shape)} and a mask ${formatShape(mask.shape)} for tags ${formatShape(y.shape)}`;
  throw new GraphError(
    "IL202",
    operation,
    problem,
    "Give scores [n, length, tags], and tags and mask [n, length], for int32 tags [n, length]",
  );
}

/** Spans of two taggings of the same sentences, counted: scalars. */
export type SpanCounts = {
  /** Spans of both: of one start, one end and one type. */
  readonly hits: Tensor;
  readonly predicted: Tensor;
  readonly actual: Tensor;
};

/**
 * The spans of IO tags, longest runs of one tag but 0, counted in the graph. Tags of padding must be 0.
 *
 * Runs are numbered along a sentence; a span is a pair of places, the first and the last of one run. A hit is a pair that
 * is a span in both, of one tag: so it takes n length^2 numbers.
 *
 * @param predicted int32 [n, length]
 * @param actual int32 [n, length]
 */
export function spanCounts(predicted: Tensor, actual: Tensor): SpanCounts {
  const said = runsOf(predicted);
  const is = runsOf(actual);
  const sameTag = cast(equal(predicted, actual), "float32");
  const starts = mul(mul(said.starts, is.starts), sameTag);
  const ends = mul(said.ends, is.ends);
  const within = mul(sameRun(said.run), sameRun(is.run));
  const hits = mul(within, mul(expandAxis(starts, 2), expandAxis(ends, 1)));
  return { hits: sum(hits), predicted: sum(said.starts), actual: sum(is.starts) };
}

/** First and last places of the spans, float32 [n, length] of 0 and 1, and the number of the run that each place is in. */
function runsOf(tags: Tensor): { readonly starts: Tensor; readonly ends: Tensor; readonly run: Tensor } {
  const [n, length] = tags.shape as [number, number];
  const isSpan = cast(greater(tags, 0), "float32");
  if (length === 1) return { starts: isSpan, ends: isSpan, run: isSpan };
  const changes = cast(notEqual(sliceAxis(tags, 1, 1, length), sliceAxis(tags, 1, 0, length - 1)), "float32");
  const first = ones([n, 1]);
  const begins = concat([first, changes], 1);
  const stops = concat([changes, first], 1);
  return { starts: mul(begins, isSpan), ends: mul(stops, isSpan), run: cumulativeSum(begins, 1) };
}

/** 1 for places of one run: [n, length, length]. */
const sameRun = (run: Tensor): Tensor => cast(equal(expandAxis(run, 2), expandAxis(run, 1)), "float32");

/** Counts of the words and sentences that are there. */
function countsOf(prediction: TagPrediction, y: Tensor, present: Tensor | undefined): SpanCounts {
  requireTags("span F1", prediction, y);
  const there = cast(greater(wordsThere(prediction.mask, present), 0.5), "int32");
  return spanCounts(mul(prediction.tags, there), mul(y, there));
}

/** 2 hits / (predicted + actual); 0 where there are no spans at all, as in seqeval. */
const f1Of = ({ hits, predicted, actual }: SpanCounts): Tensor => div(mul(hits, 2), max(add(predicted, actual), 1));

/**
 * F1 of the spans of each task, and over tasks their mean with its interval, as Hou et al. 2020 report it: exact spans
 * with exact types; precision and recall are over all query sentences of the task. A task without a span in truth and
 * prediction has 0.
 */
export const episodeSpanF1: TaskMetric<TagPrediction, Tensor> = {
  name: "episodeF1",
  title: "mean F1 of the episodes' spans",
  better: "higher",
  share: true,
  note: "by exact spans and types, as the mean over episodes",
  compute: (prediction, y, present) => f1Of(countsOf(prediction, y, present)),
};

/**
 * Micro F1 of the spans of all queries of all tasks together, as for Few-NERD (Ding et al. 2021), with a bootstrap over
 * tasks: 2 hits / (predicted + actual).
 */
export const pooledSpanF1: PooledMetric<TagPrediction, Tensor> = {
  name: "pooledF1",
  title: "micro F1 of all spans",
  better: "higher",
  share: true,
  note: "by exact spans and types, over the spans of all episodes together",
  pooled: pooledFigure({
    statistics: (prediction: TagPrediction, y: Tensor, present?: Tensor): SpanCounts =>
      countsOf(prediction, y, present),
    combine: (tasks) => {
      const hits = tasks.map((task) => toNumbers(task.hits)[0]!);
      const all = tasks.map((task) => toNumbers(task.predicted)[0]! + toNumbers(task.actual)[0]!);
      return (times) => {
        let [found, there] = [0, 0];
        hits.forEach((n, i) => {
          found += times[i]! * n;
          there += times[i]! * all[i]!;
        });
        return there === 0 ? 0 : (2 * found) / there;
      };
    },
  }),
};

/**
 * The mean over words of -log p(tag of the word): predictions of `TagPrediction`, targets int32 [n, length]. Its metrics
 * are the F1 of spans, by episode, which leads, and of all episodes together.
 *
 * @throws IL202 where there is not one tag for each word
 */
export const taggingLoss: Loss<TagPrediction, Tensor> = Object.assign(
  (prediction: TagPrediction, y: Tensor, present?: Tensor): Tensor => {
    requireTags("taggingLoss", prediction, y);
    const { scores, mask } = prediction;
    const there = wordsThere(mask, present);
    const chosen = sum(mul(scores, oneHot(y, scores.shape[2]!, scores.dtype)), -1);
    return div(neg(sum(mul(chosen, there))), max(sum(there), 1));
  },
  { title: "negative log-likelihood of words", metrics: [episodeSpanF1, pooledSpanF1] as const },
);
