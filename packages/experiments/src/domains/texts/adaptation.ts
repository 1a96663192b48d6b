/** Labelled texts as users of a trained model have them, and the classes that it answers with. */
import { allocate, sizeOf, tensor } from "@innerloop/graph";
import type { DataIo, LongWork } from "../../io.js";
import { quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import { counted } from "../../words.js";
import { classAnswers, classCells, shareText } from "../classification/class-answers.js";
import type { Adaptation, Answer, GivenInputs, GivenSupport, Own } from "../domain.js";
import { requirePlace } from "./class-examples.js";
import { codeTexts } from "./coding.js";
import type { TextValues } from "./options.js";
import type { TextSpec } from "./spec.js";
import { answersFromNone, areFixed } from "./tasks.js";

type OwnTexts = Own<TextValues, TextSpec>;

/** Texts of each class, by its name; or a file or folder of labelled texts. */
export type GivenTexts = string | Readonly<Record<string, readonly string[]>>;

/** Longer texts are shortened where they are shown. */
const shownLength = 60;

const shown = (text: string): string => {
  const line = text.replaceAll(/\s/g, " ");
  const letters = Array.from(line.slice(0, 2 * shownLength));
  return letters.length > shownLength ? `${letters.slice(0, shownLength - 1).join("")}…` : line;
};

/** @internal */
export const textAdaptation: Adaptation<TextValues, TextSpec> = {
  flags: ["textColumn", "labelColumn", "reject"],
  inputWord: "text",
  needsNone: ({ options }) => answersFromNone(options),
  readSupport: async (given, own, flags, io, work) =>
    given === undefined && answersFromNone(own.options)
      ? noExamples(own.spec)
      : readSupport(given, own, flags, io, work),
  readInputs: async (given, _support, own, io, work) => readInputs(given, own, io, work),
  fromFiles: async (paths, { options }, io, work, { textColumn } = {}) => {
    const found: string[] = [];
    for (const path of paths) {
      const { texts, notes } = await io.texts(
        path,
        { textColumn: textColumn as string | undefined, ownColumns: { text: options.textColumn }, unlabelled: true },
        work,
      );
      for (const note of notes) work.onWarning?.(note);
      found.push(...texts.texts);
    }
    return found;
  },
  fromLine: (line) => (line.trim() === "" ? undefined : line),
  lineOf: (answer) => {
    const [best, next] = rankedOf(answer);
    const runnerUp = next ? `  then ${next[0]} ${shareText(next[1])}` : "";
    return answer.prediction === null
      ? `none of these  nearest ${best?.[0]} ${shareText(best?.[1] ?? 0)}`
      : `${String(answer.prediction)} ${shareText(best?.[1] ?? 0)}${runnerUp}`;
  },
  answers: (prediction, { support, rule }) => classAnswers(prediction, support.classes!, rule),
  table: (found, { inputs }) => ({
    header: ["text", "prediction", "", "", "then"],
    rows: found.map((answer, i) => classCells(answer, shown(inputs.names[i]!))),
    left: [0, 1, 3, 4],
  }),
};

const rankedOf = ({ probabilities }: Answer): readonly (readonly [string, number])[] =>
  Object.entries(probabilities as Readonly<Record<string, number>>).sort(([, a], [, b]) => b - a);

async function readSupport(
  given: unknown,
  own: OwnTexts,
  flags: Readonly<Record<string, unknown>>,
  io: DataIo,
  work: LongWork,
): Promise<GivenSupport> {
  const { spec, options } = own;
  const {
    names: found,
    texts,
    of,
  } = typeof given === "string" ? await readFile(given, options, flags, io, work) : readNamed(given);
  const fixed = areFixed(options) ? spec.labels : undefined;
  const names = fixed ?? found;
  const places = found.map((name) =>
    fixed
      ? requirePlace(fixed, name, "class among those of the run, which are the same everywhere,")
      : names.indexOf(name),
  );
  const labels = Int32Array.from(of, (place) => places[place]!);
  const counts = names.map((_, label) => labels.filter((each) => each === label).length);
  const { rows, shape, notes } = await codeTexts(texts, spec.coding, io, work);
  for (const note of notes) work.onWarning?.(note);
  return {
    x: tensor(rows, [texts.length, ...shape]),
    y: tensor(labels, [labels.length]),
    classes: names,
    counts,
    ...(fixed ? {} : { sizes: { ways: Math.max(options.ways, names.length) } }),
    text: `${counted(texts.length, "text")} of ${counted(counts.filter((n) => n > 0).length, "class", "classes")}`,
    notes: [],
    facts: { classes: names },
  };
}

/** The support set of no text: a row that is not there. */
function noExamples({ coding, exampleShape, labels = [] }: TextSpec): GivenSupport {
  const dtype = coding.kind === "features" ? "float32" : "int32";
  return {
    x: tensor(allocate(dtype, sizeOf(exampleShape)), [1, ...exampleShape], dtype),
    y: tensor(new Int32Array(1), [1]),
    present: tensor(new Float32Array(1), [1]),
    classes: labels,
    counts: labels.map(() => 0),
    text: "no examples",
    notes: [],
    facts: { classes: labels },
  };
}

interface LabelledList {
  readonly names: readonly string[];
  readonly texts: readonly string[];
  /** Of each text the place of its class. */
  readonly of: readonly number[];
}

async function readFile(
  path: string,
  options: TextValues,
  flags: Readonly<Record<string, unknown>>,
  io: DataIo,
  work: LongWork,
): Promise<LabelledList> {
  const { textColumn, labelColumn } = flags as Partial<TextValues>;
  const ownColumns = { text: options.textColumn, label: options.labelColumn };
  const { texts, notes } = await io.texts(path, { textColumn, labelColumn, ownColumns }, work);
  for (const note of notes) work.onWarning?.(note);
  const { names, of } = texts.classes;
  const none = of.indexOf(-1);
  if (none >= 0)
    throw new UsageError(
      `${io.shown(path)} has texts of no class: ${quoted(texts.texts[none])}`,
      "Leave them out, or name their class",
    );
  return { names, texts: texts.texts, of: Array.from(of) };
}

function readNamed(given: unknown): LabelledList {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new UsageError(
      `the texts to adapt to are ${quoted(given)}`,
      'Give a table or folder of labelled texts, or { transfer: ["send 20 to Ann", ...], balance: [...] }',
    );
  const entries = Object.entries(given as Readonly<Record<string, unknown>>);
  if (entries.length < 2)
    throw new UsageError(`there ${entries.length === 1 ? "is 1 class" : "are no classes"}`, "Give two or more");
  const lists = entries.map(([name, texts]) => {
    if (!Array.isArray(texts) || texts.length === 0)
      throw new UsageError(`the class ${quoted(name)} has no list of texts`, `Give { ${JSON.stringify(name)}: [...] }`);
    return requireTexts(texts, `of ${quoted(name)}`);
  });
  return {
    names: entries.map(([name]) => name),
    texts: lists.flat(),
    of: lists.flatMap((list, place) => list.map(() => place)),
  };
}

/** @throws UsageError for what is no text, an empty one, or a gap */
function requireTexts(list: readonly unknown[], where = ""): readonly string[] {
  const isText = (text: unknown): text is string => typeof text === "string" && text.trim() !== "";
  const at = list.findIndex((text) => !isText(text));
  if (at < 0) return list as readonly string[];
  const what = ["text", at + 1, where].join(" ").trim();
  throw new UsageError(
    `${what} is ${list[at] === "" ? "empty" : quoted(list[at])}`,
    "Give texts, with a letter at least",
  );
}

async function readInputs(given: unknown, { spec }: OwnTexts, io: DataIo, work: LongWork): Promise<GivenInputs> {
  const texts = requireTexts(Array.isArray(given) ? given : [given]);
  if (texts.length === 0) throw new UsageError("there are no texts", "Give one or more");
  const { rows, shape, notes } = await codeTexts(texts, spec.coding, io, work);
  for (const note of notes) work.onWarning?.(note);
  return { x: tensor(rows, [texts.length, ...shape]), names: texts };
}
