/** Columns of items and users as attributes: of which kind each is, and which are of no use. */
import { createHash } from "node:crypto";
import {
  type Attribute,
  type BagAttribute,
  isMissing,
  missingNumbers,
  type NumberAttribute,
  numberIn,
} from "@innerloop/core/tasks";
import { count, counted, cut, quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readingLimits, requireRoom } from "../reading-limits.js";
import type { EntityColumn, EntityTable } from "./entity-table.js";
import { GrowingArray } from "./growing-array.js";
import { listIn, wordsIn } from "./listed-words.js";
import { requireColumns } from "./rating-columns.js";

type Kind = Attribute["kind"];

const kinds: readonly string[] = ["number", "category", "bag"] satisfies readonly Kind[];

/** A column that is an attribute, with its kind where that is said: of `genres:bag`. */
export interface DeclaredAttribute {
  readonly name: string;
  readonly kind?: Kind;
}

/** The column, and the kind behind its last colon. A column of that very name comes first. */
export function declaredAttribute(text: string, columns: readonly string[]): DeclaredAttribute {
  const colon = text.lastIndexOf(":");
  const kind = text.slice(colon + 1);
  if (columns.includes(text) || colon < 0 || !kinds.includes(kind)) return { name: text };
  return { name: text.slice(0, colon), kind: kind as Kind };
}

/** Attributes, and what is told of them. */
export interface FoundAttributes {
  readonly attributes: readonly Attribute[];
  readonly notes: readonly string[];
}

/** Of texts that differ so often next to none says something of a second one. */
const mostDifferent = 0.9;
/** Times that a word of a bag stands there, on average: titles may hold a bar as well. */
const leastUses = 2;

/**
 * The columns of a table as attributes. Those that are declared are of their kind; of the others, where none is declared,
 * each is:
 *
 * - a bag where all cells are lists, or some have `|` and their words come up again;
 * - a number where all cells are, but for codes: with leading zeros, or in a column whose name ends in "id" or "code";
 * - left out where it says nothing: no or one value, addresses, texts that are nearly all different, or the same as another
 *   column in other words;
 * - a category.
 *
 * @param count how many entities there are: those behind the rows of the table are not known
 * @throws DataError ILD71 for a column that is not there, and with file and row for a cell that is no number; ILD06, ILD07
 */
export function attributesOf(
  table: EntityTable,
  columns: readonly EntityColumn[],
  declared: readonly DeclaredAttribute[] | undefined,
  entities: number,
): FoundAttributes {
  if (declared) {
    const names = columns.map(({ name }) => name);
    requireColumns(
      table.path,
      declared.map(({ name }) => name),
      names,
    );
    const attributes = declared.map(({ name, kind }) => {
      const column = columns[names.indexOf(name)]!;
      return makers[kind ?? knownKind(table, name) ?? kindOf(column)](table, column, entities);
    });
    return { attributes, notes: noteOf(table.what, attributes, []) };
  }
  const attributes: Attribute[] = [];
  const leftOut: string[] = [];
  const known = new Map<string, number>();
  for (const column of columns) {
    const { name } = column;
    const given = knownKind(table, name);
    const isKnown = given !== undefined;
    const kind = given ?? kindOf(column);
    const reason = uselessness(column, kind, isKnown);
    if (reason !== undefined) {
      leftOut.push(`${cut(name, 40)} (${reason})`);
      continue;
    }
    const attribute = makers[kind](table, column, entities);
    if ("starts" in attribute && attribute.words.length < 2) {
      leftOut.push(`${cut(name, 40)} (one word only)`);
      continue;
    }
    // Cells are numbered as they come up: columns that tell rows apart in the same way have the same numbers.
    const digest = createHash("sha256").update(column.of).digest("hex");
    const isCompared = attribute.kind === "category" && !isKnown;
    const earlier = isCompared ? known.get(digest) : undefined;
    if (earlier === undefined) {
      if (isCompared) known.set(digest, attributes.length);
      attributes.push(attribute);
      continue;
    }
    const other = attributes[earlier]!;
    // Of codes and names the names are kept: they have more letters.
    const [kept, gone] = lettersOf(attribute) > lettersOf(other) ? [attribute, other] : [other, attribute];
    attributes[earlier] = kept;
    leftOut.push(`${cut(gone.name, 40)} (it says the same as ${cut(kept.name, 40)})`);
  }
  return { attributes, notes: noteOf(table.what, attributes, leftOut) };
}

/** The kind that a layout says; a column may be called "constructor". */
const knownKind = ({ kinds: known }: EntityTable, name: string): Kind | undefined =>
  Object.hasOwn(known, name) ? known[name] : undefined;

const lettersOf = (attribute: Attribute): number =>
  attribute.kind === "category" ? attribute.words.reduce((sum, word) => sum + word.replaceAll(/\d/g, "").length, 0) : 0;

/** Why a column says nothing, undefined for one that does. */
function uselessness({ cells, of }: EntityColumn, kind: Kind, isKnown: boolean): string | undefined {
  if (cells.length === 0) return "empty";
  if (cells.length === 1) return "one value only";
  if (kind !== "category" || isKnown) return undefined;
  if (cells.every((cell) => /^(https?:\/\/|www\.)/i.test(cell))) return "addresses";
  const rows = of.reduce((sum, place) => sum + (place < 0 ? 0 : 1), 0);
  if (cells.length === rows) return "all different";
  return cells.length > mostDifferent * rows ? `${count(cells.length)} of ${count(rows)} are different` : undefined;
}

