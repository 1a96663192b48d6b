/** From marked texts to the sentences that tasks are drawn from. */
import { type CodedSentences, codedSentences, type MarkedText, type MarkedTexts } from "@innerloop/core/tasks";
import type { DataIo, LongWork } from "../../io.js";
import { UsageError } from "../../options/usage-error.js";
import type { FoundMarkedTexts, TextBackbone } from "../../text-io.js";
import { count, counted } from "../../words.js";
import type { LearnerNeeds, Loaded, Own } from "../domain.js";
import { encoderRecordOf, requireRecord, textBackboneOf } from "../kept-encoders.js";
import { heldTexts } from "./hold-out.js";
import type { EntityValues } from "./options.js";
import { seenAmong, seenSentences } from "./seen-sentences.js";
import type { EntitySpec, HoldOut } from "./spec.js";
import { usualLength, withWords, wordCoding, wordSetting } from "./word-coding.js";

/** Sentences by the part that they are for. */
export interface EntityData {
  readonly train: CodedSentences;
  readonly validation: CodedSentences;
  readonly test: CodedSentences;
  /** What is held out. */
  readonly by: HoldOut;
}

type LoadedEntities = Loaded<EntityData, EntitySpec>;
type OwnEntities = Own<EntityValues, EntitySpec>;

/** Words of a sentence where the length follows from the data, at most. */
const longestUsual = 128;

/**
 * @param setting.own of an existing run: its sentences are held out and coded as they were
 * @throws UsageError where there is nothing to hold out, or another backbone than the run's
 */
export async function loadEntities(
  options: EntityValues,
  io: DataIo,
  work: LongWork,
  { own = {} }: LearnerNeeds & { readonly own?: Partial<OwnEntities> | undefined },
): Promise<LoadedEntities> {
  const recorded = own.spec;
  requireRecord(own, options.backbone);
  const found = await markedOf(options.data, io, work);
  const named = { name: recorded?.name ?? nameOf(options.data, found), texts: found.texts.texts.map(withWords) };
  const { holdOut, held, parts, leftOut } = heldTexts(named, options, recorded);
  const backbone = await backboneFor(options, recorded, io, work);
  const setting =
    recorded?.words ??
    wordSetting(options.length ?? usualLength(parts.train.texts, longestUsual), backbone?.features ?? 0);
  const coding = await wordCoding(
    Object.values(parts).flatMap(({ texts }) => texts),
    setting,
    backbone,
    work,
  );
  const code = (texts: MarkedTexts): CodedSentences => codedSentences(texts, coding);
  const data = {
    train: code(parts.train),
    validation: code(parts.validation),
    test: code(parts.test),
    by: holdOut,
  };
  const seen = recorded ? recorded.seen : seenSentences([data.train, data.validation]);
  if (!recorded) for (const note of notesOf(data, named.texts, setting.length, leftOut)) work.onWarning?.(note);
  return {
    data,
    spec: {
      name: named.name,
      sha256: found.sha256,
      ...(found.folder === undefined ? {} : { folder: found.folder }),
      exampleShape: [],
      words: setting,
      holdOut,
      held,
      types: mostTypes(data),
      ...(backbone ? { backbone: encoderRecordOf(backbone) } : {}),
      ...(seen === undefined ? {} : { seen }),
    },
    notes: found.notes,
  };
}

/**
 * Other marked texts than a run's own, coded as its own are. All of their sentences serve; those that the run was trained
 * on, as far as it has kept them, are told.
 *
 * @throws UsageError as `loadEntities`
 */
export async function loadOtherEntities(
  options: EntityValues,
  io: DataIo,
  work: LongWork,
  setting: LearnerNeeds & { readonly own: OwnEntities },
): Promise<LoadedEntities & { readonly isOwn?: boolean }> {
  const { spec } = setting.own;
  const found = await markedOf(options.data, io, work);
  if (found.sha256 === spec.sha256) return { ...(await loadEntities(options, io, work, setting)), isOwn: true };
  const name = nameOf(options.data, found);
  const backbone = await backboneFor(options, spec, io, work);
  const texts = found.texts.texts.map(withWords);
  // No parameter depends on the length: sentences of other data may be longer.
  const length = options.length ?? usualLength(texts, longestUsual);
  const words = { ...spec.words, length };
  const coding = await wordCoding(texts, words, backbone, work);
  const coded = codedSentences({ name, texts }, coding);
  const data = { train: coded, validation: coded, test: coded, by: spec.holdOut };
  const trained = setting.own.options.types ?? spec.types;
  if (options.types === undefined && !setting.learner.variableWays && mostTypes(data) > trained)
    throw new UsageError(
      `${name} has ${counted(mostTypes(data), "type")} in a domain, and the run's model was made for ${trained}`,
      `Give --types ${trained}, or test a learner that tells any number apart`,
    );
  const known = seenAmong(coded, spec);
  for (const note of [...(known ? [known] : []), ...cutNotes(coded.tooLong, length), ...wordNotes(texts)])
    work.onWarning?.(note);
  return {
    data,
    spec: {
      ...spec,
      words,
      name,
      sha256: found.sha256,
      ...(found.folder === undefined ? {} : { folder: found.folder }),
    },
    notes: found.notes,
  };
}

function markedOf(data: string, io: DataIo, work: LongWork): Promise<FoundMarkedTexts> {
  if (data !== "") return io.markedTexts(data, work);
  throw new UsageError(
    "there are no marked texts",
    "Give some with --data: a name of a data set, CoNLL, JSON lines with offsets, or .txt with [text](type) in it",
  );
}

const nameOf = (data: string, { texts, folder }: FoundMarkedTexts): string =>
  folder === undefined ? data : texts.name;

async function backboneFor(
  { backbone }: EntityValues,
  recorded: EntitySpec | undefined,
  io: DataIo,
  work: LongWork,
): Promise<TextBackbone | undefined> {
  if (recorded) return recorded.backbone && textBackboneOf(io, recorded.backbone, work);
  return backbone === undefined ? undefined : textBackboneOf(io, backbone, work);
}

/** Types of a domain, at most. */
export const mostTypes = ({ train, validation, test }: EntityData): number =>
  Math.max(1, ...[train, validation, test].flatMap(({ domains }) => domains.map(({ types }) => types.length)));

/** What the user should know of data, a sentence each. */
function notesOf(
  { train, validation, test }: EntityData,
  texts: readonly MarkedText[],
  length: number,
  leftOut: number,
): readonly string[] {
  const tooLong = train.tooLong + validation.tooLong + test.tooLong;
  const mixed =
    leftOut === 0
      ? []
      : [`${counted(leftOut, "sentence")} with types of several parts left out: of one part and held out of another`];
  return [...cutNotes(tooLong, length), ...mixed, ...wordNotes(texts)];
}

const cutNotes = (tooLong: number, length: number): readonly string[] =>
  tooLong === 0 ? [] : [`${counted(tooLong, "sentence")} of more than ${length} words left out of tasks (--length)`];

/** Spans that begin or end within a word are read as ending with it. */
function wordNotes(texts: readonly MarkedText[]): readonly string[] {
  let spans = 0;
  let within = 0;
  for (const text of texts) {
    const words = text.words ?? [];
    const [starts, ends] = [new Set(words.map(([start]) => start)), new Set(words.map(([, end]) => end))];
    for (const { start, end } of text.spans) {
      spans++;
      if (!starts.has(start) || !ends.has(end)) within++;
    }
  }
  if (within === 0) return [];
  return [`${count(within)} of ${counted(spans, "span")} begin or end within a word: they are read as whole words`];
}
