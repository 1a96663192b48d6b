/** Tokenizers by their tokenizer.json, run within a time: a file may hold regular expressions that never end. */
import { createContext, Script } from "node:vm";
import { Tokenizer as Pieces } from "@huggingface/tokenizers";
import { quoted, reasonOf, wordLead } from "@innerloop/experiments";
import { DataError } from "../data/data-error.js";

/** Splits texts into pieces, as the file says. */
export interface TokenizerFile {
  /** All ids are below. */
  readonly vocabulary: number;
  /** Whether the file says that id 0 is padding. */
  readonly zeroIsPadding: boolean;
  /** What stands before and behind the pieces of every text. */
  readonly before: readonly number[];
  readonly behind: readonly number[];
  /** Ids of the pieces of each text, without what stands around them. */
  split(texts: readonly string[]): (readonly number[])[];
  /** What goes before a word that is not the first: a blank, for tokenizers that have blanks in their pieces. */
  readonly wordLead: "" | " ";
}

/** Milliseconds for a call, and for each million characters more. */
const patienceMs = 20_000;
const mostVocabulary = 2 ** 22;

const remedy = "Give the tokenizer.json that was published with the model.";

/** @throws DataError ILD82 */
export function parseTokenizer(bytes: Uint8Array, where: string, patience: number = patienceMs): TokenizerFile {
  const refuse = (problem: string, cause?: unknown): DataError =>
    new DataError("ILD82", where, problem, remedy, { cause });
  let file: { readonly padding?: { readonly pad_id?: unknown } | null };
  try {
    file = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as typeof file;
  } catch (cause) {
    throw refuse(`it is no JSON (${reasonOf(cause)})`, cause);
  }
  if (typeof file !== "object" || file === null || Array.isArray(file)) throw refuse("it is no JSON object");
  requireIds(file, (problem) => refuse(problem));
  const run = withinTime(where, patience);
  const attempt = <T>(work: () => T, characters = 0): T => {
    try {
      return run(work, characters);
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      throw refuse(`it is not valid, or of a kind that is not known (${reasonOf(cause)})`, cause);
    }
  };
  const pieces = attempt(() => new Pieces(file, {}));
  const ids = attempt(() => [...pieces.get_vocab(true).values()]);
  let last = -1;
  for (const id of ids) last = Math.max(last, id);
  if (last < 0) throw refuse("its vocabulary is empty");
  const vocabulary = last + 1;
  const checked = (found: readonly number[]): readonly number[] => {
    // An id may be undefined, too: of a kind of model that the library does not know.
    const wrong = found.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
    if (wrong >= 0) throw refuse(`it gives the id ${quoted(found[wrong])}, which its vocabulary has not`);
    return found;
  };
  const split = (texts: readonly string[]): (readonly number[])[] => {
    const characters = texts.reduce((sum, { length }) => sum + length, 0);
    return attempt(() => texts.map((text) => pieces.encode(text, { add_special_tokens: false }).ids), characters).map(
      checked,
    );
  };
  const [sample = []] = split(["a b"]);
  const whole = checked(attempt(() => pieces.encode("a b").ids));
  const at = whole.findIndex((_, i) => sample.every((id, k) => whole[i + k] === id));
  if (at < 0) throw refuse("what it gives with special tokens does not hold what it gives without");
  return {
    vocabulary,
    zeroIsPadding: file.padding?.pad_id === 0,
    before: whole.slice(0, at),
    behind: whole.slice(at + sample.length),
    split,
    wordLead: wordLead(split),
  };
}

/**
 * Refuses ids that are no places of a table: the library makes one of that length, however long.
 */
function requireIds(file: object, refuse: (problem: string) => DataError): void {
  const { model, added_tokens: added } = file as { readonly model?: unknown; readonly added_tokens?: unknown };
  const { vocab } = Object(model) as { readonly vocab?: unknown };
  const ids: unknown[] = typeof vocab === "object" && vocab !== null ? Object.values(vocab) : [];
  if (ids.length > mostVocabulary) throw refuse(`its vocabulary has ${ids.length} pieces, more than ${mostVocabulary}`);
  // A list is of pieces with their scores: their ids are their places.
  const listed = Array.isArray(vocab) ? [] : ids;
  const more = Array.isArray(added) ? added.map((token) => (Object(token) as { readonly id?: unknown }).id) : [];
  for (const id of [...listed, ...more]) {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= mostVocabulary)
      throw refuse(`an id of its vocabulary is ${quoted(id)}, and not a whole number below ${mostVocabulary}`);
  }
}

/**
 * Runs work that ends after a time, whatever it does: the engine stops it even within a regular expression.
 */
function withinTime(where: string, patience: number): <T>(work: () => T, characters: number) => T {
  const call = new Script("work()");
  return (work, characters) => {
    const timeout = Math.ceil(patience * (1 + characters / 1e6));
    try {
      return call.runInContext(contextOf(work), { timeout }) as ReturnType<typeof work>;
    } catch (error) {
      // Its class is that of Node's own realm.
      if ((Object(error) as { readonly code?: unknown }).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
      throw new DataError(
        "ILD82",
        where,
        `splitting ${characters} characters took it more than ${timeout / 1000} s`,
        "Give shorter texts; if it stays so, its regular expressions never end: take another tokenizer.",
      );
    }
  };
}

const shared = { work: undefined as unknown };
let context: typeof shared | undefined;

function contextOf(work: () => unknown): typeof shared {
  context ??= createContext(shared) as typeof shared;
  context.work = work;
  return context;
}
