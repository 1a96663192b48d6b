/** Made-up texts, and the machine that has them. */
import type { LabelledTexts, Split } from "@innerloop/core/tasks";
import type { DataIo } from "../../io.js";
import { memoryIo } from "../../made-up.fixture.js";
import type { FoundTexts, TextBackbone } from "../../text-io.js";

/** Texts of classes c0, c1, ...: each has a word of its own beside others, which come in turn. */
export function madeUpTexts(
  classes: number,
  perClass: number,
  more: {
    readonly domains?: number;
    readonly unknown?: number;
    readonly parts?: (row: number) => Split;
  } = {},
): LabelledTexts {
  const { domains, unknown = 0, parts } = more;
  const texts: string[] = [];
  const labels: number[] = [];
  for (let c = 0; c < classes; c++)
    for (let i = 0; i < perClass; i++) {
      texts.push(`please topic${"abcdefghijklmnopqrstuvwxyz"[c % 26]}${c} number ${i} of ${(7 * i + c) % 5}`);
      labels.push(c);
    }
  for (let i = 0; i < unknown; i++) {
    texts.push(`nothing of the kind ${i}`);
    labels.push(-1);
  }
  return {
    name: "made up",
    texts,
    classes: { names: Array.from({ length: classes }, (_, c) => `c${c}`), of: Int32Array.from(labels) },
    ...(domains
      ? {
          domains: {
            names: Array.from({ length: domains }, (_, d) => `d${d}`),
            of: Int32Array.from(labels, (_, row) => row % domains),
          },
        }
      : {}),
    ...(parts ? { parts: labels.map((_, row) => parts(row)) } : {}),
  };
}

export const foundTexts = (texts: LabelledTexts): FoundTexts => ({
  texts,
  sha256: `contents of ${texts.name}`,
  notes: [],
});

/** An encoder that knows how long texts are, and how often the letters e, t, a and o are in them. */
export const letterBackbone = (sha256 = "a".repeat(64)): TextBackbone & { readonly encoded: string[] } => {
  const encoded: string[] = [];
  const features = (text: string): number[] => {
    const counts = ["e", "t", "a", "o"].map((letter) => text.split(letter).length);
    const length = Math.hypot(...counts, text.length);
    return [...counts, text.length].map((value) => value / length);
  };
  return {
    name: "letters",
    sha256,
    folder: "/letters",
    features: 5,
    encoded,
    encode: async (texts) => {
      encoded.push(...texts);
      return Float32Array.from(texts.flatMap(features));
    },
    states: async () => [],
    close: async () => undefined,
  };
};

/** A machine that has texts by name and an encoder. */
export const textsIo = (texts: Readonly<Record<string, FoundTexts>>, backbone = letterBackbone()): DataIo =>
  memoryIo({ texts, encoders: { textBackbone: async () => backbone } });
