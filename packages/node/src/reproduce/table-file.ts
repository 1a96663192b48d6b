/** Tables of published results by name, or from files. */
import { nearestName, reasonOf, UsageError } from "@innerloop/experiments";
import { parseTable, type Table, type TableGroup, tableGroups, tables } from "@innerloop/experiments/published";
import { DataError, isSystemError } from "../data/data-error.js";
import { readRegularFile } from "../data/regular-file.js";

/** A table is written by hand. */
const mostBytes = 16 * 2 ** 20;

/** A table from a file. @throws UsageError that names the place in the file */
export async function readTable(path: string): Promise<Table> {
  let text: string;
  try {
    text = Buffer.from(await readRegularFile(path, { most: mostBytes, links: "followed" })).toString("utf8");
  } catch (error) {
    const cause = error instanceof DataError ? error.cause : error;
    const missing = isSystemError(cause) && cause.code === "ENOENT";
    throw new UsageError(
      missing ? `there is no file ${path}` : `${path} cannot be read (${reasonOf(error)})`,
      "Check the path",
    );
  }
  return parseTable(text, path);
}

/** The tables of a group or of one name, or the one in a JSON file. @throws UsageError */
export async function findTables(target: string): Promise<Omit<TableGroup, "name">> {
  const known = tableGroups.find(({ name }) => name === target);
  if (known) return known;
  const table = await findTable(target);
  return { title: table.title, tables: [table] };
}

async function findTable(target: string): Promise<Table> {
  const known = tables.find(({ name }) => name === target);
  if (known) return known;
  const names = [...tableGroups, ...tables].map(({ name }) => name);
  if (target.endsWith(".json")) {
    const own = await readTable(target);
    if (!names.includes(own.name)) return own;
    throw new UsageError(`${target} has the name of a table that comes along, ${own.name}`, "Give it another name");
  }
  const near = nearestName(target, names);
  throw new UsageError(
    `there is no table ${target}`,
    near ? `Did you mean ${near}?` : `Tables are ${names.join(", ")}; FILE.json is one of your own`,
  );
}
