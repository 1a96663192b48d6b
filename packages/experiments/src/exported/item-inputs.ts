/** Rated items as inputs of exported programs: found by their ids and titles, or new ones by what is known of them. */
import type { TypedArray } from "@innerloop/graph";
import { itemsOfList } from "../domains/recommendation/given-ratings.js";
import type { FoundItem } from "../domains/recommendation/item-index.js";
import { knownItems, ratedInputs } from "../domains/recommendation/known-items.js";
import { parseRatingTable, type RatingTable } from "../domains/recommendation/spec.js";
import { isRecord, quoted } from "../options/outside-text.js";
import { ExportError } from "./export-error.js";
import type { InputForm } from "./input-form.js";
import { isWhole } from "./kind-values.js";
import { readAs } from "./refused-values.js";
import type { RowValues } from "./row-arrays.js";

/** Items of a table, as ids of what is known of them and numbers. */
export interface ItemInputs {
  readonly kind: "item";
  /** Ids of a row. */
  readonly slots: number;
  /** Numbers of a row: the base and how sure it is, and those that are known of the item and the user. */
  readonly numbers: number;
  /** The items, out of items.json. */
  readonly table?: RatingTable;
}

/** The items of inputs that were opened. */
export const tableOf = ({ table }: Pick<ItemInputs, "table">): RatingTable => table!;

/** Items as inputs, by the table of a run. */
export function itemInputs(table: RatingTable): ItemInputs {
  const { ids, numbers } = ratedInputs(table, [{ place: 0, name: "" }]);
  return { kind: "item", slots: ids.shape[1]!, numbers: numbers.shape[1]!, table };
}

/** Ids and numbers of a row at most. */
const mostOfRow = 2 ** 15;

/** The rows of items as programs take them. */
export function itemRows(table: RatingTable, items: readonly FoundItem[]): readonly RowValues[] {
  const { ids, numbers } = ratedInputs(table, items);
  const part = ({ data, shape: [, width] }: typeof ids, row: number): TypedArray =>
    data!.slice(row * width!, (row + 1) * width!) as TypedArray;
  return items.map((_, row) => [part(ids, row), part(numbers, row)]);
}

const everyItem = new WeakMap<RatingTable, readonly RowValues[]>();

/** The rows of all items of a table, made once. */
export function allItemRows(table: RatingTable): readonly RowValues[] {
  let rows = everyItem.get(table);
  if (!rows) {
    rows = itemRows(
      table,
      table.items.ids.map((_, place) => ({ place, name: "" })),
    );
    everyItem.set(table, rows);
  }
  return rows;
}

/** @internal */
export const itemForm: InputForm<ItemInputs, FoundItem> = {
  parse: ({ slots, numbers }) =>
    isWhole(slots, 1, mostOfRow) && isWhole(numbers, 2, mostOfRow) ? { kind: "item", slots, numbers } : undefined,
  stored: ({ table: _, ...told }) => told,
  file: {
    name: "items.json",
    bytes: (inputs) => new TextEncoder().encode(JSON.stringify(tableOf(inputs))),
    opened: (inputs, bytes) => {
      const table = readTable(bytes);
      if (!table) return undefined;
      const own = itemInputs(table);
      return own.slots === inputs.slots && own.numbers === inputs.numbers ? own : undefined;
    },
  },
  slots: ({ slots, numbers }) => [
    { name: "ids", dtype: "int32", shape: [slots] },
    { name: "numbers", dtype: "float32", shape: [numbers] },
  ],
  isOne: () => false,
  read: async (given, inputs) => {
    const wrong = given.findIndex((each) => typeof each !== "string" && !isRecord(each));
    if (wrong >= 0)
      throw new ExportError(
        "ILE206",
        `input ${wrong + 1}`,
        `it is ${quoted(given[wrong])}`,
        'Give an item\'s id or title, or what is known of a new one: { genres: "Drama" }',
      );
    return given.length === 0 ? [] : readAs("items", () => itemsOfList(given, tableOf(inputs)));
  },
  readingOf: () => ({ invert: false }),
  rows: (item, _, inputs) => itemRows(tableOf(inputs), [item]),
  about: (inputs) =>
    `Items of items.json by their ids or titles; programs take a row of ${inputs.slots} ids and ${inputs.numbers} numbers of each, which the program below makes.`,
  pythonFirst: () => pythonItems,
  inPython: (_, rows) => ({
    ids: rows === undefined ? "ids" : `ids[:${rows}]`,
    numbers: rows === undefined ? "numbers" : `numbers[:${rows}]`,
  }),
  inJavaScript: (inputs) => JSON.stringify(knownItems(tableOf(inputs)).index.nameOf(0)),
};

function readTable(bytes: Uint8Array): RatingTable | undefined {
  try {
    return parseRatingTable(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Rows of all items in Python, as `codeEntities` and `ratedInputs` make them. */
const pythonItems = [
  "import json",
  "",
  'table = json.load(open("items.json", encoding="utf-8"))',
  'items, base, units = table["items"], table["base"], table["units"]',
  'count, coding = len(items["ids"]), table["codings"]["items"]',
  'users = table["codings"].get("users", {"fields": [], "numbers": []})',
  'slots = sum(field["slots"] for field in coding["fields"] + users["fields"])',
  "ids = np.zeros((count, slots), np.int32)",
  'numbers = np.zeros((count, 2 + len(coding["numbers"]) + len(users["numbers"])), np.float32)',
  'attributes = {each["name"]: each for each in items["attributes"]}',
  "slot, first = 0, 1",
  'for field in coding["fields"]:',
  '    number = {word: first + i for i, word in enumerate(field["words"])}',
  '    of = attributes.get(field["name"])',
  "    for place in range(count):",
  '        if field["kind"] == "id":',
  '            words = [items["ids"][place]]',
  '        elif of["kind"] == "bag":',
  '            words = [of["words"][i] for i in of["of"][of["starts"][place]:of["starts"][place + 1]]]',
  "        else:",
  '            words = [of["words"][of["of"][place]]] if of["of"][place] >= 0 else []',
  '        known = [number[word] for word in words if word in number][:field["slots"]]',
  "        ids[place, slot:slot + len(known)] = known",
  '    slot, first = slot + field["slots"], first + len(field["words"])',
  'sure = np.array(base["counts"], float)',
  'numbers[:, 0] = (base["mean"] + np.array(base["offsets"]) - units["mean"]) / units["deviation"]',
  'if base.get("itemLevels", True):',
  '    numbers[:, 1] = sure / np.maximum(sure + base["shrinkage"]["item"], 1e-9)',
  'for column, each in enumerate(coding["numbers"], 2):',
  '    values = np.array(attributes[each["name"]]["values"], float)',
  '    numbers[:, column] = np.nan_to_num(np.clip((values - each["mean"]) / each["deviation"], -5, 5))',
  "",
] as const;
