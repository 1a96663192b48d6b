/** The lines of a table as they are read: trainings of one learner together, then the baselines. */
import type { CellResult, RowResult } from "./collected-results.js";
import type { Row, Table } from "./table.js";

/** A cell of a line: what was reached, and what the paper reports. */
export interface LineCell {
  /** The training that fills it; of baselines, for those that are made of one. */
  readonly row?: Row;
  readonly figure?: CellResult;
  readonly published?: string;
  /** Whether the figure is of fewer updates than the full training has. */
  readonly shortened: boolean;
}

/** A line of a table: a learner, or a baseline. */
export interface TableLine {
  readonly learner: string;
  /** By column; undefined where no training serves it. */
  readonly cells: readonly (LineCell | undefined)[];
  readonly sources: readonly string[];
  readonly isBaseline: boolean;
}

/** Results of trainings by their names. */
export type RowResults = Readonly<Record<string, RowResult>>;

/** True of a training of fewer updates than it has in full. */
export const isShortened = ({ updates, fullUpdates }: RowResult): boolean => updates < fullUpdates;

/** The lines of a table: learners in its order, then the baselines. */
export function tableLines(table: Table, results: RowResults): TableLine[] {
  const learners = [...new Set(table.rows.map(({ learner }) => learner))];
  const lines = learners.map((learner): TableLine => {
    const rows = table.rows.filter((row) => row.learner === learner);
    return {
      learner,
      cells: table.columns.map(({ name }) => {
        const row = rows.find(({ cells }) => Object.hasOwn(cells, name));
        if (!row) return undefined;
        const result = results[row.name];
        const figure = result?.cells[name];
        const { published } = row.cells[name]!;
        return {
          row,
          ...(figure ? { figure } : {}),
          ...(published === undefined ? {} : { published }),
          shortened: result !== undefined && isShortened(result),
        };
      }),
      sources: [...new Set(rows.flatMap(({ source }) => source ?? []))],
      isBaseline: false,
    };
  });
  return [...lines, ...baselineLines(table, results)];
}

/** Baselines that were trained, if not to learn: fine-tuned joint pre-training, neighbours in an embedding. */
const isOfTraining = (baseline: string): boolean => /^joint pre-training|\(embedding\)$/.test(baseline);

/** From the trainings that carry the baselines: each column is filled by the first that has it. */
function baselineLines(table: Table, results: RowResults): TableLine[] {
  const carried = table.rows.flatMap((row) => {
    const result = row.baselines ? results[row.name] : undefined;
    return result?.baselines ? [{ row, baselines: result.baselines, shortened: isShortened(result) }] : [];
  });
  const names = [...new Set(carried.flatMap(({ baselines }) => Object.keys(baselines)))];
  return names.map((learner) => ({
    learner: learner === "nearest neighbour" ? "nearest neighbour (pixels)" : learner,
    cells: table.columns.map((column) => {
      const found = carried.find(({ baselines }) => baselines[learner]?.[column.name]);
      const figure = found?.baselines[learner]?.[column.name];
      if (!found || !figure) return undefined;
      return isOfTraining(learner)
        ? { row: found.row, figure, shortened: found.shortened }
        : { figure, shortened: false };
    }),
    sources: [],
    isBaseline: true,
  }));
}
