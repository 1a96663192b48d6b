/**
 * Where each figure of a results table stands: one row per method, one column per number of steps, and one for methods
 * that take none.
 */
import type { Adapter, Evaluation, FigureDescription } from "@innerloop/core";
import { figuresOf } from "@innerloop/core/training";
import { cut } from "../options/outside-text.js";
import { nearestName, UsageError } from "../options/usage-error.js";

/** The figure that an evaluation is first of all about: its loss says which. */
export const leadingFigure = ({ figures }: Pick<Evaluation, "figures">): FigureDescription => figures[0]!;

/** The title of a figure, with its unit where it has one. */
export const figureTitle = ({ title, unit }: Pick<FigureDescription, "title" | "unit">): string =>
  unit === undefined ? title : `${title} (${unit})`;

/**
 * The figure of an evaluation that is one of another: a squared error may be the loss of one learner and a metric of the
 * other, and the losses of two learners may be two figures.
 */
export const sameFigure = (
  { figures }: Pick<Evaluation, "figures">,
  { title, unit }: FigureDescription,
): FigureDescription | undefined => figures.find((each) => each.title === title && each.unit === unit);

/** Short names of figures that are often asked for. */
export const figureChoices = ["accuracy", "mse", "nll", "calibration"] as const;
/** The short name of a figure. */
export type FigureChoice = (typeof figureChoices)[number];

const shortNames: Readonly<Record<FigureChoice, string>> = {
  accuracy: "accuracy",
  mse: "mean squared error",
  nll: "negative log-likelihood",
  calibration: "calibration error",
};

/**
 * The figure of a name or title, or of the short name of a title.
 *
 * @param of whose figures they are
 * @throws UsageError where there is none, which lists those that there are
 */
export function figureNamed(text: string, figures: readonly FigureDescription[], of: string): FigureDescription {
  const asked = Object.hasOwn(shortNames, text) ? shortNames[text as FigureChoice] : text;
  const found = figures.find((each) => each.name === asked || each.title === asked || figureTitle(each) === asked);
  if (found) return found;
  const near = nearestName(
    asked,
    figures.flatMap(({ name, title }) => [title, name]),
  );
  throw new UsageError(
    `there is no ${cut(asked, 80)} among the figures of ${of}`,
    `${near === undefined ? "" : `Did you mean ${near}? `}It has ${figures.map(figureTitle).join(", ")}`,
  );
}

/**
 * The figures that were asked for, of a learner's evaluations, by name, title or short name.
 *
 * @param figures those that there are; the ones of its loss unless given
 * @throws UsageError where they have no such figure
 */
export const figuresChosen = (
  choices: readonly string[],
  { name, loss }: Pick<Adapter, "name" | "loss">,
  figures: readonly FigureDescription[] = figuresOf(loss),
): FigureDescription[] => choices.map((choice) => figureNamed(choice, figures, name));

/** A figure with its intervals, as results keep it. */
export interface Figure {
  readonly mean: number;
  readonly interval: number;
  /** The interval that counts the classes, groups or domains behind the tasks too; `null` where it was infinite and written as JSON. */
  readonly poolInterval?: number | null;
}

/** The classes, groups or domains that evaluated tasks were drawn from. */
export type Pool = Omit<NonNullable<Evaluation["draws"]>, "tasks">;

/** The title of the line of second intervals: `± for other classes`. */
export const beyondTitle = ({ of }: Pick<Pool, "of">): string => `± for other ${of}`;

/** The words for one of a pool, and for what it holds. */
const poolWords = {
  classes: { one: "class", holds: "example" },
  groups: { one: "group", holds: "row" },
  domains: { one: "domain", holds: "example" },
} as const satisfies Readonly<Record<Pool["of"], object>>;

/** The question whether a value of a file says what tasks were drawn from. */
export function isPool(value: unknown): value is Pool {
  const { of, count, examples } = Object(value) as Partial<Record<keyof Pool, unknown>>;
  const isWhole = (n: unknown): boolean => Number.isSafeInteger(n) && Number(n) >= 0;
  return typeof of === "string" && Object.hasOwn(poolWords, of) && isWhole(count) && isWhole(examples);
}

/** `3 held-out classes (24 examples)`, `12 held-out groups (132 rows)` */
export function poolText({ of, count, examples, seen }: Pool, isHeldOut: boolean): string {
  const number = (n: number): string => n.toLocaleString("en");
  const { one, holds: rows } = poolWords[of];
  const what = `${number(count)} ${isHeldOut && !seen ? "held-out " : ""}${count === 1 ? one : of}`;
  const held = seen ? "held out: " : "";
  return `${what} (${held}${number(examples)} ${examples === 1 ? rows : `${rows}s`})`;
}

/** The cells of a results table. */
export interface ResultsCells {
  /** The figure of all cells, as the first evaluation has it. */
  readonly figure: FigureDescription;
  /** Titles of the columns after that of the methods. */
  readonly header: readonly string[];
  readonly rows: readonly {
    readonly method: string;
    /** One for each column; undefined where the method has none. */
    readonly figures: readonly (Figure | undefined)[];
  }[];
}

const titles: Readonly<Record<string, string>> = { "nearest neighbour": "nearest neighbour (pixels)" };

/** True of a learner that adapts without steps: those that take some say how many they take in training. */
export const isStepless = ({ rows, protocol }: Evaluation): boolean =>
  rows.length === 1 && rows[0]!.steps === 0 && protocol.steps === undefined;

/** The title of the column of learners that adapt without steps: their figure is neither one before adapting nor after. */
export const steplessTitle = "no steps";

/**
 * The cells of a table of one figure: a row for each method, a column for each number of steps.
 *
 * @param figure the one to show; that with which the first evaluation leads, unless given
 * @param chosen the steps that validation has chosen, whose column is marked
 */
export function resultsCells(
  evaluations: readonly Evaluation[],
  figure: FigureDescription = leadingFigure(evaluations[0]!),
  chosen?: number,
): ResultsCells {
  const steps = [
    ...new Set(evaluations.flatMap((each) => (isStepless(each) ? [] : each.rows.map((row) => row.steps)))),
  ].sort((a, b) => a - b);
  // The first evaluation is the one that the table is about: its figures stand next to its name.
  const places: readonly (number | undefined)[] = evaluations.some(isStepless)
    ? isStepless(evaluations[0]!)
      ? [undefined, ...steps]
      : [...steps, undefined]
    : steps;
  const rows = evaluations.map((evaluation) => {
    const own = sameFigure(evaluation, figure)?.name;
    const stepless = isStepless(evaluation);
    const rowAt = (place: number | undefined) =>
      stepless === (place === undefined) ? evaluation.rows.find((each) => stepless || each.steps === place) : undefined;
    return {
      method: titles[evaluation.learner] ?? evaluation.learner,
      figures: places.map((place) => (own === undefined ? undefined : rowAt(place)?.figures[own])),
    };
  });
  const mark = (steps: number | undefined): string => (steps !== undefined && steps === chosen ? "*" : "");
  return { figure, header: places.map((steps) => placeTitle(steps) + mark(steps)), rows };
}

function placeTitle(steps: number | undefined): string {
  if (steps === undefined) return steplessTitle;
  return steps === 0 ? "before" : `${steps.toLocaleString("en")} step${steps === 1 ? "" : "s"}`;
}
