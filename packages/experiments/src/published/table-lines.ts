/**
 * The lines of a table as they are read: in each group trainings of one learner together, what they are ahead of the
 * baselines that they are compared with, then the baselines; after the groups the means over them.
 */
import type { CellResult, RowResult } from "./collected-results.js";
import type { GroupMean, Row, Table } from "./table.js";

/** A cell of a line: what was reached, and what the paper reports. */
export interface LineCell {
  /** The trainings that fill it: one, or of a mean one for each group; of baselines, for those that are made of one. */
  readonly rows: readonly Row[];
  readonly figure?: CellResult;
  readonly published?: string;
  /** Whether the figure is of fewer updates than the full training has. */
  readonly shortened: boolean;
}

/** A line of a table: a learner, its lead over a baseline, or a baseline. */
export interface TableLine {
  readonly kind: "learner" | "lead" | "baseline";
  readonly learner: string;
  /** Of a lead, the baseline that the learner is compared with. */
  readonly over?: string;
  /** The heading under which it stands. */
  readonly group?: string;
  /** True of means over groups, which repeat what the groups say. */
  readonly isMean: boolean;
  /** By column; undefined where no training serves it. */
  readonly cells: readonly (LineCell | undefined)[];
  readonly sources: readonly string[];
}

/** Results of trainings by their names. */
export type RowResults = Readonly<Record<string, RowResult>>;

/** True of a training of fewer updates than it has in full. */
export const isShortened = ({ updates, fullUpdates }: RowResult): boolean => updates < fullUpdates;

/** The files of a user's that trainings are of, each once: more than one where rows are of different ones. */
export function filesText(results: RowResults): string | undefined {
  const files = [...new Set(Object.values(results).flatMap((result) => result.files ?? []))];
  if (files.length === 0) return undefined;
  return files.length === 1 ? `on ${files[0]}` : `rows are of different files: ${files.join("; ")}`;
}

/** The name of a line: `MAML`, `nearest neighbour (pixels)`, `ahead of centroid of features`. */
export const lineTitle = ({ kind, learner, over }: TableLine): string =>
  kind === "lead" ? `ahead of ${over}` : learner === "nearest neighbour" ? "nearest neighbour (pixels)" : learner;

/** The lines of a table: groups in its order, in each the learners and then the baselines; then the means over groups. */
export function tableLines(table: Table, results: RowResults): TableLine[] {
  const groups = [...new Set(table.rows.map(({ group }) => group))];
  const lines = groups.flatMap((group) => groupLines(table, group, results));
  return [...lines, ...(table.means ?? []).flatMap((mean) => meanLines(mean, lines))];
}

function groupLines(table: Table, group: string | undefined, results: RowResults): TableLine[] {
  const ofGroup = table.rows.filter((row) => row.group === group);
  const heading = { isMean: false, ...(group === undefined ? {} : { group }) };
  const lines = [...new Set(ofGroup.map(({ learner }) => learner))].flatMap((learner): TableLine[] => {
    const rows = ofGroup.filter((row) => row.learner === learner);
    const cells = table.columns.map(({ name }): LineCell | undefined => {
      const row = rows.find((each) => Object.hasOwn(each.cells, name));
      if (!row) return undefined;
      const result = results[row.name];
      const figure = result?.cells[name];
      const { published } = row.cells[name]!;
      return {
        rows: [row],
        ...(figure ? { figure } : {}),
        ...(published === undefined ? {} : { published }),
        shortened: result !== undefined && isShortened(result),
      };
    });
    const sources = [...new Set(rows.flatMap(({ source }) => source ?? []))];
    const own: TableLine = { kind: "learner", learner, ...heading, cells, sources };
    return [own, ...leadLines(table, own, results)];
  });
  return [...lines, ...baselineLines(table, ofGroup, results).map((line): TableLine => ({ ...line, ...heading }))];
}

