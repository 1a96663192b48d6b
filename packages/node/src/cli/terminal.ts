/** How numbers, times and words look on a terminal. */
export { bytes, count, counted, figure, plusMinus, withInterval } from "@innerloop/experiments";

const codes = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;
export type Style = keyof typeof codes;

/** Paints text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

export const paintFor = (colour: boolean): Paint =>
  colour
    ? (style, text) => (text === "" ? "" : `\u001b[${codes[style][0]}m${text}\u001b[${codes[style][1]}m`)
    : (_style, text) => text;

/** Whether a stream takes colours: a terminal, unless NO_COLOR (no-color.org) or TERM=dumb ask for none. */
export function hasColour(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv = process.env): boolean {
  if (environment.NO_COLOR) return false;
  if (environment.FORCE_COLOR) return environment.FORCE_COLOR !== "0";
  return stream.isTTY === true && environment.TERM !== "dumb";
}

/** Columns for a line: those of a terminal; files and programs take lines of any length. */
export const roomIn = (stream: { readonly isTTY?: boolean; readonly columns?: number } = process.stdout): number =>
  stream.isTTY === true ? Math.max(40, stream.columns || 80) : Number.POSITIVE_INFINITY;

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${whole % 60} s`;
}

/** 2:05, 1:02:05: a width that hardly changes, for a line that is drawn again and again. */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return "-:--";
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number): string => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** The width of text on a terminal: colour codes take no room, Chinese characters take two places. */
export function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what colour codes begin with
  const bare = text.replace(/\u001b\[[0-9;]*m/g, "");
  let width = 0;
  for (const character of bare)
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]|[\u{20000}-\u{3fffd}]/u.test(
      character,
    )
      ? 2
      : 1;
  return width;
}

export const padEnd = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - widthOf(text)));
export const padStart = (text: string, width: number): string => " ".repeat(Math.max(0, width - widthOf(text))) + text;

/** Columns side by side: those named to the left (the first unless given), the others to the right. */
export function columns(rows: readonly (readonly string[])[], left: readonly number[] = [0], gap = 3): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (left.includes(i) ? padEnd(cell, widths[i]!) : padStart(cell, widths[i]!)))
      .join(" ".repeat(gap))
      .trimEnd(),
  );
}

/** The least that names are folded to, so that they can still be read. */
const leastNameWidth = 16;

/**
 * Columns side by side within `room`: where they would be wider, the first, of names, is folded at words.
 *
 * @returns the lines of each row
 */
export function columnsWithin(
  room: number,
  rows: readonly (readonly string[])[],
  left: readonly number[] = [0],
  gap = 3,
): string[][] {
  const others = columns(
    rows.map(([, ...cells]) => cells),
    left.map((i) => i - 1),
    gap,
  );
  const forNames = Math.max(leastNameWidth, room - gap - Math.max(...others.map(widthOf)));
  // A name that goes on in another line does so further in, so that it does not look like a row.
  const names = rows.map(([name = ""]) => (widthOf(name) <= forNames ? name : hanging(name, forNames, 2)).split("\n"));
  const width = Math.max(...names.flat().map(widthOf));
  return rows.map((_, i) => {
    const [name = "", ...more] = names[i]!;
    return [`${padEnd(name, width)}${" ".repeat(gap)}${others[i]}`.trimEnd(), ...more];
  });
}

/** Breaks a text into lines of at most so many characters. */
export function wrapped(text: string, width: number, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  // Counted as the line grows: a text of one line may be long.
  let used = 0;
  for (const word of text.split(" ")) {
    const wordWidth = widthOf(word);
    if (line && used + 1 + wordWidth > width - indent.length) {
      lines.push(line);
      line = word;
      used = wordWidth;
    } else {
      used += line ? 1 + wordWidth : wordWidth;
      line = line ? `${line} ${word}` : word;
    }
  }
  lines.push(line);
  return lines.map((each) => indent + each).join("\n");
}

/** The same for a text that begins in column `indent` of its line: so do the lines after it. */
export const hanging = (text: string, width: number, indent: number): string =>
  wrapped(text, width - indent).replaceAll("\n", `\n${" ".repeat(indent)}`);

/** The colour codes that a line begins with. */
function colourCodesAt(line: string): string {
  let at = 0;
  for (;;) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what colour codes begin with
    const code = /^\u001b\[[0-9;]{0,20}m/.exec(line.slice(at, at + 24));
    if (!code) return line.slice(0, at);
    at += code[0].length;
  }
}

/** Breaks lines that are wider than `room`, at their own indentation; those with columns in them stay as they are. */
export function folded(text: string, room: number): string {
  return text
    .split("\n")
    .map((line) => {
      const codes = colourCodesAt(line);
      const afterCodes = line.slice(codes.length);
      const words = afterCodes.trimStart();
      const indent = afterCodes.slice(0, afterCodes.length - words.length);
      return widthOf(line) <= room || words.includes("  ") ? line : codes + wrapped(words, room, indent);
    })
    .join("\n");
}

/**
 * Commands to go on with, each beside what it is for; below each other where that is wider than `room`. A command itself
 * is never broken: it is there to be copied.
 */
export function suggestions(
  next: readonly (readonly [command: string, meaning: string])[],
  { room, indent, paint }: { readonly room: number; readonly indent: number; readonly paint: Paint },
): string[] {
  const margin = " ".repeat(indent);
  const width = Math.max(...next.map(([command]) => widthOf(command)));
  const isBeside = next.every(([, meaning]) => indent + width + 3 + widthOf(meaning) <= room);
  return next.flatMap(([command, meaning]) =>
    isBeside
      ? [`${margin}${paint("cyan", padEnd(command, width))}   ${paint("dim", meaning)}`]
      : [`${margin}${paint("cyan", command)}`, `${margin}    ${paint("dim", meaning)}`],
  );
}
