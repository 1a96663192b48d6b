/** results.md: the collected results beside the published ones. A test keeps docs/results.md equal to this. */
import type { FigureDescription } from "@innerloop/core";
import { svgFile } from "@innerloop/experiments";
import {
  type CellResult,
  type CollectedResults,
  columnFigures,
  curvesPicture,
  filesText,
  isShortened,
  type LineCell,
  lineTitle,
  type RowResult,
  type RowResults,
  type Table,
  type TableLine,
  tableLines,
  withoutGone,
} from "@innerloop/experiments/published";
import { markdownCell, markdownText } from "./markdown-text.js";
import { signed } from "./reproduce-table.js";
import { count, plusMinus, withInterval, wrapped } from "./terminal.js";

/** Sentences over the tables. */
const introduction = `Every figure is the mean over held-out tasks with its 95% interval (1.96 s / sqrt(tasks)), in parentheses the
adaptation steps behind it, beside what the paper reports; in square brackets, where there is one, is the interval for
classes other than those held out. "Trained for" is the share of the paper's updates that a learner had: no figure is
extrapolated. "From scratch" adapts the untrained network, "joint pre-training" one that was trained on all tasks at
once, whole or its head only: with the inner optimizer of the gradient-based learners, or with Adam at 0.01, which suits
plain training. "Nearest neighbour (embedding)" looks among the support examples in the embedding that joint
pre-training has trained. The best figure of a column is bold, and so is every other whose interval meets its interval,
unless it is that of an error and reaches below 0, as after a few tasks that diverged.
Protocols, commands, machines and curves of all runs: [results-runs.md](results-runs.md).`;

export function resultsDocument(tables: readonly Table[], collected: CollectedResults): string {
  const there = tablesOf(tables, collected);
  const missing = tables.filter((table) => !there.some((each) => each.table === table));
  const lines = [
    "# Results",
    "",
    "<!-- Written by `innerloop reproduce --report DIR` from the run folders and results.json; a test keeps it so. -->",
    "",
    introduction,
  ];
  for (const { table, results } of there) lines.push("", ...tableSection(table, results));
  if (missing.length > 0) {
    lines.push("", "## Not run yet", "");
    for (const { name, title } of missing) lines.push(`- ${markdownText(title)}: \`innerloop reproduce ${name}\``);
  }
  return `${lines.join("\n")}\n`;
}

/** The name of the file of a table's curves, beside results.md. */
const curvesFile = ({ name }: Table): string => `results-${name}.svg`;

/** The pictures that results.md shows, by the names of their files. */
export const resultsPictures = (
  tables: readonly Table[],
  collected: CollectedResults,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    tablesOf(tables, collected).flatMap(({ table, results }) => {
      const curves = curvesPicture(table, results);
      return curves ? [[curvesFile(table), svgFile(curves.title, [curves])]] : [];
    }),
  );

/** The tables that have results, with these and with the runs in the order of their rows. */
export function tablesOf(
  tables: readonly Table[],
  collected: CollectedResults,
): readonly {
  readonly table: Table;
  readonly results: RowResults;
  readonly runs: readonly { readonly name: string; readonly result: RowResult }[];
}[] {
  const known = withoutGone(collected, tables);
  return tables.flatMap((table) => {
    const results = known.tables[table.name] ?? {};
    const runs = table.rows.flatMap(({ name }) => {
      const result = results[name];
      return result ? [{ name, result }] : [];
    });
    return runs.length > 0 ? [{ table, results, runs }] : [];
  });
}

export const markdownRow = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function tableSection(table: Table, results: RowResults): string[] {
  const lines = [`## ${markdownText(table.title)}`, "", ...figuresTable(table, results), ""];
  if (table.about !== "") lines.push(wrapped(markdownText(table.about), 120), "");
  const notes = lineNotes(tableLines(table, results));
  if (notes !== "") lines.push(wrapped(notes, 120), "");
  const files = filesText(results);
  const curves = curvesPicture(table, results);
  if (curves) lines.push(`![${markdownText(curves.title)}](${curvesFile(table)})`, "");
  const made = `Made by \`innerloop reproduce ${table.name}\`${files === undefined ? "" : `, ${markdownText(files)}`}.`;
  lines.push(...protocolLines(table, results), "", made);
  return lines;
}

/** What lines that not every table has are made of. */
function lineNotes(lines: readonly TableLine[]): string {
  const leads = lines.some(({ kind }) => kind === "lead")
    ? [
        '"Ahead of" is the figure less the baseline\'s, task by task on the same tasks, with the interval of the difference.',
      ]
    : [];
  const means = lines.some(({ isMean }) => isMean)
    ? [
        "Means over groups have the interval of a mean of independent means, sqrt(sum of squares) / n: they are about these groups, not about others like them.",
      ]
    : [];
  return [...leads, ...means].join(" ");
}

