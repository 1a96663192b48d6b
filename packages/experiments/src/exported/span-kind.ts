/** Spans of types that a few marked sentences show: marked texts in, the spans of others out. */
import { type MarkedText, tagsOf } from "@innerloop/core/tasks";
import { type FoundEntity, foundEntities } from "../domains/entities/found-entities.js";
import { rowsOf, type Sentence } from "../domains/entities/sentence-rows.js";
import { counted } from "../words.js";
import type { EncodedWordInputs } from "./encoded-word-inputs.js";
import type { ExportedKind, KindSetting } from "./exported-kind.js";
import { finiteRow } from "./kind-values.js";
import { markedTextOf } from "./marked-texts.js";
import type { RowSlot } from "./row-arrays.js";
import type { WordInputs } from "./word-inputs.js";

/** Answers that are spans of texts. */
export interface SpanAnswers {
  readonly kind: "spans";
}

/** The spans of a text in their order: UTF-16 offsets into it, the type, the characters, and how probable each is. */
export type SpanAnswer = readonly FoundEntity[];

/** Types of the words of a row, "" of those in no span. */
type Tags = readonly string[];
type Setting = KindSetting<SpanAnswers>;

const wordsOf = ({ inputs }: Setting) => (inputs as WordInputs | EncodedWordInputs).words;

/** Types of a task at most: a tag is none. */
const mostTypes = ({ ways }: Pick<Setting, "ways">): number => ways! - 1;

/** Predictions by their names. */
const predictionsOf = (setting: Setting): Readonly<Record<string, Omit<RowSlot, "name">>> => {
  const { length } = wordsOf(setting);
  return {
    scores: { dtype: "float32", shape: [length, setting.ways!] },
    tags: { dtype: "int32", shape: [length] },
    mask: { dtype: "float32", shape: [length] },
  };
};
const predictionNames = ["scores", "tags", "mask"];

/** @internal */
export const spanKind: ExportedKind<SpanAnswers, MarkedText, Tags, Sentence, SpanAnswer> = {
  inputs: ["words", "encoded-words"],
  parse: (_, { ways, outputs }) =>
    ways !== undefined && ways >= 2 && outputs.slice().sort().join() === predictionNames.slice().sort().join()
      ? { kind: "spans" }
      : undefined,
  tasks: "marked texts",
  learners: ({ kinds }) => kinds.includes("tagging"),
  architecture: "FewShotTokenClassifier",
  output: "tags",
  masked: true,
  targets: (setting) => [{ name: "support_labels", dtype: "int64", shape: [wordsOf(setting).length] }],
  predictions: (setting) => {
    const slots = predictionsOf(setting);
    return setting.outputs.map((name) => ({ name, ...slots[name]! }));
  },

  example: "{ text, spans }",
  inputOf: (example) => {
    const { text, tokens, input } = example;
    return [text, tokens, input].every((each) => each === undefined) ? undefined : example;
  },
  given: (example, where) => markedTextOf(example, where),
  said: (marked, sentence, setting) => {
    const types = [...new Set(marked.spans.map(({ type }) => type))];
    const tags = tagsOf(marked, sentence.words, (type) => types.indexOf(type) + 1, "example");
    return rowsOf([sentence], wordsOf(setting)).map(({ from, to }) =>
      Array.from(tags.subarray(from, to), (tag) => types[tag - 1] ?? ""),
    );
  },
  classes: (said, setting, refuse) => {
    const found = [...new Set(said.flat())].filter((type) => type !== "").sort();
    const most = mostTypes(setting);
    if (found.length === 0) refuse("examples", "no span is marked in the sentences", "Mark at least one of each type");
    if (found.length > most)
      refuse(
        "examples",
        `they are of ${found.length} types, and the programs tell ${most} apart`,
        "Give examples of fewer types, or export a run of more",
      );
    return found;
  },
  rowOf: (tags, types, setting) => {
    const labels = new BigInt64Array(wordsOf(setting).length);
    tags.forEach((type, word) => {
      labels[word] = BigInt(types.indexOf(type) + 1);
    });
    return [labels];
  },
  kept: (said, types, setting) => {
    const { length } = wordsOf(setting);
    const data = new BigInt64Array(said.length * length);
    said.forEach((tags, row) => {
      data.set(spanKind.rowOf(tags, types, setting)[0] as BigInt64Array, row * length);
    });
    return { labels: { dtype: "int64", shape: [said.length, length], data } };
  },
  restored: ({ labels, ...others }, rows, types, setting) => {
    const { length } = wordsOf(setting);
    const fits =
      Object.keys(others).length === 0 &&
      labels?.dtype === "int64" &&
      labels.shape.join() === `${rows},${length}` &&
      spanKind.areClasses(types, setting);
    const tags = fits ? Array.from(labels.data as BigInt64Array, Number) : [];
    if (!fits || tags.some((tag) => tag < 0 || tag > types.length)) return undefined;
    return Array.from({ length: rows }, (_, row) =>
      tags.slice(row * length, (row + 1) * length).map((tag) => types[tag - 1] ?? ""),
    );
  },
  areClasses: (types, setting) => types.length >= 1 && types.length <= mostTypes(setting) && !types.includes(""),
  sameAs: () => null,

  answers: ({ outputs, read, classes, setting, where }) => {
    const { scores, tags } = outputs;
    const rows = scores!.shape[0]!;
    for (let row = 0; row < rows; row++) finiteRow(outputs, "scores", row, { where });
    const found = { tags: tags!.data as Int32Array, scores: scores!.data as Float32Array, count: setting.ways! };
    return foundEntities(read, found, classes, wordsOf(setting));
  },
  words: (setting) => {
    const { length } = wordsOf(setting);
    const most = mostTypes(setting);
    return {
      title: "spans of a text from a few marked sentences",
      does: `finds spans of up to ${counted(most, "new type")} in texts`,
      most: `up to ${counted(most, "type")}`,
      given: "labels",
      takes: [
        `Labels are of words: 0 for none, 1 to ${most} for types, as many as the task has; \`innerloop\` takes their names. So are \`tags\`; \`scores\` are their log probabilities, of which a span has the mean over its words.`,
      ],
      limits: ["Two spans of one type that touch are found as one."],
      pythonRows: (support) => Math.min(support, 4),
      pythonTargets: (rows) => ({ support_labels: `np.random.randint(0, ${setting.ways}, (${rows}, ${length}))` }),
      pythonAnswers: ['print(answers["tags"])'],
      javascript: (input) => ({
        examples: [
          '{ text: "a flight to Rome", spans: [{ start: 12, end: 16, type: "city" }] }',
          '{ tokens: ["home", "from", "New", "York"], tags: ["O", "O", "B-city", "I-city"] }',
        ],
        ask: [`const spans = await task.predict(${input}); // [{ start, end, text, type, probability }, ...]`],
      }),
    };
  },
};
