/** Episodes of one task as text, for terminals: paths in Braille, series as bars of one line, choices as shares. */
import type {
  AdaptedEpisodes,
  ChoicesPicture,
  EnvironmentFamily,
  PathPicture,
  SeriesPicture,
} from "@innerloop/core/reinforcement";
import { afterText, choiceCounts, meanOverTime, observationRows } from "@innerloop/experiments";
import { brailleArt } from "./image-art.js";
import { columns, type Paint, padEnd, widthOf } from "./terminal.js";

/** The family and the episodes of one of its tasks, and how a terminal shows them. */
export interface DrawnEpisodes {
  readonly family: Pick<EnvironmentFamily, "observation" | "pictures">;
  readonly episodes: AdaptedEpisodes;
  readonly paint: Paint;
  /** Columns that there are. */
  readonly width: number;
}

/** Lines for a terminal: each way in which the family draws its episodes, with what it shows. */
export function episodeArt(drawn: DrawnEpisodes): readonly string[] {
  return (drawn.family.pictures ?? []).flatMap((picture, i) => {
    const lines =
      picture.kind === "path"
        ? pathArt(picture, drawn)
        : picture.kind === "series"
          ? seriesArt(picture, drawn)
          : choicesArt(picture, drawn);
    return i > 0 ? ["", ...lines] : lines;
  });
}

const margin = "  ";
const gap = "   ";

/** Characters of a drawing: each has two dots across and four up, and is about twice as high as wide. */
const [drawingColumns, drawingLines] = [16, 8];
const dots = 2 * drawingColumns;
const [goalMark, startMark] = ["◎", "○"];

type Place = readonly [x: number, y: number];

/** Where episodes are in the mean, and where each ends: a drawing for each number of steps, as many as fit side by side. */
function pathArt(picture: PathPicture, { family, episodes, paint, width }: DrawnEpisodes): string[] {
  const { task, after } = episodes;
  const goal = picture.goal?.(task);
  const direction = picture.direction?.(task);
  const stages = after.map((stage) => {
    const { episodes: played } = stage;
    const paths = played.map((episode) => observationRows(episode, family).map((row) => picture.at(row, task)));
    const [x, y] = [0, 1].map((axis) => meanOverTime(paths.map((path) => path.map((place) => place[axis]!))));
    const mean = x!.map((each, t): Place => [each, y![t]!]);
    return { stage, mean, ends: paths.map((path) => path.at(-1)!) };
  });
  const dotOf = squareOf([...stages.flatMap(({ mean, ends }) => [...mean, ...ends]), ...(goal ? [goal] : [])]);
  const drawings = stages.map(({ stage, mean, ends }) => {
    const pixels = new Float32Array(dots * dots);
    mean.forEach((place, t) => {
      drawLine(pixels, dotOf(mean[Math.max(0, t - 1)]!), dotOf(place));
    });
    for (const end of ends) drawLine(pixels, dotOf(end), dotOf(end));
    const cells = brailleArt(pixels, dots, dots).map((line) => [...line]);
    const mark = (place: Place, text: string): void => {
      const [column, row] = dotOf(place);
      cells[Math.floor(row / 4)]![Math.floor(column / 2)] = text;
    };
    mark(mean[0]!, paint("dim", startMark));
    if (goal) mark(goal, paint("green", goalMark));
    return [paint("bold", padEnd(afterText(stage), drawingColumns)), ...cells.map((row) => row.join(""))];
  });
  const across = Math.max(1, Math.floor((width - margin.length + gap.length) / (drawingColumns + gap.length)));
  const lines: string[] = [];
  for (let first = 0; first < drawings.length; first += across) {
    if (first > 0) lines.push("");
    const beside = drawings.slice(first, first + across);
    for (let line = 0; line <= drawingLines; line++)
      lines.push(`${margin}${beside.map((drawing) => drawing[line]!).join(gap)}`.trimEnd());
  }
  const marks = [
    `${startMark} the start`,
    ...(goal ? [`${goalMark} the goal`] : []),
    "a line where the episodes are in the mean, a dot where one ends",
    ...(direction ? [`wanted is the direction (${direction.map((part) => part.toFixed(2)).join(", ")})`] : []),
  ];
  return [...lines, paint("dim", `${margin}${picture.title}: ${marks.join(", ")}`)];
}

/** From places to dots of a drawing, by the square around all places, whose y goes up. */
function squareOf(places: readonly Place[]): (place: Place) => readonly [column: number, row: number] {
  const bounds = [0, 1].map((axis) => {
    const values = places.map((place) => place[axis]!);
    return [Math.min(...values), Math.max(...values)] as const;
  });
  const side = Math.max(...bounds.map(([low, high]) => high - low)) || 1;
  const [left, bottom] = bounds.map(([low, high]) => (low + high - side) / 2) as [number, number];
  const dotAt = (value: number, from: number): number => Math.round(((value - from) / side) * (dots - 1));
  return ([x, y]) => [dotAt(x, left), dots - 1 - dotAt(y, bottom)];
}

/** Sets the dots between two, both included. */
function drawLine(
  pixels: Float32Array,
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
): void {
  const count = Math.max(1, Math.abs(x2 - x1), Math.abs(y2 - y1));
  for (let i = 0; i <= count; i++) {
    const [x, y] = [x1 + ((x2 - x1) * i) / count, y1 + ((y2 - y1) * i) / count];
    pixels[Math.round(y) * dots + Math.round(x)] = 1;
  }
}

