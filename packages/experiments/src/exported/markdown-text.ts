/** Text of a run in the Markdown of a model card. */
import { cut } from "../options/outside-text.js";

/** Text in one line of Markdown: what would be markup, or end a table's cell, is written out. */
export const plain = (text: string): string =>
  cut(text, 2000)
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, " ")
    .replaceAll(/[\\`*_[\]<>|]/g, (letter) => `\\${letter}`);

/** Text as code: in a block, of which it cannot end the fence. */
export const code = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, " ").replaceAll("`", "'");
