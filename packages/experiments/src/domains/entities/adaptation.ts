/** Marked sentences as users of a trained model have them, and the spans that it answers with. */
import type { TagPrediction } from "@innerloop/core";
import { checkedSpans, type MarkedText, type Span, type TokenInputs, tagsOf } from "@innerloop/core/tasks";
import { type Tensor, tensor } from "@innerloop/graph";
import type { DataIo, LongWork } from "../../io.js";
import { isRecord, quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import { counted } from "../../words.js";
import type { Adaptation, Answer, GivenInputs, GivenSupport, Own } from "../domain.js";
import { textBackboneOf } from "../kept-encoders.js";
import { type FoundEntity, foundEntities } from "./found-entities.js";
import type { EntityValues } from "./options.js";
import { rowInputs, rowsOf, type Sentence } from "./sentence-rows.js";
import type { EntitySpec } from "./spec.js";
import { wordPlaces, wordsIn } from "./word-coding.js";

/** The answer to a sentence. */
export interface EntityAnswer {
  readonly entities: readonly FoundEntity[];
}

type OwnEntities = Own<EntityValues, EntitySpec>;

/** The class of words that are in no span. */
const none = "none";

/** @internal The adaptation of marked texts. */
export const entityAdaptation: Adaptation<EntityValues, EntitySpec, TokenInputs, Tensor, TagPrediction> = {
  inputWord: "text",
  readSupport: (given, own, _, io, work) => readSupport(given, own, io, work),
  readInputs: (given, _, own, io, work) => readInputs(given, own, io, work),
  fromFiles: textsIn,
  fromLine: (line) => (line.trim() === "" ? undefined : line),
  lineOf: (answer) => entitiesText(entitiesOf(answer)) || "no entities",
  answers: (prediction, { support, inputs, spec }) =>
    answersOf(prediction, support.classes!.slice(1), inputs.names, spec),
  table: (answers, { inputs }) => ({
    header: ["text", "entities"],
    rows: answers.map((answer, i) => [
      markedInPlace(inputs.names[i]!, entitiesOf(answer)),
      entitiesText(entitiesOf(answer)),
    ]),
    left: [0, 1],
  }),
};

const entitiesOf = (answer: Answer): EntityAnswer["entities"] => (answer as unknown as EntityAnswer).entities;

/** `Berlin (city 93.1%), May 3 (date 88.0%)` */
const entitiesText = (entities: readonly FoundEntity[]): string =>
  entities
    .map(({ text, type, probability }) => `${inOneLine(text)} (${type} ${(100 * probability).toFixed(1)}%)`)
    .join(", ");

const inOneLine = (text: string): string => text.replace(/\s/g, " ");

/** `A flight to [Berlin](city)` */
function markedInPlace(text: string, entities: readonly FoundEntity[]): string {
  let at = 0;
  let marked = "";
  for (const { start, end, type } of entities) {
    marked += `${text.slice(at, start)}[${text.slice(start, end)}](${type})`;
    at = end;
  }
  return inOneLine(marked + text.slice(at));
}

async function backboneOf({ spec }: OwnEntities, io: DataIo, work: LongWork) {
  return spec.backbone && textBackboneOf(io, spec.backbone, work);
}

async function readSupport(
  given: unknown,
  own: OwnEntities,
  io: DataIo,
  work: LongWork,
): Promise<GivenSupport<TokenInputs>> {
  const texts = typeof given === "string" ? await markedFile(given, io, work) : givenTexts(given);
  const types = [...new Set(texts.flatMap(({ spans }) => spans.map(({ type }) => type)))].sort();
  if (types.length === 0)
    throw new UsageError("no span is marked in the sentences to adapt to", "Mark at least one of each type");
  const { words: setting } = own.spec;
  const sentences = texts.map((text): Sentence => ({ text: text.text, words: wordsIn(text) }));
  const rows = rowsOf(sentences, setting);
  const y = new Int32Array(rows.length * setting.length);
  const tags = texts.map((text, i) =>
    tagsOf(text, sentences[i]!.words, (type) => types.indexOf(type) + 1, `sentence ${i + 1}`),
  );
  rows.forEach(({ sentence, from, to }, row) => {
    y.set(tags[sentence]!.subarray(from, to), row * setting.length);
  });
  const counts = types.map((type) =>
    texts.reduce((sum, { spans }) => sum + spans.filter((span) => span.type === type).length, 0),
  );
  const spans = counts.reduce((a, b) => a + b, 0);
  return {
    x: await rowInputs(sentences, rows, setting, await backboneOf(own, io, work), work),
    y: tensor(y, [rows.length, setting.length], "int32"),
    classes: [none, ...types],
    sizes: { types: types.length },
    text: `${counted(texts.length, "sentence")} with ${counted(spans, "span")} of ${counted(types.length, "type")}`,
    notes: [],
    facts: { types, spans: Object.fromEntries(types.map((type, i) => [type, counts[i]!])) },
  };
}

async function markedFile(path: string, io: DataIo, work: LongWork): Promise<readonly MarkedText[]> {
  const { texts, notes } = await io.markedTexts(path, work);
  for (const note of notes) work.onWarning?.(note);
  return texts.texts;
}

const supportExample =
  'Give a file of marked texts, or [{ text: "To Berlin", spans: [{ start: 3, end: 9, type: "city" }] }, ...]';

/** @throws UsageError for what is no list of marked sentences, with all that is wrong about their spans */
function givenTexts(given: unknown): readonly MarkedText[] {
  if (!Array.isArray(given) || given.length === 0)
    throw new UsageError(`the sentences to adapt to are ${quoted(given)}`, supportExample);
  const problems: string[] = [];
  const texts: MarkedText[] = [];
  // By its entries: `map` would leave out gaps. A list of nothing else is not read to its end.
  for (const [i, each] of given.entries() as Iterable<[number, unknown]>) {
    if (problems.length > mostFound) break;
    const { text, spans = [] } = (isRecord(each) ? each : {}) as Readonly<Record<string, unknown>>;
    if (typeof text !== "string" || !Array.isArray(spans) || spans.findIndex((span) => !isRecord(span)) >= 0) {
      problems.push(`sentence ${i + 1} is ${quoted(each)}`);
      continue;
    }
    const found = checkedSpans(text, spans as unknown as readonly Span[]);
    problems.push(...found.faults.map((fault) => `sentence ${i + 1}: ${fault}`));
    texts.push({ text, spans: found.spans });
  }
  if (problems.length === 0) return texts;
  const more = problems.length > mostTold ? `; and ${problems.length - mostTold} more` : "";
  throw new UsageError(`${problems.slice(0, mostTold).join("; ")}${more}`, supportExample);
}

/** Problems that a message lists. */
const mostTold = 10;
/** Problems that are looked for. */
const mostFound = 10_000;

async function readInputs(
  given: unknown,
  own: OwnEntities,
  io: DataIo,
  work: LongWork,
): Promise<GivenInputs<TokenInputs>> {
  const texts: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (texts.length === 0) throw new UsageError("there is no text to find spans in", "Give one or more");
  const at = texts.findIndex((text) => typeof text !== "string");
  if (at >= 0) throw new UsageError(`text ${at + 1} is ${quoted(texts[at])}`, "Give texts");
  const sentences = (texts as readonly string[]).map((text): Sentence => ({ text, words: wordPlaces(text) }));
  const rows = rowsOf(sentences, own.spec.words);
  const backbone = await backboneOf(own, io, work);
  return { x: await rowInputs(sentences, rows, own.spec.words, backbone, work), names: texts as readonly string[] };
}

/** Texts of files, as they are written: a text a line, or a column of a table. */
async function textsIn(
  paths: readonly string[],
  _: OwnEntities,
  io: DataIo,
  work: LongWork,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const { texts, notes } = await io.texts(path, { unlabelled: true, asWritten: true }, work);
    for (const note of notes) work.onWarning?.(note);
    found.push(...texts.texts);
  }
  return found;
}

/** Spans of texts by the tags of their words. */
function answersOf(
  { scores, tags }: TagPrediction,
  types: readonly string[],
  texts: readonly string[],
  { words: setting }: EntitySpec,
): readonly Answer[] {
  const sentences = texts.map((text): Sentence => ({ text, words: wordPlaces(text) }));
  const rows = { tags: tags.data as Int32Array, scores: scores.data as Float32Array, count: scores.shape[2]! };
  return foundEntities(sentences, rows, types, setting).map(
    (entities) => ({ entities }) satisfies EntityAnswer as unknown as Answer,
  );
}
