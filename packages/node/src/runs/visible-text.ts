/** Text of unknown origin, made harmless to show. */

/**
 * Control characters that a terminal acts on (C0 but newline and tab, DEL, C1), and those that change the direction or
 * the lines of what is around them.
 */
const acting =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Colours as `paintFor` writes them, and nothing else that begins with an escape character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what colour codes begin with
const colours = /(\u001b\[(?:[12]|22|3[1236]|39)m)/;

/**
 * The text with everything that a terminal would act on written out, as `\u001b`. In a text of JSON that is the same
 * string still.
 */
export const visibleText = (text: string): string =>
  text.replace(acting, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** The same, but for the colours of our own output. */
export const visibleWithColours = (text: string): string =>
  text
    .split(colours)
    .map((part, i) => (i % 2 === 1 ? part : visibleText(part)))
    .join("");
