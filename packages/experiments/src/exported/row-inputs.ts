/** Rows of a table as inputs of exported programs: cells by the names of their columns, or numbers in their order. */
import {
  encodeTableInputs,
  type TableRow,
  type TableSpec,
  TaskError,
  tableFeatures,
  tableSpecFrom,
} from "@innerloop/core/exported";
import { isRecord, quoted } from "../options/outside-text.js";
import { ExportError } from "./export-error.js";
import { type InputForm, largestInput } from "./input-form.js";

/** Rows by the columns of a table, coded as its spec says. */
export interface RowInputs {
  readonly kind: "row";
  readonly table: TableSpec;
}

/** Columns of numbers alone, which a row may also be given as without their names. */
const areNumbers = ({ inputs }: TableSpec): boolean => inputs.every(({ kind }) => kind === "number");

/** @internal */
export const rowForm: InputForm<RowInputs> = {
  parse: ({ table }) => {
    try {
      const spec = tableSpecFrom(table);
      return tableFeatures(spec) <= largestInput ? { kind: "row", table: spec } : undefined;
    } catch (error) {
      if (error instanceof TaskError) return undefined;
      throw error;
    }
  },
  slots: ({ table }) => [{ name: "", dtype: "float32", shape: [tableFeatures(table)] }],
  isOne: (list, { table }) =>
    areNumbers(table) &&
    table.inputs.length > 1 &&
    list.length === table.inputs.length &&
    list.every((each) => typeof each === "number"),
  read: async (given, { table }) => {
    const rows = given.map((each, i) => rowOf(each, i, table));
    const width = tableFeatures(table);
    const { x } = encodeTableInputs(table, rows, { placeOf: (row) => `input ${row + 1}` });
    return rows.map((_, i) => (x.data as Float32Array).slice(i * width, (i + 1) * width));
  },
  readingOf: () => ({ invert: false }),
  rows: (read) => [[read]],
  about: ({ table }) => {
    const names = table.inputs.map(({ name, kind }) => `${name} (${kind})`).join(", ");
    return `Rows of ${names}; programs take them coded by \`innerloop.inputs.table\` of config.json: numbers as (value - mean) / deviation.`;
  },
  inPython: ({ table }, rows = 2) => ({ "": `np.random.randn(${rows}, ${tableFeatures(table)}).astype(np.float32)` }),
  inJavaScript: ({ table }) =>
    areNumbers(table) && table.inputs.length === 1
      ? "0.5"
      : `{ ${table.inputs
          .slice(0, 4)
          .map(({ name }) => `${JSON.stringify(name)}: ...`)
          .join(", ")}${table.inputs.length > 4 ? ", ..." : ""} }`,
};

function rowOf(given: unknown, place: number, { inputs }: TableSpec): TableRow {
  if (isRecord(given) && !ArrayBuffer.isView(given)) return given as TableRow;
  const list = typeof given === "number" ? [given] : given;
  const isList = Array.isArray(list) || ArrayBuffer.isView(list);
  const numbers = isList ? Array.from(list as ArrayLike<unknown>) : [];
  if (areNumbers({ inputs } as TableSpec) && numbers.length === inputs.length)
    return Object.fromEntries(inputs.map(({ name }, i) => [name, numbers[i] as number]));
  const names = inputs.slice(0, 6).map(({ name }) => `${JSON.stringify(name)}: ...`);
  throw new ExportError(
    "ILE206",
    `input ${place + 1}`,
    `it is ${quoted(given)}, and inputs are rows of ${inputs.length} columns`,
    `Give { ${names.join(", ")}${inputs.length > 6 ? ", ..." : ""} }`,
  );
}
