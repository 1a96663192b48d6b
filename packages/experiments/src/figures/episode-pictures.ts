/** Pictures of the episodes of one task, before adaptation and after each step, as the family says that they are drawn. */
import type {
  AdaptedEpisodes,
  ChoicesPicture,
  EnvironmentFamily,
  EnvironmentTask,
  EpisodePicture,
  EpisodesAfter,
  PathPicture,
  PlayedEpisode,
  SeriesPicture,
} from "@innerloop/core/reinforcement";
import { observationSize } from "@innerloop/core/reinforcement";
import { counted } from "../words.js";
import {
  at,
  boundsOf,
  escapedMarkup,
  type Frame,
  fittedText,
  frame,
  lineAt,
  type Picture,
  paperClass,
  pathThrough,
  pictureColours,
  pictureWidth,
  textAt,
  textWidth,
} from "./svg-picture.js";

/** Panels beside each other: more would be too small to read. */
const mostColumns = 4;
/** The room of what is above a panel, and between two. */
const [above, between] = [44, 18];
/** The room of the texts of axes. */
const axesRoom = { room: 52, below: 42 };

/** `-40.4 ± 4.1`, `-3.33 ± 0.56`; of one episode there is no interval. */
export function returnText({ mean, interval }: { readonly mean: number; readonly interval: number }): string {
  const size = Number.isFinite(interval) ? interval : Math.abs(mean);
  const digits = size < 1 ? 2 : size < 100 ? 1 : 0;
  const half = Number.isFinite(interval) ? ` ± ${interval.toFixed(digits)}` : "";
  return `${mean.toFixed(digits)}${half}`;
}

/** What was before the episodes of a stage. */
type Before = Pick<EpisodesAfter, "steps" | "remembered">;

/** `before`, `after 1 step`, `after 3 steps`; of a policy with a memory `first episode`, `after 1 episode` */
export function afterText({ steps, remembered }: Before): string {
  if (remembered !== undefined) return remembered === 0 ? "first episode" : `after ${counted(remembered, "episode")}`;
  return steps === 0 ? "before" : `after ${counted(steps, "step")}`;
}

const colourOf = ({ steps, remembered = steps }: Before): string =>
  remembered === 0 ? pictureColours.before : pictureColours.after;

/** What stages are of, for a title. */
const changeText = ([first]: readonly Before[]): string =>
  first?.remembered === undefined ? "before and after adaptation" : "episode by episode of a trial";

/** What an episode tells where a pointer rests on it. */
const episodeTitle = (episode: PlayedEpisode, i: number): string =>
  `episode ${i + 1}: return ${returnText({ mean: episode.return, interval: Number.POSITIVE_INFINITY })}, ${counted(episode.length, "step")}${episode.terminated ? ", ended by the task" : ""}`;

/** The observations of an episode, row by row: before each step, and after the last. */
export function observationRows(
  { observations, length }: PlayedEpisode,
  { observation }: Pick<EnvironmentFamily, "observation">,
): readonly Float32Array[] {
  const size = observationSize(observation);
  return Array.from({ length: length + 1 }, (_, t) => observations.subarray(t * size, (t + 1) * size));
}

/** Where panels stand, one for each number of steps. */
interface Panels {
  readonly side: number;
  readonly height: number;
  place(i: number): {
    readonly left: number;
    readonly top: number;
    readonly isFirst: boolean;
    readonly isLast: boolean;
  };
}

/**
 * @param setting.room left of the first panel of a row, and `below` all of them
 * @param setting.heightOf the height of a panel that is so wide
 */
function panelsOf(
  count: number,
  setting: { readonly room: number; readonly below: number; readonly heightOf: (side: number) => number },
): Panels {
  const { room, below, heightOf } = setting;
  const columns = Math.min(mostColumns, count);
  // One or two panels are no larger than three: pictures of one family look alike.
  const across = Math.max(3, columns);
  const side = (pictureWidth - room - 12 - (across - 1) * between) / across;
  const block = above + heightOf(side) + below;
  return {
    side,
    height: Math.ceil(count / columns) * block,
    place: (i) => ({
      left: room + (i % columns) * (side + between),
      top: Math.floor(i / columns) * block + above,
      isFirst: i % columns === 0,
      isLast: i + columns >= count,
    }),
  };
}

