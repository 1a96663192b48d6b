/**
 * Where each figure of a results table stands: one row per method, one column per number of steps, and one for methods
 * that take none.
 */
import type { Adapter, Evaluation } from "@innerloop/core";
import { UsageError } from "@innerloop/experiments";
import type { FigureChoice } from "../cli/commands/shared-options.js";

/** Figures that tables lead with, the first of these that there is. */
const mostTelling = ["accuracy", "meanSquaredError", "loss"];

/**
 * The figure that an evaluation is first of all about: `accuracy` where there is one, the error in the unit of the target
 * where there is one target, else the error, else the loss.
 */
export function figureNameOf(evaluation: Evaluation | undefined): string {
  const figures = evaluation?.rows[0]?.figures ?? {};
  const [inUnits, another] = Object.keys(figures).filter((name) => name.startsWith("rootMeanSquaredError of "));
  if (inUnits !== undefined && another === undefined) return inUnits;
  return mostTelling.find((name) => name in figures) ?? "loss";
}

/** All figures of an evaluation, the leading one first. Results of before there was calibration have none of it. */
export function figureNamesOf(evaluation: Evaluation | undefined): string[] {
  const first = figureNameOf(evaluation);
  return [first, ...Object.keys(evaluation?.rows[0]?.figures ?? {}).filter((name) => name !== first)];
}

/** What a figure is called; a loss is named by its title, where it has one. The name of a column stays as it is. */
export function figureTitle(name: string, evaluation: Pick<Evaluation, "protocol"> | undefined): string {
  if (name === "loss") return String(evaluation?.protocol.loss ?? name);
  const [figure, ...column] = name.split(" of ");
  return [figure!.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`), ...column].join(" of ");
}

/**
 * The name that an evaluation has for a figure of another: a squared error may be the loss of one learner and a metric
 * of the other, and the losses of two learners may be two figures.
 */
export const sameFigure = (evaluation: Evaluation, { title }: { readonly title: string }): string | undefined =>
  figureNamesOf(evaluation).find((name) => figureTitle(name, evaluation) === title);

/** Figures that are shares, and shown as percentages. */
export const isShare = (name: string): boolean => name === "accuracy" || name === "calibrationError";

/** Whether more of a figure is better (1), or less (-1); 0 for what a loss of one's own reports beside itself. */
export const betterWhen = (name: string): 1 | -1 | 0 =>
  name === "accuracy" ? 1 : name === "loss" || /error( of .*)?$/is.test(name) ? -1 : 0;

const chosenFigures: Readonly<Record<FigureChoice, string>> = {
  accuracy: "accuracy",
  mse: "mean squared error",
  nll: "negative log-likelihood",
  calibration: "calibration error",
};

/**
 * The names of the figures that were asked for, of a learner's evaluations.
 *
 * @throws UsageError where they have no such figure
 */
export function figuresChosen(
  choices: readonly FigureChoice[],
  { name: learner, loss }: Pick<Adapter, "name" | "loss">,
): string[] {
  const names = ["loss", ...Object.keys(loss.metrics ?? {}), ...(loss.confidence ? ["calibrationError"] : [])];
  const title = (name: string): string => figureTitle(name, { protocol: loss.title ? { loss: loss.title } : {} });
  return choices.map((choice) => {
    const name = names.find((each) => title(each) === chosenFigures[choice]);
    if (name !== undefined) return name;
    throw new UsageError(
      `there is no ${chosenFigures[choice]} among the figures of ${learner}`,
      `It has ${names.map(title).join(", ")}`,
    );
  });
}

export interface Figure {
  readonly mean: number;
  readonly interval: number;
  /** The interval that counts the classes or groups behind the tasks too; `null` where it was infinite and written as JSON. */
  readonly poolInterval?: number | null;
}

/** The classes or groups that evaluated tasks were drawn from. */
export type Pool = Omit<NonNullable<Evaluation["draws"]>, "tasks">;

/** What the line of second intervals is called: `± for other classes`. */
export const beyondTitle = ({ of }: Pick<Pool, "of">): string => `± for other ${of}`;

/** `3 held-out classes (24 examples)`, `12 held-out groups (132 rows)` */
export function poolText({ of, count, examples, seen }: Pool, isHeldOut: boolean): string {
  const number = (n: number): string => n.toLocaleString("en");
  const rows = of === "groups" ? "row" : "example";
  const one = of === "groups" ? "group" : "class";
  const what = `${number(count)} ${isHeldOut && !seen ? "held-out " : ""}${count === 1 ? one : of}`;
  const held = seen ? "held out: " : "";
  return `${what} (${held}${number(examples)} ${examples === 1 ? rows : `${rows}s`})`;
}

export interface ResultsCells {
  /** Titles of the columns after that of the methods. */
  readonly header: readonly string[];
  readonly rows: readonly {
    readonly method: string;
    /** The name of the figures in the first evaluation. */
    readonly name: string;
    /** One for each column; undefined where the method has none. */
    readonly figures: readonly (Figure | undefined)[];
  }[];
}

const titles: Readonly<Record<string, string>> = { "nearest neighbour": "nearest neighbour (pixels)" };

/** Whether a learner adapts without steps: those that take some say how many they take in training. */
export const isStepless = ({ rows, protocol }: Evaluation): boolean =>
  rows.length === 1 && rows[0]!.steps === 0 && protocol.steps === undefined;

/** What the column of learners that adapt without steps is called: their figure is neither one before adapting nor after. */
export const steplessTitle = "no steps";

/**
 * @param figure the one to show; that with which the first evaluation leads, unless given
 * @param chosen the steps that validation has chosen, whose column is marked
 */
export function resultsCells(
  evaluations: readonly Evaluation[],
  figure: string = figureNameOf(evaluations[0]),
  chosen?: number,
): ResultsCells {
  const leading = { name: figure, title: figureTitle(figure, evaluations[0]) };
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
    const name = sameFigure(evaluation, leading);
    const stepless = isStepless(evaluation);
    const rowAt = (place: number | undefined) =>
      stepless === (place === undefined) ? evaluation.rows.find((each) => stepless || each.steps === place) : undefined;
    return {
      method: titles[evaluation.learner] ?? evaluation.learner,
      name: leading.name,
      figures: places.map((place) => (name === undefined ? undefined : rowAt(place)?.figures[name])),
    };
  });
  const mark = (steps: number | undefined): string => (steps !== undefined && steps === chosen ? "*" : "");
  return { header: places.map((steps) => placeTitle(steps) + mark(steps)), rows };
}

function placeTitle(steps: number | undefined): string {
  if (steps === undefined) return steplessTitle;
  return steps === 0 ? "before" : `${steps.toLocaleString("en")} step${steps === 1 ? "" : "s"}`;
}
