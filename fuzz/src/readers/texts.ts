/** Texts of classes: tables, files of lines, folders, and what the store keeps of them. */
import type { LabelledTexts } from "@innerloop/core/tasks";
import { readStoredFile } from "../../../packages/node/dist/data/store/dataset-file.js";
import { loadTexts } from "../../../packages/node/dist/data/store/dataset-store.js";
import { readTextFolder } from "../../../packages/node/dist/data/texts/text-folder.js";
import { readTextTable } from "../../../packages/node/dist/data/texts/text-table.js";
import { datasetFrame, headerMutation, sealMutation } from "../formats/framed-json.js";
import { joined, jsonLineMutation, textMutations } from "../mutations.js";
import { type Reader, WrongResult } from "../reader.js";
import { requireCode } from "./checked.js";

const text = (...lines: readonly string[]): Uint8Array => new TextEncoder().encode(lines.join("\n"));

/** @throws WrongResult for texts that are empty or not as they are to be, and for classes that are not there */
function checkTexts({ texts, classes, domains, parts, folds }: LabelledTexts): void {
  const bad = texts.find((each) => each === "" || /\p{Surrogate}|\0/u.test(each));
  if (bad !== undefined) throw new WrongResult("a text that is empty or no text");
  for (const [what, named] of Object.entries({ classes, domains })) {
    if (!named) continue;
    if (new Set(named.names).size !== named.names.length) throw new WrongResult(`two ${what} have the same name`);
    if (named.of.length !== texts.length) throw new WrongResult(`${named.of.length} ${what} of ${texts.length} texts`);
    if (named.of.some((place) => place < -1 || place >= named.names.length))
      throw new WrongResult(`a text is of ${what} that are not there`);
  }
  const isPart = (part: unknown): boolean => part === "train" || part === "validation" || part === "test";
  if (parts && (parts.length !== texts.length || !parts.every(isPart))) throw new WrongResult("parts of no texts");
  for (const fold of Object.values(folds ?? {}))
    if (!Object.values(fold).every(isPart)) throw new WrongResult("a class of an unknown part");
}

/** @throws WrongResult for texts that readers bring into one form and have not */
function checkRead(texts: LabelledTexts): void {
  checkTexts(texts);
  if (texts.texts.some((each) => each !== each.normalize("NFC").trim()))
    throw new WrongResult("a text that is not in NFC, or not trimmed");
}

const columns = { splitColumn: "split", domainColumn: "from" };
const words = [
  "text",
  "label",
  "split",
  "from",
  "train",
  "val",
  "test",
  '"',
  "\u0301",
  "\ufeff",
  "\u0000",
  "\ud800",
  "\t",
];

const marks = (count: number): string => `e${"\u0301\u0316".repeat(count / 2)}`;

const tableReader: Reader = {
  name: "table of texts",
  reads: "texts and their labels in columns",
  sources: [
    "node/src/data/texts/text-table.ts",
    "node/src/data/texts/text-rows.ts",
    "node/src/data/formats/csv.ts",
    "node/src/data/formats/text-file.ts",
  ],
  weight: 2,
  seeds: () => [
    text("text,label,split,from", "a b,x,train,p", '"c, ""d""",y,test,q', "e,x,dev,p", ""),
    text("\ufefftext;label;split;from", "cafe\u0301;1;train;p", " x ;y;train;p", "z;1;test;q"),
  ],
  // To normalise marks that stand on one letter takes time that grows with the square of their number.
  hostile: () => [text("text,label,split,from", `${marks(1_000_000)},x,train,p`, "b,y,test,q")],
  mutations: textMutations,
  words,
  run: async (input, place) => checkRead((await readTextTable(place.put("t.csv", input), columns)).texts),
};

const recordReader: Reader = {
  name: "JSON lines of texts",
  reads: "texts and their labels, an object a line",
  sources: ["node/src/data/texts/text-table.ts", "node/src/data/formats/text-lines.ts"],
  weight: 2,
  seeds: () => [
    text('{"text":"a b","label":"x"}', '{"label":2,"text":"c"}', "", '{"text":"d","label":"x","more":[1]}'),
  ],
  hostile: () => [text("[".repeat(500_000)), text('{"text":"a","label":"x"}'.repeat(2))],
  mutations: [jsonLineMutation, jsonLineMutation, ...textMutations],
  words: [...words, "__proto__", "\\ud800", "\\u0000"],
  run: async (input, place) => checkRead((await readTextTable(place.put("t.jsonl", input), {})).texts),
};

