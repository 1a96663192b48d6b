/** Rows as users of a trained model have them, and the values that it answers with, in the table's units. */
import {
  decodeTableTargets,
  encodeTableExamples,
  encodeTableInputs,
  type TableRow,
  type TableSpec,
} from "@innerloop/core/tasks";
import { type Tensor, tensor } from "@innerloop/graph";
import type { DataIo, FoundRows, LongWork } from "../../io.js";
import { quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import { counted } from "../../words.js";
import type { Adaptation, DataSpec, Own } from "../domain.js";

/** Rows by the names of columns, in a program; or a table file. */
export type GivenRows = string | readonly TableRow[];

const isRow = (value: unknown): value is TableRow =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Rows from a file, or as they are. */
async function rowsOf(
  given: unknown,
  spec: TableSpec,
  needTargets: boolean,
  io: DataIo,
): Promise<Pick<FoundRows, "rows" | "reading" | "targets" | "notes">> {
  if (typeof given === "string") return io.tableRows(given, spec, { needTargets });
  const rows = isRow(given) ? [given] : given;
  if (!Array.isArray(rows) || rows.length === 0 || !rows.every(isRow)) {
    const names = [...spec.inputs, ...(needTargets ? spec.targets : [])].map(({ name }) => name);
    throw new UsageError(
      `the rows are ${quoted(given)}`,
      `Give a table file, or rows: [{ ${names.map((name) => `${JSON.stringify(name)}: ...`).join(", ")} }, ...]`,
    );
  }
  return { rows, reading: {}, targets: {}, notes: [] };
}

/**
 * The adaptation of a domain whose examples are rows by the names of columns.
 *
 * @param specOf how its rows are coded
 */
export const rowAdaptation = <V, Spec extends DataSpec>(
  specOf: (own: Own<V, Spec>) => TableSpec,
): Adaptation<V, Spec> => ({
  readSupport: async (given, own, _, io, { onWarning }: LongWork) => {
    const spec = specOf(own);
    const { rows, reading, notes } = await rowsOf(given, spec, true, io);
    const { examples, notes: more } = encodeTableExamples(spec, rows, reading);
    for (const note of new Set([...notes, ...more])) onWarning?.(note);
    return { ...examples, text: counted(rows.length, "row"), notes: [] };
  },
  readInputs: async (given, _, own, io, { onWarning }: LongWork) => {
    const spec = specOf(own);
    const files =
      Array.isArray(given) && given.every((each) => typeof each === "string") && given.length > 0 ? given : [given];
    const parts = await Promise.all(files.map((each) => rowsOf(each, spec, false, io)));
    const coded = parts.map(({ rows, reading }) => encodeTableInputs(spec, rows, reading));
    for (const note of new Set([...parts, ...coded].flatMap(({ notes }) => notes))) onWarning?.(note);
    const xs = coded.map(({ x }) => x);
    return {
      x: rowsTogether(xs),
      names: parts.flatMap(({ rows }, file) =>
        rows.map((_row, i) => (files.length > 1 ? `${String(files[file])}:${i + 1}` : `${i + 1}`)),
      ),
      beside: parts.flatMap(({ rows, targets }) =>
        rows.map((row, i) => ({
          ...Object.fromEntries(spec.inputs.map(({ name }) => [name, shownCell(row[name])])),
          ...Object.fromEntries(
            Object.entries(targets).flatMap(([name, values]) =>
              values[i] === undefined ? [] : [[`${name} in the file`, values[i]]],
            ),
          ),
        })),
      ),
    };
  },
  // Columns may be called anything, "type" included.
  record: (answer) => ({ prediction: answer }),
  inputWord: "row",
  answers: (prediction, { options, spec: own }) =>
    decodeTableTargets(specOf({ options, spec: own } as Own<V, Spec>), prediction),
  table: (answers, { inputs, options, spec: own }) => {
    const { targets } = specOf({ options, spec: own } as Own<V, Spec>);
    const beside = inputs.beside ?? [];
    const known = [...new Set(beside.flatMap((each) => Object.keys(each)))];
    const predicted = targets.map(({ name }) => (known.includes(name) ? `${name} predicted` : name));
    return {
      header: ["row", ...known, ...predicted],
      rows: answers.map((answer, i) => [
        inputs.names[i]!,
        ...known.map((name) => String(beside[i]?.[name] ?? "")),
        ...targets.map(({ name }) => shownNumber(Number(answer[name]))),
      ]),
    };
  },
});

/** The rows of several inputs, one after another. */
function rowsTogether(parts: readonly Tensor[]): Tensor {
  const width = parts[0]!.shape[1]!;
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const values = new Float32Array(rows * width);
  let at = 0;
  for (const { data, size } of parts) {
    values.set(data as Float32Array, at);
    at += size;
  }
  return tensor(values, [rows, width]);
}

const shownCell = (cell: unknown): string | number =>
  typeof cell === "number" ? cell : String(cell ?? "").slice(0, 24);

/** A value with as many digits as a prediction has that are worth showing. */
const shownNumber = (value: number): string => String(Number(value.toPrecision(5)));