function kindOf(column: EntityColumn): Kind {
  const { name, cells, of } = column;
  if (cells.length === 0) return "category";
  if (cells.every((cell) => listIn(cell) !== undefined)) return "bag";
  const numbers = cells.filter((cell) => !isMissing(cell, missingNumbers));
  if (numbers.length > 0 && numbers.every((cell) => Number.isFinite(numberIn(cell)))) {
    const areCodes = numbers.some((cell) => /^0\d/.test(cell)) || (isCodeName(name) && numbers.every(isWhole));
    return areCodes ? "category" : "number";
  }
  return cells.some((cell) => cell.includes("|")) && areWordsAgain(cells, of) ? "bag" : "category";
}

const isWhole = (cell: string): boolean => Number.isInteger(numberIn(cell));

/** `RegionID`, `region_id`, `zip code`: a number there is none to reckon with. */
const isCodeName = (name: string): boolean => /([a-z](ID|Id|Code)|[^a-z](id|code)|^(id|code))$/.test(name);

/** Whether words between bars are fewer than there are of them. */
function areWordsAgain(cells: readonly string[], of: Int32Array): boolean {
  const uses = new Int32Array(cells.length);
  for (const place of of) if (place >= 0) uses[place]!++;
  const words = new Set<string>();
  let all = 0;
  for (const [place, cell] of cells.entries()) {
    for (const word of wordsIn(cell)) {
      words.add(word);
      all += uses[place]!;
    }
  }
  return all >= leastUses * words.size;
}

/** A column as an attribute of each kind. */
const makers: {
  readonly [K in Kind]: (
    table: EntityTable,
    column: EntityColumn,
    entities: number,
  ) => Attribute & { readonly kind: K };
} = {
  number: numbersOf,
  category: (_, { name, cells, of }, entities) => ({
    kind: "category",
    name,
    words: cells,
    of: filledUp(of, entities),
  }),
  bag: bagsOf,
};

function filledUp(of: Int32Array, entities: number): Int32Array {
  const filled = new Int32Array(entities).fill(-1);
  filled.set(of);
  return filled;
}

function numbersOf(
  { path, what, lines }: EntityTable,
  { name, cells, of }: EntityColumn,
  entities: number,
): NumberAttribute {
  const numbers = Float64Array.from(cells, (cell) => numberIn(cell));
  const bad = cells.findIndex((cell, place) => !Number.isFinite(numbers[place]) && !isMissing(cell, missingNumbers));
  if (bad >= 0) {
    // What is known of people is not shown.
    const said = what === "items" ? `${quoted(cells[bad])} in` : "a cell of";
    const problem = `${said} column ${quoted(name)} is no number`;
    throw new DataError("ILD71", `${path}:${lines[of.indexOf(bad)]}`, problem, `Say ${name}:category or ${name}:bag.`);
  }
  const values = new Float64Array(entities).fill(Number.NaN);
  for (const [row, place] of of.entries()) {
    const value = place < 0 ? Number.NaN : numbers[place]!;
    if (Number.isFinite(value)) values[row] = value;
  }
  return { kind: "number", name, values };
}

function bagsOf({ path }: EntityTable, { name, cells, of }: EntityColumn, entities: number): BagAttribute {
  const places = new Map<string, number>();
  const ofCells = cells.map((cell) =>
    wordsIn(cell).map((word) => {
      const known = places.get(word);
      if (known !== undefined) return known;
      // A part of a cell would keep all of it in memory.
      places.set(Buffer.from(word).toString(), places.size);
      return places.size - 1;
    }),
  );
  const all = new GrowingArray(Int32Array, path);
  const starts = new Int32Array(entities + 1);
  requireRoom(starts.byteLength, path);
  for (let row = 0; row < entities; row++) {
    const place = of[row] ?? -1;
    if (place >= 0) for (const word of ofCells[place]!) all.push(word);
    starts[row + 1] = all.length;
    if (all.length > readingLimits.bagWords) {
      const problem = `column ${quoted(name)} has more than ${readingLimits.bagWords} words in all rows together`;
      throw new DataError("ILD06", path, problem, `Leave it out, or say ${name}:category.`);
    }
  }
  return { kind: "bag", name, words: [...places.keys()], of: all.finish(), starts };
}

/** The entities of which an attribute is not known. */
function missingIn(attribute: Attribute): number {
  const countOf = <T>(values: Iterable<T>, isMissingAt: (value: T, place: number) => boolean): number => {
    let [place, found] = [0, 0];
    for (const value of values) if (isMissingAt(value, place++)) found++;
    return found;
  };
  if ("values" in attribute) return countOf(attribute.values, Number.isNaN);
  if (!("starts" in attribute)) return countOf(attribute.of, (place) => place < 0);
  const { starts } = attribute;
  return countOf(starts.subarray(1), (end, place) => end === starts[place]);
}

function toldOf(attribute: Attribute): string {
  const missing = missingIn(attribute);
  const words = attribute.kind === "number" ? "" : ` of ${counted(attribute.words.length, "word")}`;
  return `${cut(attribute.name, 40)} (${attribute.kind}${words}${missing > 0 ? `, ${count(missing)} missing` : ""})`;
}

/** What was made of the columns, a line each for those that are used and those that are not. */
function noteOf(what: string, attributes: readonly Attribute[], leftOut: readonly string[]): string[] {
  const used = attributes.length === 0 ? "none" : attributes.map(toldOf).join(", ");
  return [
    `attributes of ${what}: ${used}`,
    ...(leftOut.length > 0 ? [`left out of ${what}: ${leftOut.join(", ")}`] : []),
  ];
}
