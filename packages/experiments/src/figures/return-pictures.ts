/** Pictures of figures with their intervals: by adaptation steps beside baselines, and over what training took. */
import type { Evaluation, FigureDescription } from "@innerloop/core";
import { figureTitle, isStepless, leadingFigure, sameFigure } from "./results-cells.js";
import {
  at,
  boundsOf,
  escapedMarkup,
  type Frame,
  fittedText,
  frame,
  lineAt,
  type Picture,
  pathThrough,
  pictureColours,
  pictureWidth,
  textAt,
} from "./svg-picture.js";

/** A value at a place, with half its 95% interval where there is one. */
export interface PlottedPoint {
  readonly at: number;
  readonly mean: number;
  readonly interval?: number | undefined;
}

/** A line of a plot. */
export interface PlottedLine {
  readonly name: string;
  readonly points: readonly PlottedPoint[];
}

const height = 300;
const [left, top, bottom, namesRoom] = [64, 12, 44, 240];
/** Lines besides the first that are told apart by colour and by dashes. */
const dashes = ["6 4", "2 3", "9 3 2 3", "12 4", "1 4", "4 2"];

/**
 * The picture of a figure by number of adaptation steps, with its 95% intervals over tasks: the first evaluation as it is,
 * the others dashed; one that takes no steps is a level line.
 *
 * @param of the figure; that with which the first evaluation leads, unless given
 * @returns nothing where the first one has been evaluated after one number of steps alone
 */
export function stepsPicture(
  evaluations: readonly Evaluation[],
  of: FigureDescription = leadingFigure(evaluations[0]!),
): Picture | undefined {
  const lines = evaluations.flatMap((evaluation): (PlottedLine & { readonly isLevel: boolean })[] => {
    const name = sameFigure(evaluation, of)?.name;
    const points = evaluation.rows.flatMap(({ steps, figures }): PlottedPoint[] => {
      const found = name === undefined ? undefined : figures[name];
      return found && Number.isFinite(found.mean) ? [{ at: steps, mean: found.mean, interval: found.interval }] : [];
    });
    return points.length === 0 ? [] : [{ name: evaluation.learner, points, isLevel: isStepless(evaluation) }];
  });
  const [first] = lines;
  const places = [...new Set(lines.flatMap(({ points, isLevel }) => (isLevel ? [] : points.map((point) => point.at))))];
  if (!first || first.points.length < 2) return undefined;
  const steps = places.sort((a, b) => a - b);
  const last = steps.at(-1)!;
  const levelled = lines.map(({ isLevel, name, points }): PlottedLine => {
    const [point] = points as readonly [PlottedPoint];
    return isLevel
      ? {
          name,
          points: [
            { ...point, at: 0 },
            { ...point, at: last },
          ],
        }
      : { name, points };
  });
  return {
    title: `${figureTitle(of)} by adaptation steps`,
    text: "Means over held-out tasks, with their 95% intervals.",
    ...linesPicture({
      lines: levelled,
      across: [0, last],
      onlyAcross: steps,
      acrossTitle: "adaptation steps",
      upTitle: figureTitle(of),
    }),
  };
}

/**
 * The picture of a figure over training.
 *
 * @param setting.acrossTitle what the places of points count: "environment steps"
 */
export function trainingPicture(setting: {
  readonly title: string;
  readonly text: string;
  readonly acrossTitle: string;
  readonly upTitle: string;
  readonly lines: readonly PlottedLine[];
}): Picture {
  const { title, text, ...rest } = setting;
  const last = boundsOf(setting.lines.flatMap(({ points }) => points.map((point) => point.at)))[1];
  const across = (lines: readonly PlottedLine[], acrossTitle: string, most: number): Picture => ({
    title,
    text,
    ...linesPicture({ ...rest, lines, acrossTitle, across: [0, most] }),
  });
  if (last < million) return across(setting.lines, setting.acrossTitle, last);
  const inMillions = setting.lines.map(({ name, points }) => ({
    name,
    points: points.map((point) => ({ ...point, at: point.at / million })),
  }));
  return across(inMillions, `${setting.acrossTitle} (millions)`, last / million);
}

/** Numbers from here on are read more easily in millions. */
const million = 1e6;

