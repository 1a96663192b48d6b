/**
 * Pictures as SVG, as strings: for a page that holds them, or as files of their own. They have no background, and are read
 * on white and on black: lines are in colours of middling lightness, text follows what the reader prefers.
 */
import { least, linearAxis, most, tickTexts } from "./plot-axis.js";

/** A picture, with what is said of it. */
export interface Picture {
  /** In a few words: also for those who do not see it. */
  readonly title: string;
  /** How it is to be read, in whole sentences. */
  readonly text: string;
  readonly width: number;
  readonly height: number;
  /** What is inside of `<svg>`. */
  readonly content: string;
}

/** Colours, each at least 3 : 1 against white and against the black of dark pages. */
export const pictureColours = {
  /** Before adaptation. */
  before: "#d9580b",
  /** After it. */
  after: "#2f7de0",
  /** What the task wants. */
  wanted: "#2b8a3e",
  grid: "#8a8a8a",
  others: ["#8d6e00", "#d6336c", "#7a5cd6", "#0e8a8a", "#8a6d5a", "#787878"],
} as const;

const ink = "#3d444d";
const inkOnDark = "#c9d1d9";
/** The class of all text, whose colour follows the reader's preference; its name is no other page's. */
const textClass = "innerloop-text";
/** The class of what sets a mark off from what it lies on, in the colour of the paper. */
export const paperClass = "innerloop-paper";

/** Width of all pictures: as wide as a page's column of text. */
export const pictureWidth = 760;

/** A coordinate, as short as it can be read exactly enough. */
export const at = (value: number): string => String(Math.round(value * 10) / 10);

/** Text that stands for itself in markup. */
export const escapedMarkup = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** How a text stands in a picture. */
export interface TextStyle {
  readonly anchor?: "start" | "middle" | "end";
  readonly bold?: boolean;
  /** Ink unless given. */
  readonly colour?: string;
  /** Degrees that it is turned by. */
  readonly turned?: number;
}

/** A text whose baseline begins, ends or has its middle at a point. */
export function textAt(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { anchor = "start", bold = false, colour, turned } = style;
  const paint = colour === undefined ? ` class="${textClass}" fill="${ink}"` : ` fill="${colour}"`;
  const turn = turned === undefined ? "" : ` transform="rotate(${turned} ${at(x)} ${at(y)})"`;
  const weight = bold ? ' font-weight="600"' : "";
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}"${paint}${weight}${turn}>${escapedMarkup(content)}</text>`;
}

/** About as wide as a text comes out. */
export const textWidth = (content: string): number => 6.4 * [...content].length;

/** A text cut to a width, with an ellipsis where it was. */
export function fittedText(content: string, width: number): string {
  const letters = [...content];
  const room = Math.max(1, Math.floor(width / 6.4));
  return letters.length <= room ? content : `${letters.slice(0, room - 1).join("")}…`;
}

/** A straight line. */
export const lineAt = (x1: number, y1: number, x2: number, y2: number, stroke: string, more = ""): string =>
  `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="${stroke}"${more}/>`;

/** Points of a line that a picture has room for: more would only overlap. */
const mostPoints = 200;

/** A line through points, thinned out where there are too many; `title` is shown where a pointer rests. */
export function pathThrough(
  points: readonly (readonly [x: number, y: number])[],
  stroke: string,
  more = "",
  title?: string,
): string {
  const stride = Math.max(1, Math.ceil(points.length / mostPoints));
  const kept = points.filter((_, i) => i % stride === 0 || i === points.length - 1);
  const list = kept.map(([x, y]) => `${at(x)},${at(y)}`).join(" ");
  const open = `<polyline points="${list}" fill="none" stroke="${stroke}" stroke-linejoin="round"${more}`;
  return title === undefined ? `${open}/>` : `${open}><title>${escapedMarkup(title)}</title></polyline>`;
}

/** A room of a picture with axes around it: from values to coordinates. */
export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  x(value: number): number;
  y(value: number): number;
  /** Its grid, and the texts of its ticks. */
  readonly axes: readonly string[];
}

/** The bounds of a frame, and what is along its axes. */
export interface FrameSetting {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** From where to where, before the axes are brought to round numbers. */
  readonly across: readonly [low: number, high: number];
  readonly up: readonly [low: number, high: number];
  /** About so many ticks: 4 unless given. */
  readonly ticksAcross?: number;
  readonly ticksUp?: number;
  /** Ticks at these alone: numbers of steps, say. */
  readonly onlyAcross?: readonly number[];
  /** One scale for both axes, which keep to the bounds: they are as long as each other. */
  readonly square?: boolean;
  /** False where the frame beside it has the texts already. */
  readonly textsUp?: boolean;
}

