/** Text of any origin within a line of Markdown. */

const acting: Readonly<Record<string, string>> = { "\\": "\\\\", "[": "\\[", "<": "&lt;", "\n": " ", "\r": " " };

const withoutMarkup = (text: string): string => text.replace(/[\\[<\n\r]/g, (character) => acting[character]!);

/**
 * Text that is shown as it is: no links, no HTML, no further line. Words in single backticks are code, as long as no backtick
 * is left over: then none is.
 */
export function markdownText(text: string): string {
  const parts = text.replaceAll(/[\n\r]/g, " ").split("`");
  const isPaired = parts.length % 2 === 1 && parts.every((part, i) => part !== "" || i === 0 || i === parts.length - 1);
  if (!isPaired) return parts.map(withoutMarkup).join("\\`");
  return parts.map((part, i) => (i % 2 === 1 ? part : withoutMarkup(part))).join("`");
}

/** The same in a cell of a table. */
export const markdownCell = (text: string): string => markdownText(text).replaceAll("|", "\\|");