function figuresTable(table: Table, results: RowResults): string[] {
  const shown = columnFigures(table);
  const lines = tableLines(table, results);
  const isPublished = lines.some(({ cells }) => cells.some((cell) => cell?.published !== undefined));
  const showsSteps = table.columns.every(({ steps }) => steps === undefined);
  const header = [
    "",
    ...table.columns.flatMap(({ title }, column) =>
      isPublished ? [markdownCell(title), `published${shown[column]!.share ? " (%)" : ""}`] : [markdownCell(title)],
    ),
    "trained for",
    ...(isPublished ? ["source"] : []),
  ];
  const groups = [...new Set(lines.map(({ group }) => group))];
  const leading = new Map(groups.map((group) => [group, leadingOf(table, shown, lines, group)]));
  const cellText = (cell: LineCell | undefined, column: number, { kind, group }: TableLine): string => {
    if (!cell) return "";
    if (!cell.figure) return kind === "learner" ? "not run" : "";
    const figure = shown[column]!;
    if (kind === "lead") return signed(withInterval(figure, cell.figure), cell.figure);
    const { poolInterval } = cell.figure;
    const isKnown = typeof poolInterval === "number" && Number.isFinite(poolInterval);
    const beyond = isKnown ? ` [${plusMinus(figure, poolInterval)}]` : "";
    const text = withInterval(figure, cell.figure) + beyond;
    const steps = showsSteps && cell.figure.steps > 0 ? ` (${count(cell.figure.steps)})` : "";
    return leading.get(group)![column]!.has(cell.figure) ? `**${text}**${steps}` : text + steps;
  };
  const lineText = (line: TableLine): string =>
    markdownRow([
      markdownCell(line.kind === "lead" ? `${line.learner}, ${lineTitle(line)}` : lineTitle(line)),
      ...line.cells.flatMap((cell, column) => {
        const text = cellText(cell, column, line);
        return isPublished ? [text, markdownCell(cell?.published ?? "")] : [text];
      }),
      line.kind === "lead" ? "" : trainedFor(line, results),
      ...(isPublished ? [markdownCell(line.sources.join("; "))] : []),
    ]);
  return [
    markdownRow(header),
    markdownRow(header.map(() => "---")),
    ...groups.flatMap((group) => [
      ...(group === undefined ? [] : [markdownRow([`*${markdownCell(group)}*`, ...header.slice(1).map(() => "")])]),
      ...lines.filter((line) => line.group === group).map(lineText),
    ]),
  ];
}

/** Of a group of lines, the leading figures of each column: before it adapts, no method shows what it is for. */
const leadingOf = (
  { columns }: Table,
  shown: readonly FigureDescription[],
  lines: readonly TableLine[],
  group: string | undefined,
): readonly ReadonlySet<CellResult>[] => {
  const compared = lines.filter((line) => line.group === group && line.kind !== "lead");
  return columns.map(({ steps }, column) =>
    leadingFigures(steps === 0 ? [] : compared.map(({ cells }) => cells[column]?.figure), shown[column]!),
  );
};

/** The best of the figures, and those whose intervals meet its interval. The interval of an error that reaches below 0 is of no normal mean. */
function leadingFigures(
  figures: readonly (CellResult | undefined)[],
  { better }: FigureDescription,
): ReadonlySet<CellResult> {
  const sign = better === "higher" ? 1 : -1;
  const finite = figures.filter((figure) => figure !== undefined && Number.isFinite(figure.mean)) as CellResult[];
  const [best] = finite.toSorted((a, b) => sign * (b.mean - a.mean));
  const tells = ({ mean, interval }: CellResult): boolean => better === "higher" || interval <= mean;
  const leads = (figure: CellResult): boolean =>
    figure === best || (tells(figure) && sign * (best!.mean - figure.mean) <= best!.interval + figure.interval);
  return new Set(finite.filter(leads));
}

/** `43%`, of the updates of the full training, or `2 to 43%` where the line's trainings differ; empty for baselines. */
function trainedFor({ cells }: TableLine, results: RowResults): string {
  const shares = cells.flatMap((cell) => {
    const runs = cell?.rows.flatMap(({ name }) => results[name] ?? []) ?? [];
    return runs.map((result) => (isShortened(result) ? result.updates / result.fullUpdates : 1));
  });
  if (shares.length === 0) return "";
  const [least, most] = [Math.min(...shares), Math.max(...shares)].map((share) => {
    const percent = 100 * share;
    return percent >= 10 ? percent.toFixed(0) : percent.toPrecision(1);
  });
  return least === most ? `${least}%` : `${least} to ${most}%`;
}

/** What the figures of each column are about, by the first training in it: those of others differ in steps alone. */
function protocolLines(table: Table, results: RowResults): string[] {
  const uses = new Map<string, string[]>();
  for (const { name, title } of table.columns) {
    const text = table.rows.map((row) => results[row.name]?.protocols[name]).find((found) => found !== undefined);
    if (text === undefined) continue;
    // The first lines of the document say how intervals are made.
    const told = text.split("; ").filter((part) => !/^(mean ± 95% interval|calibration error|seed)/.test(part));
    uses.set(told.join("; "), [...(uses.get(told.join("; ")) ?? []), title]);
  }
  return [...uses].map(([text, titles]) => `- ${titles.join(", ")}: ${text}.`);
}
