/** Marked sentences as readers find them: checked one by one, all that is wrong told at once. */

import type { Split } from "@innerloop/core";
import { checkedSpans, type MarkedText, type Span } from "@innerloop/core/tasks";
import { counted } from "@innerloop/experiments";
import { DataError } from "../../data-error.js";
import { Problems } from "../../problems.js";
import { readingLimits } from "../../reading-limits.js";

/** The domain and part that the sentences of a file belong to. */
export interface MarkedPlace {
  readonly domain?: string;
  readonly part?: Split;
}

/** A sentence as a reader has found it. */
export interface FoundSentence extends MarkedPlace {
  readonly text: string;
  readonly spans: readonly Span[];
  readonly words?: MarkedText["words"];
}

const remedy = "Correct these lines. Offsets are of UTF-16 units as JavaScript counts them, the end is not included.";

export class MarkedGathering {
  readonly texts: MarkedText[] = [];
  readonly problems = new Problems();
  private readonly types = new Set<string>();
  private trimmed = 0;
  private readonly told: string[] = [];

  /** @param where the file and row, for messages */
  add({ text, spans, words, domain, part }: FoundSentence, where: string): void {
    if (this.texts.length >= readingLimits.markedTexts)
      throw new DataError("ILD71", where, `more than ${readingLimits.markedTexts} sentences`, "Give a part of them.");
    const problem = textFault(text);
    if (problem !== undefined) {
      this.problems.add(where, problem);
      return;
    }
    const { spans: checked, faults, trimmed } = checkedSpans(text, spans);
    for (const fault of faults) this.problems.add(where, fault);
    if (faults.length > 0) return;
    if (trimmed > 0) this.trimmed++;
    for (const { type } of checked) this.types.add(type);
    if (this.types.size > readingLimits.markedTypes)
      throw new DataError("ILD71", where, `more than ${readingLimits.markedTypes} types`, "Are these types of spans?");
    this.texts.push({
      text,
      spans: checked,
      ...(words ? { words } : {}),
      ...(domain === undefined ? {} : { domain }),
      ...(part === undefined ? {} : { part }),
    });
  }

  /** What the user should know of a file, in a sentence. */
  tell(note: string): void {
    this.told.push(note);
  }

  /**
   * What was found.
   *
   * @throws DataError ILD71 with all that is wrong, and where no span is marked
   */
  finish(whole: string): { readonly texts: readonly MarkedText[]; readonly notes: readonly string[] } {
    this.problems.throwAny("ILD71", whole, remedy);
    if (this.types.size === 0) {
      const problem = this.texts.length === 0 ? "there is no sentence" : "no span is marked";
      throw new DataError("ILD71", whole, problem, howToMark);
    }
    const trimmed =
      this.trimmed > 0
        ? [`${counted(this.trimmed, "sentence")}: blanks at the ends of spans are left out of them`]
        : [];
    return { texts: this.texts, notes: [...this.told, ...trimmed] };
  }
}

/** The ways to mark spans, for messages. */
export const howToMark =
  'Mark spans in a .txt file as in "A flight to [Berlin](city)", a sentence a line; or give CoNLL (a token and its tag B-city, I-city or O a line), or JSON lines such as {"text": "To Berlin", "spans": [{"start": 3, "end": 9, "type": "city"}]}.';

function textFault(text: string): string | undefined {
  const { markedTextLength: most } = readingLimits;
  if (text.trim() === "") return "an empty text";
  if (text.length > most) return `a text of ${text.length} characters, at most ${most} are read: give sentences`;
  return loneSurrogate.test(text) ? "the text holds half a character (a lone surrogate)" : undefined;
}

const loneSurrogate = /[\ud800-\udfff]/u;