const bars = "▁▂▃▄▅▆▇█";
const barsAcross = 40;

/** The mean over episodes at each time as bars of one line, on one scale for all numbers of steps. */
function seriesArt(picture: SeriesPicture, { family, episodes, paint, width }: DrawnEpisodes): string[] {
  const { task, after } = episodes;
  const wanted = picture.wanted?.(task);
  const means = after.map(({ episodes: played }) =>
    meanOverTime(played.map((episode) => observationRows(episode, family).map((row) => picture.at(row, task)))),
  );
  const all = means.flat();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const longest = Math.max(...means.map(({ length }) => length));
  const count = Math.min(barsAcross, longest, Math.max(8, width - 36));
  const unit = picture.unit === undefined ? "" : ` ${picture.unit}`;
  const rows = after.map((stage, i) => {
    const series = means[i]!;
    // A bar is the mean over its share of the longest: series that end sooner have fewer.
    const shown = Array.from({ length: Math.ceil((series.length * count) / longest) }, (_, bar) => {
      const from = Math.floor((bar * longest) / count);
      const part = series.slice(from, Math.max(from + 1, Math.floor(((bar + 1) * longest) / count)));
      const mean = meanOf(part);
      return bars[Math.min(bars.length - 1, Math.floor(((mean - low) / (high - low || 1)) * bars.length))]!;
    });
    return [paint("bold", afterText(stage)), shown.join(""), `${meanOf(series).toFixed(2)}${unit}`];
  });
  const seconds = picture.stepSeconds;
  const time = seconds === undefined ? `${longest - 1} steps` : `${((longest - 1) * seconds).toFixed(1)} s`;
  const scale = `from ${low.toFixed(2)} to ${high.toFixed(2)}${unit}, over ${time}, and its mean`;
  const goal = wanted === undefined ? "" : `; wanted is ${wanted.toFixed(2)}${unit}`;
  return [
    ...columns(rows, [0, 1]).map((line) => margin + line),
    paint("dim", `${margin}${picture.title}: ${scale}${goal}`),
  ];
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Actions of a table at most, the most chosen ones. */
const mostNames = 12;

/** So many of a list, the first and the last among them, the others about as far apart. */
function spaced<T>(list: readonly T[], most: number): readonly T[] {
  if (list.length <= most) return list;
  return Array.from({ length: most }, (_, i) => list[Math.round((i * (list.length - 1)) / (most - 1))]!);
}

/** How often each action was chosen; where there are several situations, how often the one that is worth most there. */
function choicesArt(picture: ChoicesPicture, drawn: DrawnEpisodes): string[] {
  const { episodes, width } = drawn;
  const drawnWith = (stages: number): string[] => {
    const after = spaced(episodes.after, stages);
    return choicesTable(picture, { ...drawn, episodes: { ...episodes, after } });
  };
  const fitting = (lines: readonly string[]): boolean => widthOf(lines[0] ?? "") <= width;
  for (let stages = episodes.after.length; stages > 2; stages--) {
    const lines = drawnWith(stages);
    if (fitting(lines)) return lines;
  }
  return drawnWith(2);
}

function choicesTable(picture: ChoicesPicture, { family, episodes, paint }: DrawnEpisodes): string[] {
  const { names, situations, worth, title } = picture;
  const { task, after } = episodes;
  const counts = after.map(({ episodes: played }) => choiceCounts(picture, family, played));
  const values = worth?.of(task);
  const header = [title, ...after.map(afterText)];
  const table = (rows: readonly (readonly string[])[]): string[] =>
    columns([header, ...rows]).map((line, i) => margin + (i === 0 ? paint("dim", line) : line));
  const totals = counts.map((each) => each.reduce((sum, count) => sum + count, 0) || 1);
  if (situations) {
    if (!values || !worth) return [];
    const isBest = values.map((value, i) => {
      const from = i - (i % names.length);
      return value === Math.max(...values.slice(from, from + names.length));
    });
    const shares = counts.map(
      (each, i) => each.filter((_, place) => isBest[place]).reduce((a, b) => a + b, 0) / totals[i]!,
    );
    return table([[`of the highest ${worth.title} of its state`, ...shares.map(percent)]]);
  }
  const used = (choice: number): number => counts.reduce((sum, each) => sum + each[choice]!, 0);
  const shown = names
    .map((_, choice) => choice)
    .sort((a, b) => used(b) - used(a))
    .slice(0, mostNames)
    .sort((a, b) => a - b);
  const rows = shown.map((choice) => [
    values ? `${names[choice]} (${values[choice]!.toFixed(2)})` : names[choice]!,
    ...counts.map((each, i) => percent(each[choice]! / totals[i]!)),
  ]);
  const of = worth ? [`in brackets the ${worth.title}, which the policy is not told`] : [];
  const left = names.length - shown.length;
  const notes = [...of, ...(left > 0 ? [`the ${shown.length} most chosen of ${names.length}`] : [])];
  return [...table(rows), ...(notes.length > 0 ? [paint("dim", `${margin}${notes.join("; ")}`)] : [])];
}

const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;
