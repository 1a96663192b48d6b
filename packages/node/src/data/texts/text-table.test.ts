import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TextReading } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readingLimits } from "../reading-limits.js";
import { readTextTable } from "./text-table.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-text-table-"));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
async function read(contents: string | Uint8Array, reading: TextReading = {}, ending = "csv") {
  const path = join(folder, `${++files}.${ending}`);
  await writeFile(path, contents);
  return readTextTable(path, reading);
}

const named = ({ names, of }: { names: readonly string[]; of: Int32Array }) =>
  Array.from(of, (place) => names[place] ?? "none");

const numbered = (count: number, label: (row: number) => string | number): string =>
  ["text,label", ...Array.from({ length: count }, (_, i) => `text ${i},${label(i)}`)].join("\n");

const rows = "text,label\nhello,a\nyes,b\nno,b\n";

describe("tables of texts", () => {
  it.each([
    ["CSV", rows, "csv"],
    ["a byte order mark and CRLF", `\ufeff${rows.replaceAll("\n", "\r\n")}`, "csv"],
    ["semicolons", rows.replaceAll(",", ";"), "csv"],
    ["TSV", rows.replaceAll(",", "\t"), "tsv"],
    ["UTF-16 by its mark", Buffer.from(`\ufeff${rows}`, "utf16le"), "csv"],
    ["JSON lines", '{"label":"a","text":"hello"}\n\n{"text":"yes","label":"b"}\r\n{"text":"no","label":"b"}', "jsonl"],
  ])("are read from %s", async (_, contents, ending) => {
    const { texts } = await read(contents, {}, ending);
    expect(texts.texts).toEqual(["hello", "yes", "no"]);
    expect(named(texts.classes)).toEqual(["a", "b", "b"]);
    expect(texts).not.toHaveProperty("parts");
    expect(texts).not.toHaveProperty("domains");
  });

  it("come in NFC, trimmed, with line breaks within as they are", async () => {
    const { texts } = await read('text,label\n"  cafe\u0301\nau lait ",a\nx,"b "\ny,b\n');
    expect(texts.texts).toEqual(["caf\u00e9\nau lait", "x", "y"]);
    expect(texts.classes.names).toEqual(["a", "b"]);
  });

  it("take labels of JSON that are numbers or truth values as names", async () => {
    const { texts } = await read(
      '{"text":"x","label":1}\n{"text":"y","label":true}\n{"text":"z","label":1}',
      {},
      "jsonl",
    );
    expect(texts.classes.names).toEqual(["1", "true"]);
  });

  it("have domains and parts of rows where their columns are named", async () => {
    const table = "text,label,split,from\na b,x,train,p\nc d,y,dev,q\ne f,x,test,q\ng,y,Train,p\n";
    const { texts } = await read(table, { splitColumn: "split", domainColumn: "from" });
    expect(texts.parts).toEqual(["train", "validation", "test", "train"]);
    expect(named(texts.domains!)).toEqual(["p", "q", "q", "p"]);
    expect(texts).not.toHaveProperty("folds");
    expect((await read(table)).notes.join()).toContain("--split-column split uses it");
  });

  it("have a split of the classes where each class is of one part", async () => {
    const table = "text,label,split\na,x,train\nb,y,test\nc,x,train\nd,z,val\n";
    const { texts } = await read(table, { splitColumn: "split" });
    expect(texts.folds).toEqual({ given: { x: "train", y: "test", z: "validation" } });
    expect(texts).not.toHaveProperty("parts");
  });

  it("take columns by their usual names, and say which", async () => {
    const { texts, notes } = await read("id,utterance,intent\n1,hi,greet\n2,bye,leave\n3,hello,greet\n");
    expect(texts.texts).toEqual(["hi", "bye", "hello"]);
    expect(notes).toContain('texts are those of column "utterance", classes those of column "intent"');
    expect((await read("text,label\nhi,greet\nbye,leave\n")).notes).toEqual([]);
    // Those of the table that a run was trained on, where they are there; and none is missed where they are not.
    const ownColumns = { text: "request", label: "about", domain: "shop" };
    const { texts: own } = await read("text,request,about,label\nno,hi,greet,a\nno,bye,leave,b\n", { ownColumns });
    expect([own.texts, own.classes.names, own.domains]).toEqual([["hi", "bye"], ["greet", "leave"], undefined]);
    expect((await read("text,label,shop\nhi,greet,x\nbye,leave,y\n", { ownColumns })).texts.domains!.names).toEqual([
      "x",
      "y",
    ]);
    // "text" before others that hold texts too.
    expect((await read("review,Text,label\nr,t,a\nr,u,b\nr,v,b\n")).texts.texts).toEqual(["t", "u", "v"]);
  });

  it.each<[string, string, TextReading, RegExp]>([
    [
      "no usual names",
      "a,b\n1,2\n",
      {},
      /holds the texts \(--text-column\) and which the labels \(--label-column\)\. .*it has a, b\./,
    ],
    [
      "two usual names",
      "review,title,headline,label\nx,y,z,a\n",
      {},
      /holds the texts .*review, title, headline, label/,
    ],
    ["a name that is not there", rows, { labelColumn: "intent" }, /no column "intent"\. It has text, label/],
    [
      "a name that is nearly there",
      rows,
      { labelColumn: "lable" },
      /no column "lable"\. It has .*\. Did you mean label\?/,
    ],
    ["a column for two things", rows, { textColumn: "text", labelColumn: "text" }, /"text" is named for two things/],
    ["no header", "hello there,greet\nbye,leave\n", {}, /it has hello there, greet/],
  ])("are refused with %s", async (_, table, reading, message) => {
    await expect(read(table, reading)).rejects.toThrow(message);
    await expect(read(table, reading)).rejects.toThrow(/^ILD71 /);
  });

  it("tell all rows that are wrong, each with its line", async () => {
    const table = 'text,label\nfine,a\n,a\n"x\ny",\n  ,b\ngood,b\n';
    await expect(read(table)).rejects.toThrow(
      /^ILD71 .*there are 3 problems\. Write a text .*Give every text a label[\s\S]*csv:3: the text is empty\n[\s\S]*csv:4: there is no label\n[\s\S]*csv:6: the text is empty/,
    );
    await expect(read('{"text":5,"label":"a"}\n{"text":"x"}\n{"text":"y","label":[1]}', {}, "jsonl")).rejects.toThrow(
      /:1: the text is 5, which is none\n[\s\S]*:2: there is no label\n[\s\S]*:3: the label is \[1\], which is no name/,
    );
    await expect(read("text,label,split\na,x,train\nb,y,dunno\n", { splitColumn: "split" })).rejects.toThrow(
      /:3: the part of the split is "dunno"\. Write train, validation or test\./,
    );
  });

  it.each<[string, string | Uint8Array, RegExp]>([
    ["one class", "text,label\na,x\nb,x\n", /^ILD06 .*all 2 texts are of one class, "x"/],
    ["no rows", "text,label\n", /^ILD06 .*there are no texts/],
    ["an empty file", "", /^ILD71 .*the file is empty/],
    [
      "a number for each row",
      numbered(120, (i) => (i < 100 ? i : 7)),
      /^ILD71 .*100 different numbers in 120 rows.*right column/,
    ],
    [
      "a label for each row",
      numbered(101, (i) => `id-${i}`),
      /^ILD71 .*each label is another in 101 rows.*right column of labels/,
    ],
    [
      "Latin-1 in one line",
      Buffer.from("text,label\nok,a\ncaf\xe9,b\n", "latin1"),
      /^ILD71 .*csv:3: the text is not UTF-8/,
    ],
    ["half a character", '{"text":"\\ud800","label":"a"}\n'.repeat(2), /^ILD71/],
    ["a giant field", `text,label\n${"x".repeat(readingLimits.fieldLength + 1)},a\n`, /^ILD71 .*a field is longer/],
    [
      "a label without an end",
      `text,label\nx,${"y".repeat(600)}\nz,b\n`,
      /^ILD71 .*:2: the label has more than 512 characters/,
    ],
    // To normalise these takes time that grows with the square of their number.
    [
      "marks on marks",
      `text,label\ne${"\u0301\u0316".repeat(200_000)},a\nx,b\n`,
      /^ILD71 .*:2: .*more than 100 combining marks/,
    ],
  ])("are refused with %s", async (_, table, message) => {
    await expect(read(table)).rejects.toThrow(message);
  });

  it("refuse letters that are none in JSON", async () => {
    const bad = '{"text":"a \\ud800 b","label":"a"}\n{"text":"x\\u0000y","label":"a"}';
    await expect(read(bad, {}, "jsonl")).rejects.toThrow(/:1: .*half of a character[\s\S]*:2: the text holds a NUL/);
  });

  it("tell of texts that stand there twice, and of names that are alike", async () => {
    const { notes } = await read("text,label\nhi,a\nhi,a\nhi,b\nyo,B\nno,b\nza,1\n");
    const all = notes.join("\n");
    expect(all).toContain("1 text of 6 is as an earlier one of the same class (line 3 as line 2)");
    expect(all).toContain('1 text also stands in another class (line 4, "b", as line 2, "a")');
    expect(all).toContain('the classes "b" and "B" differ in upper case');
    expect(all).toContain("2 classes have one text only");
  });

  it("may be one for each class, as those that a model adapts to", async () => {
    const { texts, notes } = await read(numbered(5, (i) => i));
    expect(texts.classes.names).toHaveLength(5);
    expect(notes.join()).not.toContain("one text only");
  });

  it("need neither labels nor a second column where texts are asked about", async () => {
    const unlabelled = { unlabelled: true };
    const none = async (contents: string, ending: string) => {
      const { texts, notes } = await read(contents, unlabelled, ending);
      expect(texts.classes).toEqual({ names: [], of: new Int32Array(texts.texts.length).fill(-1) });
      return { texts: texts.texts, notes };
    };
    expect((await none("one\r\n\r\n two \nthree", "txt")).texts).toEqual(["one", "two", "three"]);
    expect((await none('"one"\n"two"\n', "jsonl")).texts).toEqual(["one", "two"]);
    expect((await none('{"text":"one"}\n{"text":"two","x":1}\n', "jsonl")).texts).toEqual(["one", "two"]);
    expect((await none(rows, "csv")).texts).toEqual(["hello", "yes", "no"]);
    const only = await none("first, with a comma\nsecond, too\n", "tsv");
    expect(only.texts).toEqual(["second, too"]);
    expect(only.notes.join()).toContain('the first line, "first, with a comma", is taken for the name of the column');
    await expect(read("one\ntwo\n", {}, "txt")).rejects.toThrow(
      /^ILD71 .*says of no text which class it is of\. Give a table/,
    );
  });

  it("keep names such as __proto__ as names", async () => {
    const { texts } = await read("text,label,split\na,__proto__,train\nb,constructor,test\nc,constructor,test\n", {
      splitColumn: "split",
    });
    expect(texts.classes.names).toEqual(["__proto__", "constructor"]);
    expect(Object.entries(texts.folds!.given!)).toEqual([
      ["__proto__", "train"],
      ["constructor", "test"],
    ]);
  });
});
