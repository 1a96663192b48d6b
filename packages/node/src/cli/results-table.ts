/** Results as people read them: one row per method, one column per number of steps, with 95% intervals. */
import type { Evaluation, FigureDescription } from "@innerloop/core";
import { beyondTitle, type Figure, figureTitle, resultsCells } from "@innerloop/experiments";
import { markdownCell, markdownText } from "./markdown-text.js";
import { columnsWithin, type Paint, plusMinus, roomIn, widthOf, withInterval } from "./terminal.js";

interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One figure of all methods; that of the first with the intervals that count classes below it. */
function figureTable(
  evaluations: readonly Evaluation[],
  {
    title,
    of,
    chosen,
  }: { readonly title: string; readonly of?: FigureDescription; readonly chosen?: number | undefined },
): Table {
  const { figure: shown, header, rows } = resultsCells(evaluations, of, chosen);
  return {
    header: [title, ...header],
    rows: rows.flatMap(({ method, figures }, i) => [
      [method, ...figures.map((each) => (each ? withInterval(shown, each) : ""))],
      ...(i === 0 ? beyondRow(evaluations[0]!, shown, figures) : []),
    ]),
  };
}

/** The line below a method's figures; none where there are no such intervals. */
function beyondRow(
  { draws }: Pick<Evaluation, "draws">,
  shown: FigureDescription,
  figures: readonly (Figure | undefined)[],
): string[][] {
  if (!draws || figures.every((each) => each?.poolInterval === undefined)) return [];
  return [[`  ${beyondTitle(draws)}`, ...figures.map((each) => plusMinus(shown, each?.poolInterval))]];
}

const tableOf = (evaluations: readonly Evaluation[], of: FigureDescription, chosen?: number): Table =>
  figureTable(evaluations, { title: figureTitle(of), of, chosen });

/** What there is to say of the first method beside its leading figure: one row per figure. */
function otherFigures(first: Evaluation): Table | undefined {
  const [leading, ...others] = first.figures;
  if (others.length === 0) return undefined;
  const { header, rows } = resultsCells([first], leading);
  return {
    header: [rows[0]!.method, ...header],
    rows: others.map((other) => {
      const [row] = resultsCells([first], other).rows;
      return [figureTitle(other), ...row!.figures.map((each) => (each ? withInterval(other, each) : ""))];
    }),
  };
}

/** Of a table's width, what names may take before they are folded. */
const nameShare = 0.4;
const [indent, gap] = [2, 3];

/**
 * A table that is wider than `room`, as tables of as many of its columns as there is room for, each with the rows that
 * have a figure in it. Lines that a terminal breaks anywhere would no longer be a table.
 */
function tablesWithin(room: number, { header: [title = "", ...header], rows }: Table): Table[] {
  const whole = rows.map(([name = "", ...cells]) => ({ name, cells }));
  const columnWidths = header.map(
    (text, i) => gap + Math.max(widthOf(text), ...whole.map(({ cells }) => widthOf(cells[i]!))),
  );
  const nameWidth = Math.max(...[title, ...whole.map(({ name }) => name)].map(widthOf));
  const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
  if (nameWidth + sum(columnWidths) <= room) return [{ header: [title, ...header], rows }];
  const forColumns = room - Math.min(nameWidth, Math.floor(nameShare * room));
  const parts: number[][] = [];
  for (const [i, width] of columnWidths.entries()) {
    const part = parts.at(-1);
    if (part && sum(part.map((each) => columnWidths[each]!)) + width <= forColumns) part.push(i);
    else parts.push([i]);
  }
  return parts.map((part) => {
    const of = (cells: readonly string[]): string[] => part.map((i) => cells[i]!);
    const present = whole.filter(({ cells }) => of(cells).some((cell) => cell !== ""));
    return { header: [title, ...of(header)], rows: present.map(({ name, cells }) => [name, ...of(cells)]) };
  });
}

/** A table in lines that fit into `room`; one that is too wide for it is drawn in several, one under another. */
export function drawTable(
  table: Table,
  { paint, room, bold }: { readonly paint: Paint; readonly room: number; readonly bold?: string },
): string {
  return tablesWithin(room - indent, table)
    .map(({ header, rows }) =>
      columnsWithin(room - indent, [header, ...rows], [0], gap)
        .flatMap((lines, i) => {
          const style = i === 0 ? "dim" : rows[i - 1]![0] === bold ? "bold" : undefined;
          return lines.map((line) => `${" ".repeat(indent)}${style ? paint(style, line) : line}`.trimEnd());
        })
        .join("\n"),
    )
    .join("\n\n");
}

/**
 * The tables for a terminal; the first evaluation is the one that they are about. Without figures that were asked for:
 * the leading one of all methods, and the others of the first.
 *
 * @param room columns that there are for a line
 * @param chosen the steps that validation has chosen, whose column is marked
 */
export function resultsTable(
  evaluations: readonly Evaluation[],
  paint: Paint,
  asked?: readonly FigureDescription[],
  room: number = roomIn(),
  chosen?: number,
): string {
  const ofAll = (table: Table): string => drawTable(table, { paint, room, bold: table.rows[0]![0]! });
  if (asked) return asked.map((each) => ofAll(tableOf(evaluations, each, chosen))).join("\n\n");
  const others = otherFigures(evaluations[0]!);
  const leading = ofAll(figureTable(evaluations, { title: "", chosen }));
  return [leading, ...(others ? [drawTable(others, { paint, room })] : [])].join("\n\n");
}

/** Every figure of every method, the leading one first. */
export function resultsMarkdown(
  title: string,
  evaluations: readonly Evaluation[],
  notes: readonly string[],
  chosen?: number,
): string {
  const [, ...others] = evaluations[0]!.figures;
  const tables = [
    figureTable(evaluations, { title: "", chosen }),
    ...others.map((each) => tableOf(evaluations, each, chosen)),
  ];
  return [
    `# ${markdownText(title)}`,
    "",
    ...tables.flatMap((table) => [...markdownTable(table), ""]),
    ...notes.map((note) => `- ${markdownText(note)}`),
    "",
  ].join("\n");
}

export function markdownTable({ header, rows }: Table): string[] {
  const row = (list: readonly string[]): string => `| ${list.map(markdownCell).join(" | ")} |`;
  return [row(header), row(header.map(() => "---")), ...rows.map(row)];
}
