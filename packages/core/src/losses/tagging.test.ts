import { readFileSync } from "node:fs";
import { expandAxis, grad, logSoftmax, type Tensor, tensor, vmap, zeros } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { spansOfBio } from "../domains/entities/word-tags.js";
import { gradientError, noiseTensor, numbersOf, valuesIn } from "../numerical.fixture.js";
import { episodeSpanF1, pooledSpanF1, spanCounts, type TagPrediction, taggingLoss } from "./tagging.js";

interface Fixture {
  readonly truth: string;
  readonly predicted: string;
  readonly f1: readonly number[];
  readonly groupsOf20: readonly number[];
  readonly pooled: { readonly precision: number; readonly recall: number; readonly f1: number };
  readonly bio: readonly (readonly [tags: string, spans: string])[];
}
// Made once by fixtures/seqeval-fixture.py.
const seqeval = JSON.parse(readFileSync(new URL("fixtures/seqeval-1.2.2.json", import.meta.url), "utf8")) as Fixture;
const [truth, predicted] = [seqeval.truth.split(" "), seqeval.predicted.split(" ")];
const length = 12;
const tagsOf = (sentences: readonly string[]): Tensor =>
  tensor(Int32Array.from(sentences.flatMap((text) => [...text.padEnd(length, "0")].map(Number))), [
    sentences.length,
    length,
  ]);
const maskOf = (sentences: readonly string[]): Tensor =>
  tensor(Float32Array.from(sentences.flatMap((text) => Array.from({ length }, (_, i) => (i < text.length ? 1 : 0)))), [
    sentences.length,
    length,
  ]);
/** Predictions of sentences from i on. */
const said = (from: number, to: number): readonly [TagPrediction, Tensor] => [
  {
    scores: tensor(new Float32Array((to - from) * length * 4), [to - from, length, 4]),
    tags: tagsOf(predicted.slice(from, to)),
    mask: maskOf(truth.slice(from, to)),
  },
  tagsOf(truth.slice(from, to)),
];

describe("seqeval 1.2.2 on a thousand random sequences", () => {
  test("gives the same F1 of each", () => {
    const alone = vmap((p: Tensor, y: Tensor, mask: Tensor) => {
      const row = (x: Tensor): Tensor => expandAxis(x, 0);
      const prediction = { scores: zeros([1, length, 4]), tags: row(p), mask: row(mask) };
      return episodeSpanF1.compute(prediction, row(y));
    })(tagsOf(predicted), tagsOf(truth), maskOf(truth));
    const found = valuesIn(alone);
    expect(found).toHaveLength(1000);
    found.forEach((value, i) => {
      expect(value, `${truth[i]} ${predicted[i]}`).toBeCloseTo(seqeval.f1[i]!, 5);
    });
  });

  test("gives the same F1 of each twenty, and of all together", () => {
    const statistics = seqeval.groupsOf20.map((f1, i) => {
      const [prediction, y] = said(20 * i, 20 * i + 20);
      expect(valuesIn(episodeSpanF1.compute(prediction, y))[0]).toBeCloseTo(f1, 7);
      const counts = pooledSpanF1.pooled.statistics(prediction, y);
      const [hits, predicted, actual] = numbersOf(counts).map((values) => tensor(values)) as [Tensor, Tensor, Tensor];
      return { hits, predicted, actual };
    });
    const over = pooledSpanF1.pooled.combine(statistics);
    expect(over(new Uint8Array(50).fill(1))).toBeCloseTo(seqeval.pooled.f1, 9);
    // Where the bootstrap draws the first group alone, the figure is that group's; of none there is no span.
    expect(over(Uint8Array.from({ length: 50 }, (_, i) => (i === 0 ? 3 : 0)))).toBeCloseTo(seqeval.groupsOf20[0]!, 7);
    expect(over(new Uint8Array(50))).toBe(0);
  });

  test("gives the same precision and recall", () => {
    const [hits, found, there] = numbersOf(spanCounts(tagsOf(predicted), tagsOf(truth))).flat() as [
      number,
      number,
      number,
    ];
    expect(hits / found).toBeCloseTo(seqeval.pooled.precision, 9);
    expect(hits / there).toBeCloseTo(seqeval.pooled.recall, 9);
  });

  test("reads the same spans of BIO tags, broken ones too", () => {
    const names: Readonly<Record<string, string>> = { ".": "O", A: "B-a", a: "I-a", B: "B-b", b: "I-b" };
    for (const [tags, spans] of seqeval.bio) {
      const read = spansOfBio([...tags].map((letter) => names[letter]!)).spans!;
      expect(read.map(({ type, start, end }) => `${type}${start}-${end}`).join(" "), tags).toBe(spans);
    }
  });
});

describe("the loss of words", () => {
  const y = tensor(Int32Array.from([0, 2, 1, 0, 1, 0]), [2, 3]);
  const mask = tensor(Float32Array.from([1, 1, 1, 1, 1, 0]), [2, 3]);
  const logits = noiseTensor([2, 3, 3], 4);
  const lossOf = (z: Tensor, present?: Tensor): Tensor =>
    taggingLoss({ scores: logSoftmax(z, -1), tags: y, mask }, y, present);

  test("is the mean over words that are there, in sentences that are", () => {
    const rows = valuesIn(logSoftmax(logits, -1));
    const at = (word: number): number => -rows[3 * word + [0, 2, 1, 0, 1, 0][word]!]!;
    const mean = (...words: number[]): number => words.reduce((sum, word) => sum + at(word), 0) / words.length;
    expect(valuesIn(lossOf(logits))[0]).toBeCloseTo(mean(0, 1, 2, 3, 4), 6);
    expect(valuesIn(lossOf(logits, tensor([0, 1])))[0]).toBeCloseTo(mean(3, 4), 6);
    expect(valuesIn(lossOf(logits, tensor([0, 0])))[0]).toBeCloseTo(0, 12);
  });

  test("has the gradient of its differences", () => {
    expect(gradientError(lossOf, logits, grad(lossOf)(logits))).toBeLessThan(1e-7);
  });

  test("is of scores, tags and mask of one shape", () => {
    const prediction = { scores: logits, tags: y, mask: tensor([1, 1]) };
    expect(() => taggingLoss(prediction, y)).toThrow("IL202");
    expect(() => episodeSpanF1.compute({ ...prediction, mask }, tensor([0, 1]))).toThrow("IL202");
  });
});

test("spans of padding, of words and of sentences, count for nothing", () => {
  const y = tensor(Int32Array.from([1, 1, 0, 2, 2, 2]), [2, 3]);
  const tags = tensor(Int32Array.from([1, 1, 2, 2, 2, 2]), [2, 3]);
  const mask = tensor(Float32Array.from([1, 1, 0, 1, 1, 1]), [2, 3]);
  const prediction = { scores: zeros([2, 3, 3]), tags, mask };
  const counts = (present?: Tensor): number[] =>
    numbersOf(pooledSpanF1.pooled.statistics(prediction, y, present)).flat();
  expect(counts()).toEqual([2, 2, 2]);
  expect(counts(tensor([0, 1]))).toEqual([1, 1, 1]);
  expect(valuesIn(episodeSpanF1.compute(prediction, y, tensor([0, 0])))[0]).toBe(0);
});