/** What stands above a panel: the number of steps, and the return. */
const panelTitle = (left: number, top: number, after: EpisodesAfter): readonly string[] => [
  textAt(left, top - 26, afterText(after), { bold: true, colour: colourOf(after) }),
  textAt(left, top - 10, `return ${returnText(after.return)}`),
];

/** Along an axis: `x (m)`. */
const axisText = (name: string, unit: string | undefined): string => (unit === undefined ? name : `${name} (${unit})`);

function acrossTitle(inside: Frame, name: string): string {
  return textAt((inside.left + inside.right) / 2, inside.bottom + 33, name, { anchor: "middle" });
}

function upTitle(inside: Frame, name: string): string {
  const [x, y] = [inside.left - 38, (inside.top + inside.bottom) / 2];
  return textAt(x, y, name, { anchor: "middle", turned: -90 });
}

/** What of the task is shown: its name, where it is one of several pictures. */
type Drawn<T extends EnvironmentTask> = Pick<EnvironmentFamily<T>, "observation" | "action">;

/**
 * Pictures of the episodes of a task, one for each way in which the family draws them; none where it does not say.
 *
 * @example const [paths] = episodePictures(family, await adaptedEpisodes({ family, learner, params, task, executor }))
 */
export function episodePictures<T extends EnvironmentTask>(
  family: Drawn<T> & Pick<EnvironmentFamily<T>, "pictures">,
  episodes: AdaptedEpisodes<T>,
): readonly Picture[] {
  return (family.pictures ?? []).map((picture) => drawn(picture, family, episodes));
}

function drawn<T extends EnvironmentTask>(
  picture: EpisodePicture<T>,
  family: Drawn<T>,
  episodes: AdaptedEpisodes<T>,
): Picture {
  switch (picture.kind) {
    case "path":
      return pathPicture(picture, family, episodes);
    case "series":
      return seriesPicture(picture, family, episodes);
    case "choices":
      return choicesPicture(picture, family, episodes);
  }
}

function pathPicture<T extends EnvironmentTask>(
  picture: PathPicture<T>,
  family: Drawn<T>,
  { task, after }: AdaptedEpisodes<T>,
): Picture {
  const goal = picture.goal?.(task);
  const direction = picture.direction?.(task);
  const paths = after.map(({ episodes }) =>
    episodes.map((episode) => observationRows(episode, family).map((row) => picture.at(row, task))),
  );
  const places = [...paths.flat(2), ...(goal ? [goal] : [])];
  const [x, y] = [0, 1].map((axis) => boundsOf(places.map((place) => place[axis]!))) as [Bounds, Bounds];
  const half = 0.53 * Math.max(x[1] - x[0], y[1] - y[0]);
  const square = ([low, high]: Bounds): Bounds => [(low + high) / 2 - half, (low + high) / 2 + half];
  const panels = panelsOf(after.length, { ...axesRoom, heightOf: (side) => side });
  const content = after.flatMap((each, i) => {
    const { left, top, isFirst, isLast } = panels.place(i);
    const [across, up] = [square(x), square(y)];
    const sizes = { left, top, width: panels.side, height: panels.side, square: true, textsUp: isFirst, ticksUp: 6 };
    const inside = frame({ ...sizes, ticksAcross: 6, across, up });
    const point = ([px, py]: readonly [number, number]): readonly [number, number] => [inside.x(px), inside.y(py)];
    const colour = colourOf(each);
    return [
      ...panelTitle(left, top, each),
      ...inside.axes,
      ...paths[i]!.flatMap((path, j) => {
        const [ex, ey] = point(path.at(-1)!);
        const title = episodeTitle(each.episodes[j]!, j);
        return [
          pathThrough(path.map(point), colour, ` stroke-opacity="${opacityOf(paths[i]!)}"`, title),
          `<circle cx="${at(ex)}" cy="${at(ey)}" r="2" fill="${colour}"/>`,
        ];
      }),
      ...meanPath(
        paths[i]!.map((path) => path.map(point)),
        colour,
      ),
      ...paths[i]!.slice(0, 1).map((path) => startMark(point(path[0]!))),
      ...(goal ? [goalMark(point(goal))] : []),
      ...(direction ? [arrow(point(paths[i]![0]![0]!), direction, 0.3 * panels.side)] : []),
      ...(isLast ? [acrossTitle(inside, axisText("x", picture.unit))] : []),
      ...(isFirst ? [upTitle(inside, axisText("y", picture.unit))] : []),
    ];
  });
  const marks = [
    "a ring is where the first begins, a dot where one ends",
    ...(paths[0]!.length > 1 ? ["thick is where they are in the mean, as long as half of them go on"] : []),
    ...(goal ? ["the cross in a circle is the goal"] : []),
    ...(direction ? ["the arrow is the direction that is wanted"] : []),
  ];
  return {
    title: `${picture.title}, ${changeText(after)}`,
    text: `${episodesText(after)}; ${marks.join("; ")}.`,
    width: pictureWidth,
    height: panels.height,
    content: content.join("\n"),
  };
}