/** Points that are marked one by one, at most: more would be a band of marks. */
const mostMarked = 40;

function linesPicture(setting: {
  readonly lines: readonly PlottedLine[];
  readonly across: readonly [low: number, high: number];
  readonly onlyAcross?: readonly number[];
  readonly acrossTitle: string;
  readonly upTitle: string;
}): Pick<Picture, "width" | "height" | "content"> {
  const { lines, across, onlyAcross, acrossTitle, upTitle } = setting;
  const halves = ({ mean, interval }: PlottedPoint): readonly number[] =>
    interval !== undefined && Number.isFinite(interval) ? [mean - interval, mean + interval] : [mean];
  const inside = frame({
    left,
    top,
    width: pictureWidth - left - namesRoom,
    height: height - top - bottom,
    across,
    ...(onlyAcross ? { onlyAcross } : {}),
    up: boundsOf(lines.flatMap(({ points }) => points.flatMap(halves))),
    ticksUp: 5,
  });
  const colours = [pictureColours.after, ...pictureColours.others];
  const content = [
    ...inside.axes,
    textAt((inside.left + inside.right) / 2, inside.bottom + 36, acrossTitle, { anchor: "middle" }),
    textAt(14, (inside.top + inside.bottom) / 2, upTitle, { anchor: "middle", turned: -90 }),
    ...lines.flatMap((line, i) => drawnLine(line, inside, colours[i % colours.length]!, i)),
    ...placedNames(lines, inside).flatMap(({ name, y }, i) => {
      const colour = colours[i % colours.length]!;
      const x = inside.right + 12;
      const room = pictureWidth - x - 26;
      return [
        lineAt(x, y, x + 18, y, colour, strokeOf(i)),
        `<g>${textAt(x + 24, y + 4, fittedText(name, room), { bold: i === 0 })}<title>${escapedMarkup(name)}</title></g>`,
      ];
    }),
  ];
  return { width: pictureWidth, height, content: content.join("\n") };
}

const strokeOf = (i: number): string =>
  i === 0 ? ' stroke-width="2.5"' : ` stroke-width="1.75" stroke-dasharray="${dashes[(i - 1) % dashes.length]}"`;

function drawnLine({ name, points }: PlottedLine, inside: Frame, colour: string, i: number): readonly string[] {
  const isMarked = points.length <= mostMarked;
  const places = points.map((point) => [inside.x(point.at), inside.y(point.mean)] as const);
  const marks = points.flatMap(({ mean, interval }, j): string[] => {
    const [x, y] = places[j]!;
    const bar = interval !== undefined && Number.isFinite(interval) && interval > 0;
    const [low, high] = bar ? [inside.y(mean - interval), inside.y(mean + interval)] : [y, y];
    return [
      ...(bar ? [lineAt(x, low, x, high, colour, ' stroke-width="1.5"')] : []),
      ...(bar ? [low, high].map((end) => lineAt(x - 4, end, x + 4, end, colour, ' stroke-width="1.5"')) : []),
      `<circle cx="${at(x)}" cy="${at(y)}" r="${i === 0 ? 4 : 3}" fill="${colour}"/>`,
    ];
  });
  return [pathThrough(places, colour, strokeOf(i), name), ...(isMarked ? marks : [])];
}

/** Lines apart of names that would overlap. */
const nameHeight = 17;

/** Names beside the ends of their lines, moved apart where they would overlap. */
function placedNames(
  lines: readonly PlottedLine[],
  inside: Frame,
): readonly { readonly name: string; readonly y: number }[] {
  const wanted = lines.map(({ name, points }, i) => ({ name, i, y: inside.y(points.at(-1)?.mean ?? 0) }));
  const order = wanted.toSorted((a, b) => a.y - b.y);
  const bottomMost = inside.bottom;
  let last = inside.top - nameHeight + 6;
  for (const each of order) {
    each.y = Math.max(each.y, last + nameHeight);
    last = each.y;
  }
  // What was pushed beyond the end goes back up, and pushes others.
  let next = bottomMost + nameHeight;
  for (const each of order.toReversed()) {
    each.y = Math.min(each.y, next - nameHeight);
    next = each.y;
  }
  return wanted.toSorted((a, b) => a.i - b.i);
}