const linesReader: Reader = {
  name: "texts that are asked about",
  reads: "a text a line, or JSON lines of strings",
  sources: ["node/src/data/texts/text-table.ts", "node/src/data/formats/text-lines.ts"],
  seeds: () => [text("one", "", "two\r", "three"), text('"one"', '"two"')],
  mutations: textMutations,
  words,
  async run(input, place) {
    await readTextTable(place.put("t.jsonl", input), { unlabelled: true })
      .then(({ texts }) => checkRead(texts))
      .catch(requireCode);
    checkRead((await readTextTable(place.put("t.txt", input), { unlabelled: true })).texts);
  },
};

const folderReader: Reader = {
  name: "folder of texts",
  reads: "a folder of .txt files for each class, or a file of lines for each",
  sources: [
    "node/src/data/texts/text-folder.ts",
    "node/src/data/texts/text-rows.ts",
    "node/src/data/formats/text-file.ts",
    "node/src/data/images/image-tree.ts",
  ],
  seeds: () => [text("one", "two", ""), text("\ufeffone\r", "cafe\u0301")],
  mutations: textMutations,
  words,
  async run(input, place) {
    await place.once("texts", () => {
      place.put("folders/b/1.txt", "other");
      place.put("folders/b/2.txt", "another");
      place.put("lines/b.txt", "other\nanother");
    });
    place.put("folders/a/1.txt", input);
    place.put("lines/a.txt", input);
    await readTextFolder(place.path("folders"))
      .then(({ texts }) => checkRead(texts))
      .catch(requireCode);
    checkRead((await readTextFolder(place.path("lines"))).texts);
  },
};

function storedFile(): Uint8Array {
  const encoder = new TextEncoder();
  const texts = ["good", "bäd", "so so"].map((each) => encoder.encode(each));
  const header = encoder.encode(
    JSON.stringify({
      kind: "texts",
      name: "texts",
      texts: 3,
      textBytes: 13,
      classes: ["a", "b"],
      ofNone: 1,
      domains: ["p", "q"],
      twins: [["p", "q"]],
      parts: { train: 1, validation: 1, test: 1 },
      folds: [{ name: "01", parts: ["train", null] }],
      source: { kind: "texts", notes: ["x"] },
    }),
  );
  const padded = new Uint8Array(Math.ceil(header.length / 8) * 8).fill(0x20);
  padded.set(header);
  const numbers = Int32Array.from([4, 4, 5, 0, 1, -1, 0, 1, 0]);
  const preamble = joined(encoder.encode("ILDATA\0\0"), new Uint8Array(40));
  const file = joined(preamble, padded, new Uint8Array(numbers.buffer), Uint8Array.of(0, 1, 2), ...texts);
  const view = new DataView(file.buffer);
  view.setUint32(8, 2, true);
  view.setUint32(12, padded.length, true);
  datasetFrame.seal!(file);
  return file;
}

const storedReader: Reader = {
  name: "stored texts",
  reads: "texts of the store",
  sources: [
    "node/src/data/store/stored-texts.ts",
    "node/src/data/store/dataset-file.ts",
    "node/src/data/store/dataset-store.ts",
  ],
  weight: 2,
  seeds: () => [storedFile()],
  mutations: [headerMutation(datasetFrame), sealMutation(datasetFrame), sealMutation(datasetFrame)],
  words: [
    "texts",
    "textBytes",
    "classes",
    "ofNone",
    "domains",
    "twins",
    "parts",
    "folds",
    "train",
    "kind",
    "__proto__",
  ],
  async run(input, place) {
    const { contents } = await readStoredFile(place.put("data/texts.examples", input));
    if ("texts" in contents) checkTexts(contents.texts);
    checkTexts(await loadTexts("texts", { folder: place.path("data") }));
  },
};

export const textReaders: readonly Reader[] = [tableReader, recordReader, linesReader, folderReader, storedReader];
