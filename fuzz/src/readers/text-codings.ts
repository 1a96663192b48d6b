/** Codings of texts that a run folder holds, and texts of any characters as words and ids. */
import {
  idCount,
  idsOf,
  type TextCoding,
  textCodingFrom,
  wordFeatureSlots,
  wordFeatures,
  wordForm,
  wordsOf,
} from "@innerloop/core/tasks";
import { jsonLineMutation, textMutations } from "../mutations.js";
import { type Reader, WrongResult } from "../reader.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const encoder = { name: "encoder", sha256: "0".repeat(64), folder: "encoder" };
const codings: readonly TextCoding[] = [
  { kind: "ngrams", buckets: 4096, length: 20 },
  { kind: "tokens", buckets: 100, length: 4 },
  { kind: "pieces", length: 3, count: 50, tokenizer: encoder },
  { kind: "features", features: 8, backbone: encoder },
];

/** A coding that is read codes texts as ids below its number of them, or is refused. */
const codingReader: Reader = {
  name: "coding of texts",
  reads: "the coding of a run's texts",
  sources: ["core/src/domains/text/text-coding.ts"],
  seeds: () => codings.map((coding) => bytes(JSON.stringify(coding))),
  mutations: [jsonLineMutation, ...textMutations],
  words: ["kind", "ngrams", "tokens", "pieces", "features", "length", "buckets", "__proto__", "null", "-1", "1e999"],
  run: (input) => {
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(input));
    } catch {
      return;
    }
    const coding = textCodingFrom(value);
    if (coding.kind === "features") return;
    const { ids, length } = idsOf(coding, ["pay my bill", ""], () => [1]);
    const isWrong = (id: number): boolean => id < 0 || id >= idCount(coding);
    if (ids.length !== 2 * length || ids.some(isWrong)) throw new WrongResult("ids are not those of the coding");
  },
};

/** Words are in order and apart, each of the form that its characters have, and code as ids of their range. */
const wordReader: Reader = {
  name: "words of a text",
  reads: "a text of any characters, as words and ids",
  sources: ["core/src/domains/text/words.ts"],
  seeds: () =>
    ["Don't pay $3.50!", "Cafe\u0301 İstanbul", "ฉันรัก 北京 カメラ", "मनुष्य کتاب\u200cها", "👩‍👩‍👧 👍🏽 1\u20e3"].map(
      bytes,
    ),
  mutations: textMutations,
  words: ["'", "\u2019", "\u0301", "\u0327", "\u200d", "\u00ad", "ก", "中", "\u{1f3fb}", "\u{10400}", "\ufeff"],
  // Each half of a code unit from the bytes as well: so there are lone surrogates.
  run: (input) => {
    const units = Array.from(input, (byte, i) => String.fromCharCode((byte << 8) | (input[i + 1] ?? 0))).join("");
    for (const text of [new TextDecoder().decode(input), units]) {
      let last = 0;
      const words = wordsOf(text);
      for (const { start, end, form } of words) {
        if (start < last || end <= start || end > text.length) throw new WrongResult("words are not in order");
        if (form !== wordForm(text.slice(start, end))) throw new WrongResult("a form is not that of its characters");
        last = end;
      }
      const features = wordFeatures(words.map(({ start, end }) => text.slice(start, end)));
      if (features.length !== words.length * wordFeatureSlots.length) throw new WrongResult("a word has no features");
      const { ids } = idsOf({ kind: "ngrams", buckets: 64, length: 32 }, [text]);
      const present = [...ids].filter((id) => id > 0);
      if (new Set(present).size !== present.length) throw new WrongResult("n-grams are not distinct");
    }
  },
};

export const textCodingReaders: readonly Reader[] = [codingReader, wordReader];
