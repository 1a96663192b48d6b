/** Numbers in units of their own: targets in, the predicted value out. */
import { isRecord, quoted } from "../options/outside-text.js";
import { counted } from "../words.js";
import { ExportError } from "./export-error.js";
import type { ExportedKind, KindSetting } from "./exported-kind.js";
import { areFinite, areNames, finiteRow } from "./kind-values.js";
import { plain } from "./markdown-text.js";

/** A number that is predicted: in its own unit it is value deviation + mean. */
export interface TargetColumn {
  readonly name: string;
  readonly mean: number;
  readonly deviation: number;
}

/** Answers that are numbers, a column each. */
export interface NumberAnswers {
  readonly kind: "numbers";
  readonly targets: readonly TargetColumn[];
}

/** The number that is predicted for an input, in its own unit; of several targets each by its name. */
export interface ValueAnswer {
  readonly value: number | Readonly<Record<string, number>>;
  /** Standard deviation, where the learner says how sure it is. */
  readonly deviation?: number | Readonly<Record<string, number>>;
}

/** Targets in their own units. */
type Targets = readonly number[];
type Setting = KindSetting<NumberAnswers>;

/** @internal */
export const numberKind: ExportedKind<NumberAnswers, Targets, Targets, unknown, ValueAnswer> = {
  inputs: ["image", "encoded-image", "numbers", "row", "text", "encoded-text", "tokenized-text"],
  parse: ({ targets }, { ways }) =>
    ways === undefined && areTargets(targets)
      ? { kind: "numbers", targets: targets.map(({ name, mean, deviation }) => ({ name, mean, deviation })) }
      : undefined,
  tasks: "numbers",
  // What some need beside inputs, only tasks of ratings have.
  learners: ({ kinds, needs }) => kinds.includes("regression") && needs === undefined,
  architecture: "FewShotRegressor",
  output: "mean",
  masked: true,
  targets: ({ answers: { targets } }) => [{ name: "support_targets", dtype: "float32", shape: [targets.length] }],
  predictions: ({ outputs, answers: { targets } }) =>
    outputs.map((name) => ({ name, dtype: "float32", shape: [targets.length] })),

  example: "{ input, target }",
  inputOf: ({ input }) => input,
  given: ({ target }, where, { answers: { targets } }) => targetsOf(target, targets, where),
  said: (targets) => [targets],
  classes: () => [],
  rowOf: (said, _, { answers: { targets } }) => [
    Float32Array.from(targets, ({ mean, deviation }, i) => (said[i]! - mean) / deviation),
  ],
  kept: (said, _, { answers: { targets } }) => ({
    targets: { dtype: "float64", shape: [said.length, targets.length], data: Float64Array.from(said.flat()) },
  }),
  restored: ({ targets, ...others }, rows, classes, { answers: { targets: columns } }) => {
    const width = columns.length;
    const fits =
      Object.keys(others).length === 0 &&
      classes.length === 0 &&
      targets?.dtype === "float64" &&
      targets.shape.join() === `${rows},${width}` &&
      areFinite(targets);
    return fits
      ? Array.from({ length: rows }, (_, row) =>
          Array.from(targets.data.slice(row * width, (row + 1) * width) as Float64Array),
        )
      : undefined;
  },
  areClasses: (classes) => classes.length === 0,
  sameAs: ({ targets }) => targets.map(({ name }) => name),

  answers: ({ outputs, read, starts, setting, where }) => {
    const { targets } = setting.answers;
    const row = (name: string, i: number) => finiteRow(outputs, name, starts[i]!, { where });
    return read.map((_, i) => ({
      value: inUnits(row("mean", i), targets, ({ mean, deviation }, value) => value * deviation + mean),
      ...(outputs.deviation
        ? { deviation: inUnits(row("deviation", i), targets, ({ deviation }, value) => value * deviation) }
        : {}),
    }));
  },
  words: (setting) => ({
    title: "regression from a few examples",
    does: `predicts ${setting.answers.targets.map(({ name }) => plain(name)).join(", ")}`,
    most: "",
    given: "targets",
    takes: [takenText(setting)],
    limits: [],
    pythonRows: (support) => Math.min(support, 5),
    pythonTargets: () => ({}),
    pythonAnswers: ['print(answers["mean"])'],
    javascript: (input) => ({
      examples: [`{ input: ${input}, target: 1.5 }`, `{ input: ${input}, target: 2.5 }`],
      ask: [`const { value } = await task.predict(${input});`],
    }),
  }),
};

const takenText = ({ answers: { targets } }: Setting): string =>
  `Targets are (value - mean) / deviation: ${targets
    .slice(0, 16)
    .map(({ name, mean, deviation }) => `${plain(name)} with ${mean} and ${deviation}`)
    .join("; ")}. So are answers, which \`innerloop\` gives in their own units.`;

const areTargets = (value: unknown): value is readonly TargetColumn[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every(
    (each) =>
      isRecord(each) && Number.isFinite(each.mean) && Number.isFinite(each.deviation) && (each.deviation as number) > 0,
  ) &&
  areNames(value.map(({ name }) => name));

function targetsOf(target: unknown, columns: readonly TargetColumn[], where: string): Targets {
  const found =
    typeof target === "number"
      ? [target]
      : Array.isArray(target)
        ? (target as unknown[])
        : isRecord(target)
          ? columns.map(({ name }) => (Object.hasOwn(target, name) ? target[name] : undefined))
          : [];
  const isGood =
    found.length === columns.length && found.every((each) => typeof each === "number" && Number.isFinite(each));
  if (isGood) return found as number[];
  const names = columns.map(({ name }) => name);
  throw new ExportError(
    "ILE206",
    where,
    `its target is ${quoted(target)}, and ${counted(columns.length, "finite number")} ${columns.length === 1 ? "is" : "are"} predicted`,
    columns.length === 1
      ? "Give a number"
      : `Give { ${names
          .slice(0, 6)
          .map((name) => `${JSON.stringify(name)}: ...`)
          .join(", ")} }`,
  );
}

function inUnits(
  values: readonly number[],
  columns: readonly TargetColumn[],
  unit: (column: TargetColumn, value: number) => number,
): number | Readonly<Record<string, number>> {
  const found = columns.map((column, i) => unit(column, values[i]!));
  return columns.length === 1 ? found[0]! : Object.fromEntries(columns.map(({ name }, i) => [name, found[i]!]));
}
