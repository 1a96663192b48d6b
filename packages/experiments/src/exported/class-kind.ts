/** Classes that a few examples name: labels in, the most probable class out. */
import { type OpenSetRule, openSetScores } from "@innerloop/core/exported";
import { cut, quoted } from "../options/outside-text.js";
import { scoreTitles } from "../runs/open-set-rule.js";
import { counted } from "../words.js";
import { ExportError } from "./export-error.js";
import type { ExportedKind, KindSetting } from "./exported-kind.js";
import { areNames, finiteRow } from "./kind-values.js";
import { plain } from "./markdown-text.js";

/** Answers that are classes. */
export interface ClassAnswers {
  readonly kind: "classes";
  /** The classes of all tasks, where they are the same everywhere. */
  readonly classes?: readonly string[];
}

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

type Setting = KindSetting<ClassAnswers>;

/** @internal */
export const classKind: ExportedKind<ClassAnswers, string, string, unknown, ClassAnswer> = {
  inputs: ["image", "encoded-image", "numbers", "row", "text", "encoded-text", "tokenized-text"],
  parse: ({ classes }, { ways }) => {
    if (ways === undefined) return undefined;
    if (classes === undefined || classes === null) return { kind: "classes" };
    return areNames(classes) && classes.length <= ways ? { kind: "classes", classes } : undefined;
  },
  tasks: "classes",
  learners: ({ kinds }) => kinds.includes("classification"),
  architecture: "FewShotClassifier",
  output: "logits",
  masked: true,
  targets: () => [{ name: "support_labels", dtype: "int64", shape: [] }],
  predictions: ({ outputs, ways }) =>
    outputs.map((name) =>
      name === "rejected" ? { name, dtype: "bool", shape: [] } : { name, dtype: "float32", shape: [ways!] },
    ),

  example: "{ input, label }",
  inputOf: ({ input }) => input,
  given: ({ label }, where) => {
    if (typeof label === "string" && label !== "") return label;
    throw new ExportError(
      "ILE206",
      where,
      `its label is ${quoted(label)}`,
      'Give the name of its class, a text: label: "cat"',
    );
  },
  said: (label) => [label],
  classes: (said, { answers: { classes: fixed }, ways }, refuse) => {
    const found = [...new Set(said)];
    if (fixed) {
      const other = found.find((label) => !fixed.includes(label));
      if (other !== undefined)
        refuse(
          "examples",
          `the class ${quoted(other)} is none of the learner's`,
          `It has ${fixed.slice(0, 8).map(quoted).join(", ")}`,
        );
      return fixed;
    }
    if (found.length < 2)
      refuse("examples", `they are of ${counted(found.length, "class", "classes")}`, "Give examples of two or more");
    if (found.length > ways!)
      refuse(
        "examples",
        `they are of ${found.length} classes, and the programs tell ${ways} apart`,
        "Give examples of fewer classes, or export a run of more ways",
      );
    return found;
  },
  rowOf: (label, classes) => [BigInt64Array.of(BigInt(classes.indexOf(label)))],
  kept: (said, classes) => ({
    labels: {
      dtype: "int64",
      shape: [said.length],
      data: BigInt64Array.from(said, (label) => BigInt(classes.indexOf(label))),
    },
  }),
  restored: ({ labels, ...others }, rows, classes, { ways }) => {
    const fits =
      Object.keys(others).length === 0 &&
      labels?.dtype === "int64" &&
      labels.shape.join() === `${rows}` &&
      classes.length <= ways!;
    const found = fits ? Array.from(labels.data as BigInt64Array, Number) : [];
    return fits && found.every((label) => label >= 0 && label < classes.length)
      ? found.map((label) => classes[label]!)
      : undefined;
  },
  areClasses: (classes, { ways }) => classes.length >= 1 && classes.length <= ways!,
  sameAs: () => null,

  answers: ({ outputs, read, starts, classes, rule, where }) =>
    read.map((_, i) =>
      classAnswer(finiteRow(outputs, "logits", starts[i]!, { where, count: classes.length }), classes, rule),
    ),
  words: (setting) => ({
    title: "classes from a few examples",
    does: `tells up to ${setting.ways} new classes apart`,
    most: `up to ${setting.ways} classes`,
    given: "labels",
    takes: [takenText(setting)],
    limits: [rejectingText(setting)],
    pythonRows: (support) => Math.min(support, 2 * setting.ways!),
    pythonTargets: (rows) => ({ support_labels: `np.arange(${rows}) % ${setting.ways}` }),
    pythonAnswers: ['print(answers["probabilities"].argmax(axis=1))'],
    javascript: (input) => ({
      examples: [`{ input: ${input}, label: "cat" }`, `{ input: ${input}, label: "dog" }`],
      ask: [`const { label, probability } = await task.predict(${input});`],
    }),
  }),
};

const takenText = ({ answers: { classes }, ways }: Setting): string =>
  classes
    ? `The classes are ${classes
        .slice(0, 64)
        .map((name) => plain(cut(name, 200)))
        .join(", ")}, in this order.`
    : `Labels are 0 to ${ways! - 1}, as many as the task has classes; \`innerloop\` takes their names.`;

function rejectingText({ openSet }: Setting): string {
  if (!openSet)
    return "It always answers with one of the classes of the task, also for an input that is of none of them.";
  const { score, threshold, ways, shots, steps } = openSet;
  return `\`rejected\` is true where an input is taken to be of none of the classes: where its ${scoreTitles[score]} is below ${threshold.toPrecision(5)}. That was chosen on ${ways}-way ${shots}-shot tasks after ${counted(steps, "step")}, and means nothing after others.`;
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
