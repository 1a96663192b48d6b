/** Sentences of a few topics, as token ids with their mask: tasks whose inputs are trees. */
import { type Count, type Examples, type Layer, type Random, random } from "@innerloop/core";
import { embedding } from "@innerloop/core/layers";
import type { DescribedTaskSource } from "@innerloop/core/tasks";
import { div, max, mul, reshape, sum, type Tensor, tensor } from "@innerloop/graph";

/** tokens int32 [n, length] and mask float32 [n, length]: 1 for words that are there. */
export type Sentences = { readonly tokens: Tensor; readonly mask: Tensor };

const [topicCount, wordsOfTopic, length] = [10, 4, 6];
export const words = topicCount * wordsOfTopic;

/** The mean of the vectors of a sentence's words: [n, features]. */
export function embeddingBag(features: number): Layer<{ readonly weight: Tensor }, Sentences> {
  const table = embedding({ entries: words, width: features });
  return {
    init: table.init,
    outputShape: [features],
    apply: (params, { tokens, mask }) => {
      const there = reshape(mask, [...mask.shape, 1]);
      return div(sum(mul(table.apply(params, tokens), there), 1), max(sum(there, 1), 1));
    },
  };
}

/**
 * A class of a task is a topic; six words in ten of its sentences are of the topic, which has four words of its own, and
 * the others are of any. So a sentence is known by words that the support set need not have: which belong together is to
 * be learned. Where `shots` is a range, sets are padded.
 */
export function topics(options: {
  readonly ways: number;
  readonly shots: Count;
  readonly queries: number;
}): DescribedTaskSource<Sentences> {
  const { ways, shots, queries } = options;
  const most = typeof shots === "number" ? shots : shots.to;
  const varies = typeof shots !== "number";
  const sentences = (source: Random, chosen: readonly number[], each: number, rows: number): Examples<Sentences> => {
    const [tokens, mask] = [new Int32Array(rows * length), new Float32Array(rows * length)];
    const [labels, present] = [new Int32Array(rows), new Float32Array(rows)];
    chosen.forEach((topic, label) => {
      for (let i = 0; i < each; i++) {
        const row = label * each + i;
        const count = 3 + source.integer(length - 2);
        for (let at = row * length; at < row * length + count; at++) {
          const isOwn = source.uniform() < 0.6;
          tokens[at] = isOwn ? topic * wordsOfTopic + source.integer(wordsOfTopic) : source.integer(words);
          mask[at] = 1;
        }
        labels[row] = label;
        present[row] = 1;
      }
    });
    return {
      x: { tokens: tensor(tokens, [rows, length]), mask: tensor(mask, [rows, length]) },
      y: tensor(labels),
      ...(varies ? { present: tensor(present) } : {}),
    };
  };
  return {
    name: "topics",
    description: { ways, shots: typeof shots === "number" ? shots : `${shots.from} to ${shots.to}`, queries },
    spec: {
      x: {
        tokens: { shape: [length], dtype: "int32", range: { least: 0, most: words - 1 } },
        mask: { shape: [length], dtype: "float32", range: { least: 0, most: 1 } },
      },
      y: { shape: [], dtype: "int32", classes: { count: ways } },
      support: { rows: ways * most, ...(varies ? { present: true } : {}) },
      query: { rows: ways * queries, ...(varies ? { present: true } : {}) },
    },
    sample(seed, index) {
      const source = random(seed, index);
      const chosen = source.choose(topicCount, ways);
      const each = typeof shots === "number" ? shots : shots.from + source.integer(shots.to - shots.from + 1);
      return {
        support: sentences(source, chosen, each, ways * most),
        query: sentences(source, chosen, queries, ways * queries),
      };
    },
  };
}
