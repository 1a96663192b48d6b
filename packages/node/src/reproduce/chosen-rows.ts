/** The rows of tables that are asked for together. */
import { nearestName, UsageError } from "@innerloop/experiments";
import type { Row, Table } from "@innerloop/experiments/published";

/** A row of one of the tables that were asked for. */
export interface Item {
  readonly table: Table;
  readonly row: Row;
}

/** The tables of rows, each once. */
export const tablesOf = (items: readonly Item[]): readonly Table[] => [...new Set(items.map(({ table }) => table))];

/** Names of rows among those of several tables: the name of a row alone where no other table has it. */
export function itemNames(tables: readonly Table[]): (item: Item) => string {
  const all = tables.flatMap(({ rows }) => rows.map(({ name }) => name));
  return ({ table, row: { name } }) => (all.indexOf(name) === all.lastIndexOf(name) ? name : `${table.name}/${name}`);
}

/** The rows of a list of names, or of TABLE/NAME where several tables are asked for. @throws UsageError */
export function itemsChosen(tables: readonly Table[], text: string | undefined): readonly Item[] {
  const items = tables.flatMap((table) => table.rows.map((row): Item => ({ table, row })));
  if (text === undefined) return items;
  const wanted = text.split(",").map((name) => name.trim());
  const nameOf = itemNames(tables);
  const names = items.map(nameOf);
  const where = tables.map(({ name }) => name).join(", ");
  for (const name of wanted) {
    const isWhole = tables.length > 1 && tables.some((table) => table.name === name);
    if (names.includes(name) || isWhole) continue;
    const near = nearestName(name, names);
    throw new UsageError(
      `there is no row ${name} in the table${tables.length > 1 ? "s" : ""} ${where}`,
      near ? `Did you mean ${near}?` : `Rows are ${names.join(", ")}`,
    );
  }
  return items.filter(
    (item, i) => wanted.includes(names[i]!) || (tables.length > 1 && wanted.includes(item.table.name)),
  );
}