/** A frame with axes at round numbers. */
export function frame(setting: FrameSetting): Frame {
  const { left, top, width, height, square = false, textsUp = true, ticksAcross = 4, ticksUp = 4 } = setting;
  const [right, bottom] = [left + width, top + height];
  const axis = ([low, high]: readonly [number, number], about: number) => {
    const { ticks } = linearAxis(low, high, about);
    // Of the ticks at or beyond an end the nearest is enough.
    const kept = ticks.filter((tick, i) => (square ? tick >= low && tick <= high : i === 0 || ticks[i - 1]! < high));
    const [from, to] = square ? [low, high] : [kept[0]!, kept.at(-1)!];
    return { place: (value: number) => (value - from) / (to - from), ticks: kept };
  };
  const own = setting.onlyAcross;
  const [low, high] = setting.across;
  const across = own
    ? { place: (value: number) => (value - low) / (high - low || 1), ticks: own }
    : axis(setting.across, ticksAcross);
  const up = axis(setting.up, ticksUp);
  const x = (value: number): number => left + width * across.place(value);
  const y = (value: number): number => bottom - height * up.place(value);
  const thin = ' stroke-opacity="0.35"';
  const upTexts = tickTexts(up.ticks);
  const acrossTexts = tickTexts(across.ticks);
  const axes = [
    ...up.ticks.map((tick) => lineAt(left, y(tick), right, y(tick), pictureColours.grid, thin)),
    ...(textsUp ? up.ticks.map((tick, i) => textAt(left - 6, y(tick) + 4, upTexts[i]!, { anchor: "end" })) : []),
    ...(square ? across.ticks.map((tick) => lineAt(x(tick), top, x(tick), bottom, pictureColours.grid, thin)) : []),
    ...across.ticks.flatMap((tick, i) => {
      // Beside a corner it would run into that of the next panel.
      const isBesideOthers = square && Math.min(x(tick) - left, right - x(tick)) < 10;
      return isBesideOthers ? [] : [textAt(x(tick), bottom + 16, acrossTexts[i]!, { anchor: "middle" })];
    }),
  ];
  return { left, right, top, bottom, x, y, axes };
}

/** From the least to the most of some numbers, at least something apart. */
export function boundsOf(values: readonly number[]): readonly [low: number, high: number] {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [0, 1];
  const [low, high] = [least(finite), most(finite)];
  const apart = high - low > 1e-9 * Math.max(1, Math.abs(high), Math.abs(low));
  return apart ? [low, high] : [low - 0.5, high + 0.5];
}

const style = `<style>@media (prefers-color-scheme: dark) { .${textClass} { fill: ${inkOnDark}; } .${paperClass} { stroke: #121212; } }</style>`;
const font = 'font-family="system-ui, sans-serif" font-size="12"';

const opening = ({ width, height, title }: Pick<Picture, "width" | "height" | "title">, more = ""): string =>
  `<svg${more} viewBox="0 0 ${at(width)} ${at(height)}" ${font} role="img" aria-label="${escapedMarkup(title)}">`;

/** A picture as an element of a page. */
export const svgElement = (picture: Picture): string =>
  [opening(picture), `<title>${escapedMarkup(picture.title)}</title>`, style, picture.content, "</svg>"].join("\n");

/** Room above and below a title. */
const [titleRoom, gap] = [26, 18];

/** Pictures below each other as one file, each with its title above and its text below. */
export function svgFile(title: string, pictures: readonly Picture[]): string {
  let y = 8;
  const parts: string[] = [];
  for (const picture of pictures) {
    parts.push(textAt(8, y + 16, picture.title, { bold: true }));
    y += titleRoom;
    parts.push(`<g transform="translate(0 ${at(y)})">`, picture.content, "</g>");
    y += picture.height + 8;
    for (const line of foldedText(picture.text, pictureWidth - 16)) {
      parts.push(textAt(8, y + 10, line));
      y += 16;
    }
    y += gap;
  }
  const size = { width: pictureWidth, height: y, title };
  // A file of its own takes the dark paper of who prefers it; an element of a page has the page's.
  const dark = "<style>:root { color-scheme: light dark; }</style>";
  const open = opening(size, ` xmlns="http://www.w3.org/2000/svg" width="${pictureWidth}" height="${at(y)}"`);
  return `${[open, `<title>${escapedMarkup(title)}</title>`, dark, style, ...parts, "</svg>"].join("\n")}\n`;
}

/** A text in lines that are about as wide. */
function foldedText(content: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of content.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && textWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line === "" ? lines : [...lines, line];
}