type Bounds = readonly [low: number, high: number];

/** So many lines over each other are still told apart. */
const opacityOf = (lines: readonly unknown[]): string =>
  Math.max(0.2, Math.min(0.7, 1.2 / Math.sqrt(lines.length))).toFixed(2);

/** The mean of several paths, set off from them. */
function meanPath(paths: readonly (readonly (readonly [number, number])[])[], colour: string): readonly string[] {
  if (paths.length < 2) return [];
  const [x, y] = [0, 1].map((axis) => meanOverTime(paths.map((path) => path.map((place) => place[axis]!))));
  const points = x!.map((each, t) => [each, y![t]!] as const);
  const paper = ` class="${paperClass}" stroke-width="5" stroke-opacity="0.8"`;
  return [
    pathThrough(points, "#ffffff", paper),
    pathThrough(points, colour, ' stroke-width="2.5"', "mean over episodes"),
  ];
}

const startMark = ([x, y]: readonly [number, number]): string =>
  `<circle cx="${at(x)}" cy="${at(y)}" r="4" fill="none" stroke="${pictureColours.grid}" stroke-width="2"><title>start</title></circle>`;

/** A cross in a circle: not by its colour alone is it the goal. */
function goalMark([x, y]: readonly [number, number]): string {
  const { wanted } = pictureColours;
  const more = ' stroke-width="2"';
  const paper = `class="${paperClass}" stroke="#ffffff" stroke-width="6" stroke-opacity="0.8"`;
  return [
    `<g><title>goal</title><circle cx="${at(x)}" cy="${at(y)}" r="7" fill="none" ${paper}/>`,
    `<circle cx="${at(x)}" cy="${at(y)}" r="7" fill="none" stroke="${wanted}"${more}/>`,
    lineAt(x - 11, y, x + 11, y, wanted, more),
    `${lineAt(x, y - 11, x, y + 11, wanted, more)}</g>`,
  ].join("");
}

/** From the start into the direction that is wanted; up in the plane is up in the picture. */
function arrow([x, y]: readonly [number, number], [dx, dy]: readonly [number, number], length: number): string {
  const { wanted } = pictureColours;
  const [ex, ey] = [x + length * dx, y - length * dy];
  const wing = (turn: number): readonly [number, number] => {
    const angle = Math.atan2(-dy, dx) + Math.PI + turn;
    return [ex + 9 * Math.cos(angle), ey + 9 * Math.sin(angle)];
  };
  const head = pathThrough([wing(0.45), [ex, ey], wing(-0.45)], wanted, ' stroke-width="2.5"');
  return `<g><title>direction that is wanted</title>${lineAt(x, y, ex, ey, wanted, ' stroke-width="2.5"')}${head}</g>`;
}

