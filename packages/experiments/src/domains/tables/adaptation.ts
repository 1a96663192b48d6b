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

/** What is kept of the support set for the rows that are asked about: the group that it says it is of. */
interface SupportReading {
  readonly groups: readonly string[];
}

const isRow = (value: unknown): value is TableRow =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Rows from a file, or copies of those given, which are taken before anything is waited for. */
async function rowsOf(
  given: unknown,
  spec: TableSpec,
  needTargets: boolean,
  io: DataIo,
  work: LongWork,
): Promise<Pick<FoundRows, "rows" | "reading" | "targets" | "notes">> {
  work.signal?.throwIfAborted();
  if (typeof given === "string") {
    const found = await io.tableRows(given, spec, { ...work, needTargets });
    work.signal?.throwIfAborted();
    return found;
  }
  const rows = isRow(given) ? [given] : given;
  if (!Array.isArray(rows) || rows.length === 0 || !rows.every(isRow)) {
    const names = [...spec.inputs, ...(needTargets ? spec.targets : [])].map(({ name }) => name);
    throw new UsageError(
      `the rows are ${quoted(given)}`,
      `Give a table file, or rows: [{ ${names.map((name) => `${JSON.stringify(name)}: ...`).join(", ")} }, ...]`,
    );
  }
  return { rows: rows.map((row) => ({ ...row })), reading: {}, targets: {}, notes: [] };
}

/** The groups that rows say they are of, each once: none where they do not tell. */
const groupsOf = (rows: readonly TableRow[], { groupColumn }: TableSpec): readonly string[] => [
  ...new Set(
    rows
      .map((row) => (Object.hasOwn(row, groupColumn) ? String(row[groupColumn] ?? "").trim() : ""))
      .filter((name) => name !== ""),
  ),
];

/** Names of groups, so many that a message takes them. */
const namesText = (names: readonly string[]): string =>
  `${names.slice(0, 6).map(quoted).join(", ")}${names.length > 6 ? ` and ${names.length - 6} others` : ""}`;

/** @throws UsageError where rows to adapt to are of several groups, each of which is a task of its own */
function requireOneGroup(groups: readonly string[], { groupColumn }: TableSpec): void {
  if (groups.length < 2) return;
  throw new UsageError(
    `column ${quoted(groupColumn)} of the rows to adapt to has ${groups.length} groups: ${namesText(groups)}`,
    "Give the rows of one",
  );
}

/** What is said of rows that are asked about and are of another group than those that were adapted to. */
function otherGroupsNote(groups: readonly string[], adapted: readonly string[], { groupColumn }: TableSpec): string[] {
  const others = groups.filter((name) => !adapted.includes(name));
  if (adapted.length === 0 || others.length === 0) return [];
  return [
    `column ${groupColumn}: there are rows of ${namesText(others)}, which are predicted as ones of ${namesText(adapted)}, whose rows were adapted to`,
  ];
}

/** What is worth knowing of rows, each once, with the file that they are from. */
function tell(given: unknown, notes: readonly string[], io: DataIo, { onWarning }: LongWork): void {
  const place = typeof given === "string" ? `${io.shown(given)}: ` : "";
  for (const note of new Set(notes)) onWarning?.(`${place}${note}`);
}

/**
 * The adaptation of a domain whose examples are rows by the names of columns.
 *
 * @param specOf how its rows are coded
 */
export const rowAdaptation = <V, Spec extends DataSpec>(
  specOf: (own: Own<V, Spec>) => TableSpec,
): Adaptation<V, Spec> => ({
  readSupport: async (given, own, _, io, work) => {
    const spec = specOf(own);
    const { rows, reading, notes } = await rowsOf(given, spec, true, io, work);
    const groups = groupsOf(rows, spec);
    requireOneGroup(groups, spec);
    const { examples, notes: more } = encodeTableExamples(spec, rows, reading);
    tell(given, [...notes, ...more], io, work);
    return { ...examples, text: counted(rows.length, "row"), notes: [], reading: { groups } satisfies SupportReading };
  },
  parseReading: (value) => {
    const { groups } = Object(value) as Partial<Record<keyof SupportReading, unknown>>;
    const areNames = Array.isArray(groups) && groups.every((each) => typeof each === "string");
    return areNames ? ({ groups } satisfies SupportReading) : undefined;
  },
  readInputs: async (given, { reading }, own, io, work) => {
    const spec = specOf(own);
    const files =
      Array.isArray(given) && given.every((each) => typeof each === "string") && given.length > 0 ? given : [given];
    const parts = await Promise.all(files.map((each) => rowsOf(each, spec, false, io, work)));
    const coded = parts.map((part) => encodeTableInputs(spec, part.rows, part.reading));
    const { groups } = reading as SupportReading;
    parts.forEach(({ rows, notes }, i) => {
      const others = otherGroupsNote(groupsOf(rows, spec), groups, spec);
      tell(files[i], [...others, ...notes, ...coded[i]!.notes], io, work);
    });
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

/** A value with as many digits as a prediction has that are worth showing, and all of those before the point. */
const shownNumber = (value: number): string =>
  Math.abs(value) >= 10_000 ? value.toFixed(0) : String(Number(value.toPrecision(5)));
