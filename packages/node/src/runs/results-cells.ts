/** Where each figure of a results table stands: one row per method, one column per number of steps. */
import type { Evaluation } from "innerloop";

/** `accuracy` where there is one, else the loss. */
export const figureNameOf = (evaluation: Evaluation | undefined): string =>
  evaluation?.rows[0] && "accuracy" in evaluation.rows[0].figures ? "accuracy" : "loss";

export interface Figure {
  readonly mean: number;
  readonly interval: number;
}

export interface ResultsCells {
  /** Titles of the columns after that of the methods. */
  readonly header: readonly string[];
  readonly rows: readonly {
    readonly method: string;
    /** The name of the row's figures. */
    readonly name: string;
    /** One for each column; undefined where the method has none. */
    readonly figures: readonly (Figure | undefined)[];
  }[];
}

const titles: Readonly<Record<string, string>> = { "nearest neighbour": "nearest neighbour (pixels)" };

/** Learners that take steps say how many they take in training. */
const isStepless = ({ rows, protocol }: Evaluation): boolean =>
  rows.length === 1 && rows[0]!.steps === 0 && protocol.steps === undefined;

export function resultsCells(evaluations: readonly Evaluation[]): ResultsCells {
  const steps = [
    ...new Set(evaluations.flatMap((each) => (isStepless(each) ? [] : each.rows.map((row) => row.steps)))),
  ].sort((a, b) => a - b);
  if (steps.length === 0) steps.push(0);
  const rows = evaluations.map((evaluation) => {
    const name = figureNameOf(evaluation);
    // A method without steps has one figure, which belongs to no column more than to another: it stands in the last.
    const stepless = isStepless(evaluation);
    const rowAt = (n: number, column: number) =>
      stepless && column < steps.length - 1 ? undefined : evaluation.rows.find((each) => stepless || each.steps === n);
    return {
      method: titles[evaluation.learner] ?? evaluation.learner,
      name,
      figures: steps.map((n, column) => rowAt(n, column)?.figures[name]),
    };
  });
  return {
    header: steps.map((n) => (n === 0 ? "before" : `${n.toLocaleString("en")} step${n === 1 ? "" : "s"}`)),
    rows,
  };
}
