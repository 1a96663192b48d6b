import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attributesOf, declaredAttribute } from "./attributes.js";
import { readEntityTable } from "./entity-table.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-attributes-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A table of items with a column of these cells. */
async function columnOf(name: string, cells: readonly string[], declared?: string) {
  const path = join(folder, "items.csv");
  const rows = cells.map((cell, i) => `i${i},"${cell.replaceAll('"', '""')}"`);
  await writeFile(path, [`item,${name}`, ...rows].join("\n"));
  const table = await readEntityTable({ path }, "items", undefined, [], {});
  const wanted = declared === undefined ? undefined : [declaredAttribute(declared, [name])];
  const { attributes, notes } = attributesOf(table, table.columns, wanted, cells.length);
  return { attribute: attributes[0], notes };
}

describe("a column of a table of items", () => {
  it.each<[string, string, readonly string[], string]>([
    ["numbers", "year", ["1999", "2.5e3", "", "n/a", "-"], "number"],
    ["codes with leading zeros", "zip", ["01234", "99999", "01234"], "category"],
    ["codes by their name", "RegionID", ["7", "8", "7"], "category"],
    ["numbers of such a name that are broken", "RegionID", ["7.5", "8", "7"], "number"],
    ["words, of an odd name", "constructor", ["red", "white", "red"], "category"],
    ["words", "colour", ["red", "white", "red", "?"], "category"],
    ["words between bars", "genres", ["a|b", "b", "a", "b|a"], "bag"],
    ["bars that separate no words", "name", ["a|b", "c", "d", "c", "d"], "category"],
    ["lists", "food", ["['x', 'y']", "['x']", "[]", "['y']"], "bag"],
    ["no lists throughout", "food", ["['x']", "x", "['x']", "x"], "category"],
  ])("of %s has its kind", async (_, name, cells, kind) => {
    expect((await columnOf(name, cells)).attribute?.kind).toBe(kind);
  });

  it.each<[string, readonly string[], string]>([
    ["no values", ["", "?", "NA"], "empty"],
    ["one value", ["a", "a", ""], "one value only"],
    ["one word in its bags", ["['a']", "[]", "['a', 'a']"], "one word only"],
    ["addresses", ["http://a.org", "https://b.org", "http://a.org"], "addresses"],
    ["different texts", ["a", "b", "c", ""], "all different"],
    ["nearly different texts", Array.from({ length: 30 }, (_, i) => `t${Math.max(1, i)}`), "29 of 30 are different"],
  ])("of %s is left out, unless it is asked for", async (_, cells, reason) => {
    const { attribute, notes } = await columnOf("x", cells);
    expect(attribute).toBeUndefined();
    expect(notes).toEqual(["attributes of items: none", `left out of items: x (${reason})`]);
    expect((await columnOf("x", cells, "x:category")).attribute).toMatchObject({ kind: "category", name: "x" });
  });

  it("is what it is declared to be", async () => {
    expect((await columnOf("year", ["1999", "2000"], "year:category")).attribute).toMatchObject({
      ...{ kind: "category", words: ["1999", "2000"] },
    });
    expect((await columnOf("g", ["a", "b|c"], "g:bag")).attribute).toMatchObject({
      kind: "bag",
      words: ["a", "b", "c"],
    });
    await expect(columnOf("g", ["1", "many"], "g:number")).rejects.toThrow(
      /items\.csv:3: "many" in column "g" is no number\. Say g:category or g:bag/,
    );
  });
});

it("a column that says the same as another in codes is left out, the names are kept", async () => {
  const path = join(folder, "regions.csv");
  const rows = ["1,11,Bordeaux,x", "2,12,Rioja,x", "3,11,Bordeaux,y", "4,,,y"];
  await writeFile(path, ["item,RegionID,Region,Group", ...rows].join("\n"));
  const table = await readEntityTable({ path }, "items", undefined, [], {});
  const { attributes, notes } = attributesOf(table, table.columns, undefined, 4);
  expect(attributes.map(({ name }) => name)).toEqual(["Region", "Group"]);
  expect(notes[1]).toBe("left out of items: RegionID (it says the same as Region)");
});

it("a declaration has a kind behind its last colon, unless a column is called so", () => {
  expect(declaredAttribute("genres:bag", ["genres"])).toEqual({ name: "genres", kind: "bag" });
  expect(declaredAttribute("genres:bag", ["genres:bag"])).toEqual({ name: "genres:bag" });
  expect(declaredAttribute("a:b", ["a"])).toEqual({ name: "a:b" });
  expect(declaredAttribute("year", ["year"])).toEqual({ name: "year" });
});