/** `20 episodes each` */
function episodesText(after: readonly EpisodesAfter[]): string {
  const interval = "with the mean return and its 95% interval over them";
  if (after[0]!.remembered !== undefined)
    return `${counted(after[0]!.episodes.length, "trial")} of one task, ${interval}`;
  return `${counted(after[0]!.episodes.length, "episode")} of one task each, with the mean return and its 95% interval over them`;
}

function seriesPicture<T extends EnvironmentTask>(
  picture: SeriesPicture<T>,
  family: Drawn<T>,
  { task, after }: AdaptedEpisodes<T>,
): Picture {
  const { stepSeconds = 1 } = picture;
  const wanted = picture.wanted?.(task);
  const series = after.map(({ episodes }) =>
    episodes.map((episode) => observationRows(episode, family).map((row) => picture.at(row, task))),
  );
  const up = boundsOf([...series.flat(2), ...(wanted === undefined ? [] : [wanted])]);
  const longest = Math.max(...after.flatMap(({ episodes }) => episodes.map(({ length }) => length)));
  const panels = panelsOf(after.length, { ...axesRoom, heightOf: (side) => 0.85 * side });
  const content = after.flatMap((each, i) => {
    const { left, top, isFirst, isLast } = panels.place(i);
    const sizes = { left, top, width: panels.side, height: 0.85 * panels.side, textsUp: isFirst, ticksAcross: 3 };
    const inside = frame({ ...sizes, across: [0, longest * stepSeconds], up });
    const colour = colourOf(each);
    const points = (values: readonly number[]): readonly (readonly [number, number])[] =>
      values.map((value, t) => [inside.x(t * stepSeconds), inside.y(value)] as const);
    const all = series[i]!;
    return [
      ...panelTitle(left, top, each),
      ...inside.axes,
      ...all.map((values, j) =>
        pathThrough(points(values), colour, ` stroke-opacity="${opacityOf(all)}"`, episodeTitle(each.episodes[j]!, j)),
      ),
      ...(all.length < 2
        ? []
        : [pathThrough(points(meanOverTime(all)), colour, ' stroke-width="2.5"', "mean over episodes")]),
      ...(wanted === undefined ? [] : [wantedLine(inside, wanted, i === 0)]),
      ...(isLast ? [acrossTitle(inside, axisText("time", picture.stepSeconds === undefined ? "steps" : "s"))] : []),
      ...(isFirst ? [upTitle(inside, titleUp(picture, panels.side))] : []),
    ];
  });
  const mean = series[0]!.length < 2 ? "" : "; thick is the mean, as long as half of them go on";
  const goal = wanted === undefined ? "" : "; dashed is what the task wants";
  return {
    title: `${picture.title} over time, ${changeText(after)}`,
    text: `${episodesText(after)}${mean}${goal}.`,
    width: pictureWidth,
    height: panels.height,
    content: content.join("\n"),
  };
}

/** The title of the axis where there is room for it; its unit alone where not, since the picture has the title too. */
function titleUp({ title, unit }: Pick<SeriesPicture, "title" | "unit">, room: number): string {
  const whole = axisText(title, unit);
  return textWidth(whole) <= room ? whole : (unit ?? fittedText(title, room));
}

function wantedLine(inside: Frame, wanted: number, isNamed: boolean): string {
  const y = inside.y(wanted);
  const more = ' stroke-width="2" stroke-dasharray="6 4"';
  const line = lineAt(inside.left, y, inside.right, y, pictureColours.wanted, more);
  const below = y - inside.top < 20;
  const place = [inside.right - 4, y + (below ? 15 : -6)] as const;
  return isNamed ? line + textAt(...place, "wanted", { anchor: "end", colour: pictureColours.wanted }) : line;
}

