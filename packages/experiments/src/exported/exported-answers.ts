/** Answers of exported programs in a user's own terms. */
import { type OpenSetRule, openSetScores } from "@innerloop/core/exported";
import type { PortableArrays } from "@innerloop/graph";
import { ExportError } from "./export-error.js";
import type { ExportedConfig } from "./exported-config.js";

/** The class of an input. */
export interface ClassAnswer {
  readonly label: string;
  /** How probable it is, from 0 to 1. */
  readonly probability: number;
  /**
   * Whether it is of none of the classes, by the export's rule; absent where it has none, or the task took other steps than
   * those that the rule was chosen with.
   */
  readonly rejected?: boolean;
  /** Of all classes of the task, by name. */
  readonly probabilities: Readonly<Record<string, number>>;
}

/** The number that is predicted for an input, in its own unit; of several targets each by its name. */
export interface ValueAnswer {
  readonly value: number | Readonly<Record<string, number>>;
  /** Standard deviation, where the learner says how sure it is. */
  readonly deviation?: number | Readonly<Record<string, number>>;
}

/** An answer of an exported learner: of classes, or of numbers. */
export type ExportedAnswer = ClassAnswer & ValueAnswer;

/** The answers to the first rows. @throws ExportError ILE207 where a prediction is no finite number */
export function answersOf(
  outputs: PortableArrays,
  rows: number,
  {
    config: { ways, targets },
    classes,
    rule,
    where,
  }: {
    readonly config: ExportedConfig;
    readonly classes: readonly string[];
    /** By which inputs are rejected. */
    readonly rule: OpenSetRule | undefined;
    readonly where: string;
  },
): readonly ExportedAnswer[] {
  const width = ways ?? targets!.length;
  const rowOf = (name: string, row: number, count: number): readonly number[] => {
    const values = Array.from({ length: count }, (_, i) => Number(outputs[name]!.data[row * width + i]));
    if (values.every(Number.isFinite)) return values;
    throw new ExportError(
      "ILE207",
      where,
      `an answer has ${name} that are no finite numbers`,
      "Give inputs like those of training",
    );
  };
  const answers = Array.from({ length: rows }, (_, row) =>
    targets
      ? {
          value: inUnits(rowOf("mean", row, width), targets, ({ mean, deviation }, value) => value * deviation + mean),
          ...(outputs.deviation
            ? {
                deviation: inUnits(
                  rowOf("deviation", row, width),
                  targets,
                  ({ deviation }, value) => value * deviation,
                ),
              }
            : {}),
        }
      : classAnswer(rowOf("logits", row, classes.length), classes, rule),
  );
  return answers as unknown as readonly ExportedAnswer[];
}

type Columns = NonNullable<ExportedConfig["targets"]>;

function inUnits(
  values: readonly number[],
  columns: Columns,
  unit: (column: Columns[number], value: number) => number,
): number | Readonly<Record<string, number>> {
  const found = columns.map((column, i) => unit(column, values[i]!));
  return columns.length === 1 ? found[0]! : Object.fromEntries(columns.map(({ name }, i) => [name, found[i]!]));
}

/** The softmax over the classes at hand: outputs beyond them were never shown an example. */
function classAnswer(
  logits: readonly number[],
  classes: readonly string[],
  rule: OpenSetRule | undefined,
): ClassAnswer {
  const largest = Math.max(...logits);
  const shares = logits.map((value) => Math.exp(value - largest));
  const sum = shares.reduce((a, b) => a + b, 0);
  const best = logits.indexOf(largest);
  return {
    label: classes[best]!,
    probability: shares[best]! / sum,
    ...(rule ? { rejected: !(openSetScores[rule.score](logits) >= rule.threshold) } : {}),
    probabilities: Object.fromEntries(classes.map((name, i) => [name, shares[i]! / sum])),
  };
}
