/** All that is wrong with the columns of a table, told at once, with what helps. */
import { type ColumnKind, mostCategories } from "@innerloop/core/tasks";
import { quoted } from "@innerloop/experiments";
import type { ColumnCells, Occurrences } from "../formats/column-cells.js";
import { Problems } from "../problems.js";
import { readingLimits } from "../reading-limits.js";
import type { TableColumnsOptions } from "./table-columns.js";
import { namesIn } from "./table-report.js";

type Found = Pick<Occurrences, "count" | "first">;

/** What stands in the cells of a kind, as messages say it. */
const cellsOf: Readonly<Record<ColumnKind, { readonly one: string; readonly mend: string }>> = {
  number: { one: "a number", mend: "Mend these cells" },
  boolean: { one: "a truth value", mend: "Mend these cells" },
  category: { one: "a name", mend: "Mend these cells" },
  date: { one: "a date", mend: "Write dates as 2024-01-31 or 2024-01-31 10:30" },
  time: { one: "a time of day", mend: "Write times as 9:30 or 21:05:59" },
};

/**
 * @param used the columns that are used, and what they were taken for
 * @throws DataError ILD71 with all that is wrong with them
 */
export function requireGoodColumns(
  used: readonly { readonly column: ColumnCells; readonly kind: ColumnKind }[],
  table: Pick<TableColumnsOptions, "path" | "key" | "missing" | "targets"> & {
    readonly rows: number;
    readonly missingKeys: Found;
    readonly longKeys: Found;
    readonly lineOf: (row: number) => number;
  },
): void {
  const { path, key, missing, targets, rows, missingKeys, longKeys, lineOf } = table;
  const problems = new Problems();
  const remedies = new Set<string>();
  const refuse = (found: Found | undefined, problem: string, remedy: string): void => {
    const row = found?.first[0]?.row;
    problems.add(row === undefined ? path : `${path}:${lineOf(row)}`, problem);
    remedies.add(remedy);
  };
  /** `"x" in line 3, "y" in line 7, ...` */
  const examples = ({ count, first }: Found): string =>
    first.map(({ row, shown }) => `${shown} in line ${lineOf(row)}`).join(", ") + (count > first.length ? ", ..." : "");
  const good = used
    .filter(
      ({ column, kind }) =>
        column.mistakesOf(kind).count === 0 &&
        2 * column.missingOf(kind).count <= rows &&
        !targets.includes(column.name),
    )
    .map(({ column }) => column);
  const flag = key.role === "group" ? "--inputs" : "--feature-columns";
  const without = ` ${namesIn(good, ",")}`;
  /** What helps where a column holds what is not of its kind. */
  const mendOf = (column: ColumnCells, kind: ColumnKind): string => {
    const way = kind === "number" ? column.wayToNumbers : undefined;
    const mend = way ? `Write the numbers of ${quoted(column.name)} ${way}` : cellsOf[kind].mend;
    return targets.includes(column.name)
      ? `${mend}, or predict another column (--target).`
      : good.length === 0
        ? `${mend}.`
        : `${mend}, or leave the column out by naming those to use (${flag}${without}).`;
  };
  const fill =
    key.role === "group"
      ? "For missing values, fill them in or say what to do: --missing drop leaves these rows out, --missing mean takes the mean of the training groups (of inputs alone)."
      : "For missing values, fill them in, or leave these rows out with --missing drop.";
  if (missingKeys.count > 0 && missing === "refuse") {
    const problem = `the ${key.role} in ${quoted(key.name)} is missing in ${missingKeys.count} of ${rows} rows: ${examples(missingKeys)}`;
    refuse(missingKeys, problem, fill);
    remedies.add("A name that reads as a missing value, such as NA, has to be written in another way.");
  }
  if (longKeys.count > 0) {
    const problem = `the ${key.role} in ${quoted(key.name)} is longer than ${readingLimits.labelLength} characters in ${longKeys.count} rows: ${examples(longKeys)}`;
    refuse(longKeys, problem, `Is it the column of the ${key.role}s?`);
  }
  const seen = new Set<ColumnCells>();
  for (const { column, kind } of used) {
    if (seen.has(column)) continue;
    seen.add(column);
    const name = `column ${quoted(column.name)}`;
    const { commas, points, otherWidths, texts, words } = column;
    const [mistakes, absent] = [column.mistakesOf(kind), column.missingOf(kind)];
    if (mistakes.count > 0) {
      const isFreeText =
        words !== undefined && kind === "number" && !column.wayToNumbers && 2 * column.count < texts.count;
      const what = isFreeText ? `a number, or one of ${mostCategories} texts at most,` : cellsOf[kind].one;
      const problem = `${name} holds ${examples(mistakes)} where ${what} should be (in ${mistakes.count} of ${rows} rows)`;
      refuse(mistakes, problem, mendOf(column, kind));
    }
    if (kind === "date" && words!.unclearDates) {
      refuse(texts, `${name} ${words!.unclearDates}`, mendOf(column, kind));
    }
    if (kind === "number" && commas.count > 0 && points.count > 0) {
      const problem = `${name} writes numbers with a comma (${examples(commas)}) and with a point (${examples(points)})`;
      refuse(commas, problem, "Write numbers in one way, without marks between thousands.");
    }
    if (otherWidths.count > 0) {
      const { shown } = otherWidths.first[0]!;
      const problem = `${name} holds ${shown} numbers in a cell, and ${column.width} in the first`;
      refuse(otherWidths, problem, "Give all examples the same shape.");
    }
    if (column.count === 0 && texts.count === 0)
      refuse(undefined, `${name} holds nothing at all`, mendOf(column, kind));
    else if (absent.count > 0 && missing === "refuse") {
      const problem = `${name} has no value in ${absent.count} of ${rows} rows: ${examples(absent)}`;
      refuse(absent, problem, fill);
      // What is mostly missing is better left out than filled in.
      if (2 * absent.count > rows) remedies.add(mendOf(column, kind));
      else if (kind !== "number" && good.length > 1) {
        const others = namesIn(
          good.filter((each) => each !== column),
          ",",
        );
        remedies.add(`Or leave ${quoted(column.name)} out by naming those to use (${flag} ${others}).`);
      }
    }
  }
  problems.throwAny("ILD71", path, [...remedies].join(" "));
}
