import { sizeOf } from "@innerloop/graph";
import { TaskError } from "../../tasks/task.js";
import type { IdAugmentation } from "../classification/episodes.js";

/**
 * Word dropout, a random change of examples of ids for training, to be given to `episodes`: each id that is there, which is
 * above 0, becomes 0 with probability `rate`, independently of the others, but never all of them. Where all were drawn, one
 * of them stays, each equally likely.
 *
 * No gap is closed: the ids that stay keep their places, in lists of words as in sets of n-grams. 0 is padding wherever it
 * stands, and what reads ids leaves it out by `ids > 0`.
 *
 * Iyyer et al. 2015, "Deep unordered composition rivals syntactic methods for text classification", for averages of word
 * vectors: there 0.3 of the words, and a text whose words are all dropped is the zero vector.
 *
 * @param rate at least 0 and below 1
 * @throws ILT201 where the rate is out of range; ILT306, from `episodes`, where examples are not ids
 * @example episodes(intents, { ways: 25, shots: 1, queries: 4, augment: wordDropout(0.3) })
 */
export function wordDropout(rate: number): IdAugmentation {
  if (!(rate >= 0 && rate < 1))
    throw new TaskError("ILT201", "wordDropout", `rate is ${rate}`, "Give a number of at least 0 and below 1");
  return Object.assign(
    (ids: Int32Array, offset: number, shape: readonly number[], random: Parameters<IdAugmentation>[3]): void => {
      const example = ids.subarray(offset, offset + sizeOf(shape));
      const there = Array.from(example.keys()).filter((at) => example[at]! > 0);
      if (there.length === 0) return;
      const dropped = there.filter(() => random.uniform() < rate);
      const kept = dropped.length === there.length ? there[random.integer(there.length)] : undefined;
      for (const at of dropped) if (at !== kept) example[at] = 0;
    },
    { of: "ids", description: `word dropout ${rate}` } as const,
  );
}
