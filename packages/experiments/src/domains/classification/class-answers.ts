/** Answers of learners of classes: for machines, and as rows of a table. */
import { type OpenSetAnswer, type OpenSetRule, openSetAnswers, probabilitiesOf } from "@innerloop/core";
import { type Tensor, tensor } from "@innerloop/graph";
import type { Answer, AnswerCell } from "../domain.js";

/** Logits of the classes at hand: outputs beyond them were never shown an example. */
function ofClasses(logits: Tensor, classes: number): Tensor {
  const [rows = 0, outputs = 0] = logits.shape;
  const kept = new Float32Array(rows * classes);
  for (let row = 0; row < rows; row++)
    for (let c = 0; c < classes; c++) kept[row * classes + c] = Number(logits.data![row * outputs + c]);
  return tensor(kept, [rows, classes]);
}

/**
 * The class of each input with the probabilities of all, the most probable first.
 *
 * @param names of the classes at hand, of which there may be fewer than outputs
 * @param rule by which an input may be of none of them: its prediction is then null
 */
export function classAnswers(
  prediction: Tensor,
  names: readonly string[],
  rule?: OpenSetRule | undefined,
): readonly Answer[] {
  const logits = ofClasses(prediction, names.length);
  const probabilities = probabilitiesOf(logits);
  const open: readonly OpenSetAnswer[] | undefined = rule && openSetAnswers(logits, rule);
  return probabilities.map((row, i) => {
    const ranked = names
      .map((name, label) => ({ name, probability: row[label]! }))
      .sort((a, b) => b.probability - a.probability);
    const isRejected = open !== undefined && open[i]!.label === undefined;
    return {
      prediction: isRejected ? null : ranked[0]!.name,
      ...(open ? { score: open[i]!.score } : {}),
      probabilities: Object.fromEntries(ranked.map(({ name, probability }) => [name, probability])),
    };
  });
}

/** An answer as a row of a table: input, class, probability, a bar of it, and the classes that come next. */
export function classCells({ prediction, probabilities }: Answer, name: string): readonly AnswerCell[] {
  // Names that are whole numbers come first in an object, whatever they were put behind.
  const ranked = Object.entries(probabilities as Readonly<Record<string, number>>).sort(([, a], [, b]) => b - a);
  const shown = (list: readonly (readonly [string, number])[]): string =>
    list
      .slice(0, 3)
      .map(([each, p]) => `${each} ${shareText(p)}`)
      .join("  ");
  if (prediction === null) return [name, { mark: "none of these" }, "", "", shown(ranked)];
  const [[, best] = ["", 0], ...others] = ranked;
  return [name, String(prediction), shareText(best), { bar: best }, shown(others)];
}

/** `93.1%` */
export const shareText = (p: number): string => `${(100 * p).toFixed(1)}%`;
