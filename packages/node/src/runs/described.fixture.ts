/** Evaluations of made-up figures, described as those of the same names are. */
import type { Evaluation } from "@innerloop/core";
import { recordedFigures } from "@innerloop/experiments";

export const described = (evaluation: Omit<Evaluation, "figures">): Evaluation => ({
  ...evaluation,
  figures: recordedFigures({ protocol: evaluation.protocol, rows: evaluation.rows }),
});