/** The mean over the episodes that go on at each time, as long as these are half of them: the mean of few jumps. */
export function meanOverTime(series: readonly (readonly number[])[]): readonly number[] {
  const lengths = series.map(({ length }) => length).sort((a, b) => b - a);
  const long = lengths[Math.ceil(lengths.length / 2) - 1] ?? 0;
  return Array.from({ length: long }, (_, t) => {
    const going = series.flatMap((values) => (t < values.length ? [values[t]!] : []));
    return going.reduce((sum, value) => sum + value, 0) / going.length;
  });
}

/** Choices that a picture has room for, the most chosen ones. */
const mostChoices = 24;
const rowHeight = 20;

/** The number of times that each action was chosen, [situations x actions], as counts. */
export function choiceCounts<T extends EnvironmentTask>(
  { names, situations }: ChoicesPicture<T>,
  family: Pick<EnvironmentFamily<T>, "observation">,
  episodes: readonly PlayedEpisode[],
): Float64Array {
  const counts = new Float64Array((situations?.names.length ?? 1) * names.length);
  for (const episode of episodes) {
    const rows = observationRows(episode, family);
    for (let t = 0; t < episode.length; t++)
      counts[(situations?.at(rows[t]!) ?? 0) * names.length + episode.actions[t]!]! += 1;
  }
  return counts;
}

function choicesPicture<T extends EnvironmentTask>(
  picture: ChoicesPicture<T>,
  family: Drawn<T>,
  { task, after }: AdaptedEpisodes<T>,
): Picture {
  const counts = after.map(({ episodes }) => choiceCounts(picture, family, episodes));
  const worth = picture.worth?.of(task);
  return picture.situations
    ? situationsPicture(picture, after, counts, worth)
    : barsPicture(picture, after, counts, worth);
}

/** The shares of actions as bars: where all choices are in one situation. */
function barsPicture<T extends EnvironmentTask>(
  { title, names, worth }: ChoicesPicture<T>,
  after: readonly EpisodesAfter[],
  counts: readonly Float64Array[],
  values: readonly number[] | undefined,
): Picture {
  const totals = names.map((_, i) => counts.reduce((sum, each) => sum + each[i]!, 0));
  const byUse = names.map((_, i) => i).sort((a, b) => totals[b]! - totals[a]!);
  const shown = byUse.slice(0, mostChoices).sort((a, b) => a - b);
  const best = values && shown.reduce((a, b) => (values[b]! > values[a]! ? b : a));
  const height = shown.length * rowHeight;
  const room = 108;
  const panels = panelsOf(after.length, { room, below: 20, heightOf: () => height });
  const content = after.flatMap((each, i) => {
    const { left, top, isFirst } = panels.place(i);
    const colour = colourOf(each);
    const total = counts[i]!.reduce((sum, count) => sum + count, 0) || 1;
    return [
      ...panelTitle(left, top, each),
      lineAt(left, top, left, top + height, pictureColours.grid),
      ...shown.flatMap((choice, row) => {
        const y = top + row * rowHeight;
        const share = counts[i]![choice]! / total;
        const bar = (panels.side - 40) * share;
        const value = values ? ` ${values[choice]!.toFixed(2)}` : "";
        const isBest = choice === best;
        const label = fittedText(`${isBest ? "▸ " : ""}${names[choice]}${value}`, room - 12);
        const name = textAt(left - 8, y + 14, label, { anchor: "end", bold: isBest });
        return [
          ...(isFirst ? [name] : []),
          `<rect x="${at(left)}" y="${at(y + 3)}" width="${at(bar)}" height="${rowHeight - 6}" fill="${colour}"><title>${counts[i]![choice]} of ${total}</title></rect>`,
          textAt(left + bar + 5, y + 14, `${(100 * share).toFixed(0)}%`),
        ];
      }),
    ];
  });
  const left = names.length - shown.length;
  const sentences = [
    episodesText(after),
    ...(worth ? [`beside each name is its ${worth.title}, which the policy is not told, and ▸ marks the highest`] : []),
    ...(left > 0 ? [`the ${shown.length} most chosen of ${names.length}`] : []),
  ];
  return {
    title: `${title}, ${changeText(after)}`,
    text: `${sentences.join("; ")}.`,
    width: pictureWidth,
    height: panels.height,
    content: content.join("\n"),
  };
}