/** A line for each baseline that trainings of a line are compared with, where there are results. */
function leadLines({ columns }: Table, line: TableLine, results: RowResults): TableLine[] {
  const names = [...new Set(line.cells.flatMap((cell) => cell?.rows.flatMap(({ against }) => against ?? []) ?? []))];
  return names.flatMap((over): TableLine[] => {
    const cells = line.cells.map((cell, column): LineCell | undefined => {
      const found = cell?.rows.flatMap(({ name }) => results[name]?.baselines?.[over]?.[columns[column]!.name] ?? []);
      const [baseline] = found ?? [];
      if (!cell?.figure || !baseline?.lead) return undefined;
      return { rows: cell.rows, figure: { steps: cell.figure.steps, ...baseline.lead }, shortened: cell.shortened };
    });
    if (cells.every((cell) => cell === undefined)) return [];
    return [{ ...line, kind: "lead", over, cells, sources: [] }];
  });
}

/** Baselines that were trained, if not to learn: fine-tuned joint pre-training, neighbours in an embedding. */
const isOfTraining = (baseline: string): boolean => /^joint pre-training|\(embedding\)$/.test(baseline);

/** From the trainings that carry the baselines: each column is filled by the first that has it. */
function baselineLines(table: Table, rows: readonly Row[], results: RowResults): TableLine[] {
  const carried = rows.flatMap((row) => {
    const result = row.baselines ? results[row.name] : undefined;
    return result?.baselines ? [{ row, baselines: result.baselines, shortened: isShortened(result) }] : [];
  });
  const names = [...new Set(carried.flatMap(({ baselines }) => Object.keys(baselines)))];
  return names.map((learner) => ({
    kind: "baseline",
    learner,
    isMean: false,
    cells: table.columns.map((column) => {
      const found = carried.find(({ baselines }) => baselines[learner]?.[column.name]);
      const figure = found?.baselines[learner]?.[column.name];
      if (!found || !figure) return undefined;
      return isOfTraining(learner)
        ? { rows: [found.row], figure, shortened: found.shortened }
        : { rows: [], figure, shortened: false };
    }),
    sources: [],
  }));
}

/**
 * The mean of each line over groups, of cells that all of them have: its interval is that of a mean of independent means,
 * sqrt(sum of squares) / n. It is about these groups, not about others like them.
 */
function meanLines({ title, groups }: GroupMean, lines: readonly TableLine[]): TableLine[] {
  const keyOf = ({ kind, learner, over }: TableLine): string => JSON.stringify([kind, learner, over]);
  const ofGroups = groups.map((group) => lines.filter((line) => line.group === group));
  const keys = new Set(ofGroups.flat().map(keyOf));
  return [...keys].flatMap((key): TableLine[] => {
    const found = ofGroups.map((own) => own.find((line) => keyOf(line) === key));
    const [first] = found;
    if (!first || found.some((line) => line === undefined)) return [];
    const cells = first.cells.map((_, column) => meanCell(found.map((line) => line!.cells[column])));
    if (cells.every((cell) => cell === undefined)) return [];
    return [{ ...first, group: title, isMean: true, cells, sources: [] }];
  });
}

function meanCell(cells: readonly (LineCell | undefined)[]): LineCell | undefined {
  if (cells.some((cell) => cell === undefined)) return undefined;
  const there = cells as readonly LineCell[];
  const figures = there.flatMap(({ figure }) => figure ?? []);
  const rows = there.flatMap((cell) => cell.rows);
  const shortened = there.some((cell) => cell.shortened);
  if (figures.length < there.length) return rows.length > 0 ? { rows, shortened } : undefined;
  const n = figures.length;
  // JSON has no name for what is not finite: it is null there.
  const finite = (value: number | null): number => value ?? Number.NaN;
  return {
    rows,
    shortened,
    figure: {
      steps: figures[0]!.steps,
      mean: figures.reduce((sum, { mean }) => sum + finite(mean), 0) / n,
      interval: Math.hypot(...figures.map(({ interval }) => finite(interval))) / n,
    },
  };
}
