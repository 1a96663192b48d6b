/** Tables of items or of users, as they are read: ids, and of each column the different cells and which row has which. */
import { isMissing, missingNames } from "@innerloop/core/tasks";
import type { LongWork } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { Problems } from "../problems.js";
import { readingLimits } from "../reading-limits.js";
import { textFault } from "../texts/text-rows.js";
import { EntityIds } from "./entity-ids.js";
import { GrowingArray } from "./growing-array.js";
import { idColumnOf, requireColumns } from "./rating-columns.js";
import { eachTableRow, type TableSource } from "./table-source.js";

/** Cells that stand for no value: as in other tables, a question mark, and what MovieLens writes. */
const noValues: ReadonlySet<string> = new Set([...missingNames, "?", "(no genres listed)"]);

/** A column of a table: its different cells, in the order in which they first come up. */
export interface EntityColumn {
  readonly name: string;
  readonly cells: readonly string[];
  /** Of each row the place of its cell, -1 where it has none. */
  readonly of: Int32Array;
}

/** A table of items or users. */
export interface EntityTable {
  readonly path: string;
  readonly what: "users" | "items";
  readonly ids: EntityIds;
  readonly idColumn: string;
  /** Those beside the ids. */
  readonly columns: readonly EntityColumn[];
  /** Of each row its line in the file. */
  readonly lines: Int32Array;
  /** Rows that say the same of an id as an earlier one. */
  readonly repeated: number;
  readonly kinds: Readonly<Record<string, "number" | "category" | "bag">>;
}

/**
 * Reads a table of items or of users, a row for each; those that say the same of one twice count once.
 *
 * @throws DataError ILD71 with file and row, for ids that are empty or come up twice with other cells; ILD06 for a table of
 * no rows, ILD03, ILD07
 */
export async function readEntityTable(
  source: TableSource,
  what: "users" | "items",
  given: string | undefined,
  /** Columns that are asked for. */
  wanted: readonly string[],
  work: LongWork,
): Promise<EntityTable> {
  const { path, layout } = source;
  const ids = new EntityIds(what, path);
  const lines = new GrowingArray(Int32Array, path);
  const growing: GrowingColumn[] = [];
  const problems = new Problems();
  let idColumn = "";
  let length = 0;
  let repeated = 0;
  await eachTableRow(
    source,
    (columns) => {
      idColumn = idColumnOf(path, columns, what === "users" ? "user" : "item", given);
      requireColumns(path, wanted, columns);
      const at = columns.indexOf(idColumn);
      const others = columns.map((_, place) => place).filter((place) => place !== at);
      for (const place of others) growing.push(new GrowingColumn(columns[place]!, path));
      return (cells, line) => {
        const before = ids.ids.length;
        const place = ids.add(cells[at]!);
        if (typeof place === "string") {
          problems.add(`${path}:${line}`, `the id ${place}`);
          return;
        }
        if (place < before) {
          const isSame = others.every((from, i) => growing[i]!.isAt(place, cells[from]!));
          if (isSame) repeated++;
          else problems.add(`${path}:${line}`, `it has the id of line ${lines.at(place)}, and says something else`);
          return;
        }
        lines.push(line);
        others.forEach((from, i) => {
          const cell = cells[from]!;
          const added = growing[i]!.add(cell);
          if (added === undefined)
            problems.add(`${path}:${line}`, `the cell of column ${growing[i]!.name} is not plain text`);
          else length += added;
        });
        if (length > readingLimits.textsLength) {
          const problem = `its different cells have more than ${readingLimits.textsLength} characters`;
          throw new DataError("ILD06", path, problem, "Leave columns out: they are kept in memory.");
        }
      };
    },
    work,
  );
  problems.throwAny("ILD71", path, "Give each row an id of its own, of up to 512 characters.");
  if (ids.ids.length === 0) throw new DataError("ILD06", path, `there are no ${what} in it`, "Give one at least.");
  return {
    path,
    what,
    ids,
    idColumn,
    columns: growing.map((column) => column.finish()),
    lines: lines.finish(),
    repeated,
    kinds: layout?.kinds ?? {},
  };
}

class GrowingColumn {
  private readonly places = new Map<string, number>();
  private readonly cells: string[] = [];
  private readonly of: GrowingArray<Int32Array>;

  constructor(
    readonly name: string,
    path: string,
  ) {
    this.of = new GrowingArray(Int32Array, path);
  }

  /** The characters that are kept for it, undefined for what is no text. */
  add(cell: string): number | undefined {
    const known = this.places.get(cell);
    if (known !== undefined) {
      this.of.push(known);
      return 0;
    }
    const text = textFault(cell) === undefined ? cell.normalize("NFC").trim() : undefined;
    if (text === undefined) return undefined;
    const same = this.placeOf(text);
    if (same !== undefined) {
      this.of.push(same);
      return 0;
    }
    const own = Buffer.from(text).toString();
    this.places.set(own, this.cells.length);
    this.of.push(this.cells.length);
    this.cells.push(own);
    return own.length;
  }

  /** Whether a row has this cell. */
  isAt(row: number, cell: string): boolean {
    return this.of.at(row) === this.placeOf(cell.normalize("NFC").trim());
  }

  private placeOf(text: string): number | undefined {
    return isMissing(text, noValues) ? -1 : this.places.get(text);
  }

  finish(): EntityColumn {
    return { name: this.name, cells: this.cells, of: this.of.finish() };
  }
}

/**
 * Reads a table with a row for each pair of an id and a word, such as a restaurant and a means of payment, as a column of
 * bags. Words of ids that the table of entities lacks are left out.
 *
 * @throws DataError ILD71, ILD03
 */
export async function readWordPairs(
  path: string,
  { ids }: EntityTable,
  columns: { readonly id: string; readonly word: string; readonly name: string },
  work: LongWork,
): Promise<EntityColumn> {
  const words = new Map<number, Set<string>>();
  await eachTableRow(
    { path },
    (names) => {
      requireColumns(path, [columns.id, columns.word], names);
      const [id, word] = [names.indexOf(columns.id), names.indexOf(columns.word)];
      return (cells) => {
        const place = ids.placeOf(cells[id]!);
        if (place === undefined || isMissing(cells[word]!, noValues)) return;
        const own = words.get(place) ?? new Set();
        words.set(place, own.add(cells[word]!.trim()));
      };
    },
    work,
  );
  const column = new GrowingColumn(columns.name, path);
  for (let place = 0; place < ids.ids.length; place++) {
    const own = words.get(place);
    column.add(own ? JSON.stringify([...own]) : "");
  }
  return column.finish();
}
