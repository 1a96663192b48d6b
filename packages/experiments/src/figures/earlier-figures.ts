/**
 * The figures of results and run folders from before evaluations said what their figures are. This is the one place that
 * reads a meaning from a figure's name.
 */
import type { FigureDescription } from "@innerloop/core";
import { describedAs, lossName } from "@innerloop/core/training";

/** As much of an evaluation as its figures are known by. */
export interface RecordedFigures {
  readonly protocol: Readonly<Record<string, unknown>>;
  readonly rows: readonly { readonly figures: Readonly<Record<string, unknown>> }[];
  readonly figures?: readonly FigureDescription[];
}

/** The descriptions that an evaluation carries, or those that its names stood for; the leading figure first. */
export const recordedFigures = ({ protocol, rows, figures }: RecordedFigures): readonly FigureDescription[] =>
  figures ?? earlierFigures(Object.keys(rows[0]?.figures ?? {}), protocol.loss);

/** True of what a file may hold as descriptions of figures; other fields are no harm. */
export function areDescriptions(value: unknown): value is readonly FigureDescription[] {
  const isText = (each: unknown): boolean => typeof each === "string" && each.length <= mostText;
  const isMissingOr = (is: (each: unknown) => boolean, each: unknown): boolean => each === undefined || is(each);
  return (
    Array.isArray(value) &&
    value.every((each: unknown) => {
      const { name, title, unit, better, share, note } = Object(each) as Readonly<Record<string, unknown>>;
      return (
        [name, title].every(isText) &&
        [unit, note].every((text) => isMissingOr(isText, text)) &&
        [undefined, "higher", "lower"].includes(better as undefined) &&
        [undefined, true].includes(share as undefined)
      );
    })
  );
}

/** A name or title is of a column of a table at most. */
const mostText = 2000;

/** Figures that led, the first of these that there was. */
const leading = ["accuracy", "meanSquaredError", lossName];

/**
 * The descriptions that names of figures stood for, the leading one first.
 *
 * @param loss the title of the loss, where the protocol has one
 */
export function earlierFigures(names: readonly string[], loss?: unknown): readonly FigureDescription[] {
  const [inUnits, another] = names.filter((name) => name.startsWith("rootMeanSquaredError of "));
  const first = inUnits !== undefined && another === undefined ? inUnits : leading.find((name) => names.includes(name));
  const ordered = [...names.filter((name) => name === first), ...names.filter((name) => name !== first)];
  return ordered.map((name) => earlierFigure(name, loss));
}

function earlierFigure(name: string, loss: unknown): FigureDescription {
  if (name === lossName) return { name, title: typeof loss === "string" ? loss : name, better: "lower" };
  const [words, ...column] = name.split(" of ");
  const title = [words!.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`), ...column].join(" of ");
  const better = name === "accuracy" ? "higher" : /error( of .*)?$/is.test(name) ? "lower" : undefined;
  const isCalibration = name === "calibrationError";
  return describedAs({
    name,
    title,
    ...(better ? { better } : {}),
    ...(name === "accuracy" || isCalibration ? { share: true } : {}),
    ...(isCalibration
      ? { note: "in 15 bins over the queries of all tasks, its interval by bootstrap over tasks" }
      : {}),
  });
}