/** The shares of actions in each situation, as darker and lighter cells. */
function situationsPicture<T extends EnvironmentTask>(
  { title, names, situations, worth }: ChoicesPicture<T>,
  after: readonly EpisodesAfter[],
  counts: readonly Float64Array[],
  values: readonly number[] | undefined,
): Picture {
  const all = situations!.names;
  const visits = all.map((_, s) =>
    counts.reduce((sum, each) => sum + sumOf(each.subarray(s * names.length, (s + 1) * names.length)), 0),
  );
  const byVisits = all.map((_, s) => s).sort((a, b) => visits[b]! - visits[a]!);
  const shown = byVisits.slice(0, mostChoices).sort((a, b) => a - b);
  const room = 76;
  const height = shown.length * rowHeight;
  const panels = panelsOf(after.length, { room, below: 36, heightOf: () => height });
  const cell = panels.side / names.length;
  const content = after.flatMap((each, i) => {
    const { left, top, isFirst } = panels.place(i);
    const colour = colourOf(each);
    const own = counts[i]!;
    const middle = (choice: number): number => left + (choice + 0.5) * cell;
    return [
      ...panelTitle(left, top, each),
      ...shown.flatMap((s, row) => {
        const y = top + row * rowHeight;
        const of = own.subarray(s * names.length, (s + 1) * names.length);
        const total = sumOf(of);
        const worths = values?.slice(s * names.length, (s + 1) * names.length);
        const best = worths ? worths.indexOf(Math.max(...worths)) : undefined;
        const label = textAt(left - 6, y + 14, fittedText(all[s]!, room - 10), { anchor: "end" });
        return [
          ...(isFirst ? [label] : []),
          ...names.map((name, choice) => {
            const share = total === 0 ? 0 : of[choice]! / total;
            const said = `${all[s]}, ${name}: ${of[choice]} of ${total}${worths ? `, ${worth!.title} ${worths[choice]!.toFixed(2)}` : ""}`;
            const edge = `stroke="${pictureColours.grid}" stroke-opacity="0.35"`;
            return `<rect x="${at(left + choice * cell)}" y="${at(y)}" width="${at(cell)}" height="${rowHeight}" fill="${colour}" fill-opacity="${share.toFixed(2)}" ${edge}><title>${escapedMarkup(said)}</title></rect>`;
          }),
          // Above the cells, whose edges would cover it.
          ...(best === undefined || total === 0
            ? []
            : [
                `<rect x="${at(left + best * cell + 1.5)}" y="${at(y + 1.5)}" width="${at(cell - 3)}" height="${rowHeight - 3}" fill="none" stroke="${pictureColours.wanted}" stroke-width="2"/>`,
              ]),
        ];
      }),
      ...names.map((name, choice) =>
        textAt(middle(choice), top + height + 14, shortName(name, cell), { anchor: "middle" }),
      ),
    ];
  });
  const left = all.length - shown.length;
  const sentences = [
    `${episodesText(after)}; the fuller a cell, the more often the action of its column was chosen in the situation of its row`,
    ...(worth ? [`framed is the highest ${worth.title} of each, which the policy is not told`] : []),
    ...(left > 0 ? [`the ${shown.length} situations of ${all.length} that were met most`] : []),
  ];
  return {
    title: `${title}, ${changeText(after)}`,
    text: `${sentences.join("; ")}.`,
    width: pictureWidth,
    height: panels.height,
    content: content.join("\n"),
  };
}

const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

/** A name where there is room for it, its last word where not. */
const shortName = (name: string, width: number): string =>
  [...name].length * 6.4 <= width ? name : fittedText(name.split(" ").at(-1)!, width);
