/** Marked texts: tokens with tags, offsets in JSON, marks in place. */
import type { MarkedText } from "@innerloop/core/tasks";
import { loadMarkedTexts } from "../../../packages/node/dist/data/store/dataset-store.js";
import { readMarkedTexts } from "../../../packages/node/dist/data/texts/marked/marked-files.js";
import { datasetFrame, headerMutation, sealMutation } from "../formats/framed-json.js";
import { joined, jsonLineMutation, textMutations } from "../mutations.js";
import { type Place, type Reader, WrongResult } from "../reader.js";

const text = (...lines: readonly string[]): Uint8Array => new TextEncoder().encode(lines.join("\n"));

/** @throws WrongResult where spans or words are not in their text, one behind another */
function checkMarked(texts: readonly MarkedText[]): void {
  for (const { text: whole, spans, words = [] } of texts) {
    let end = 0;
    for (const span of spans) {
      if (span.start < end || span.end <= span.start || span.end > whole.length || span.type === "")
        throw new WrongResult(`a span ${span.start} to ${span.end} of a text of ${whole.length}`);
      end = span.end;
    }
    let last = 0;
    for (const [from, to] of words) {
      if (from < last || to <= from || to > whole.length)
        throw new WrongResult(`a word ${from} to ${to} of a text of ${whole.length}`);
      last = to;
    }
  }
}

const reading =
  (name: string): Reader["run"] =>
  async (input, place: Place) =>
    checkMarked((await readMarkedTexts(place.put(name, input), {})).texts.texts);

const sources = [
  "node/src/data/texts/marked/marked-files.ts",
  "node/src/data/formats/text-lines.ts",
  "node/src/data/formats/text-file.ts",
];

const conllReader: Reader = {
  name: "CoNLL",
  reads: "tokens with tags",
  sources: ["node/src/data/texts/marked/conll.ts", ...sources],
  seeds: () => [
    text("To\tO", "New\tB-city", "York\tI-city", "", "Oslo\tS-city", ""),
    text("-DOCSTART- -X- O", "", "# id 7", "EU NNP B-ORG", "rejects VBZ O", "calls VB I-ORG", "now RB E-ORG"),
  ],
  hostile: () => [text("a\tB-x\n".repeat(50_000)), text(`${"\t".repeat(200_000)}B-x`)],
  mutations: textMutations,
  words: ["B-", "I-", "E-", "S-", "L-", "U-", "O", "\t", "\n\n", "-DOCSTART-", "# ", "\r\n", "\ufeff", "B-__proto__"],
  run: reading("x.conll"),
};

const inlineReader: Reader = {
  name: "marks in place",
  reads: "sentences with text and type in brackets",
  sources: ["node/src/data/texts/marked/inline-marks.ts", ...sources],
  seeds: () => [text("A flight to [New York](city) and [Oslo](city)", "\\[a\\](b) [x\\]](t)", "none [sic]")],
  hostile: () => [
    text(`${"[".repeat(300_000)}a](b)`),
    text("[a](b)".repeat(60_000)),
    text(`[a]${"(".repeat(300_000)}`),
  ],
  mutations: textMutations,
  words: ["[", "]", "](", ")", "\\", "\\]", "[a](b)", "\r\n", "👋", "\u0308"],
  run: reading("x.txt"),
};

const offsetSeeds = (): Uint8Array[] => [
  text(
    '{"text":"To Berlin","spans":[{"start":3,"end":9,"type":"city"}],"domain":"a","part":"dev"}',
    '{"text":"To Berlin 👋","label":[[3,9,"city"]]}',
    '["To Berlin",{"entities":[[3,9,"city"]]}]',
  ),
];
const offsetWords = [
  "text",
  "spans",
  "entities",
  "label",
  "start",
  "end",
  "type",
  "-1",
  "1e9",
  "0.5",
  "null",
  "\\ud800",
];

const markedLinesReader: Reader = {
  name: "JSON lines with offsets",
  reads: "sentences with spans, one a line",
  sources: ["node/src/data/texts/marked/offset-json.ts", "node/src/data/texts/marked/offset-units.ts", ...sources],
  seeds: offsetSeeds,
  hostile: () => [
    text(`{"text":"${"é".repeat(90_000)}","spans":[${'[0,1,"a"],'.repeat(90_000)}[1,2,"b"]]}`),
    text(`{"text":"x","spans":${"[".repeat(5000)}${"]".repeat(5000)}}`),
  ],
  mutations: [jsonLineMutation, jsonLineMutation, ...textMutations],
  words: offsetWords,
  run: reading("x.jsonl"),
};

const markedJsonReader: Reader = {
  name: "JSON with offsets",
  reads: "a list of sentences with spans",
  sources: ["node/src/data/texts/marked/offset-json.ts"],
  seeds: () => [
    text('{"data":[{"text":"To Berlin","spans":[[3,9,"city"]]}]}'),
    text('[["To Berlin",{"entities":[[3,9,"city"]]}]]'),
  ],
  mutations: [jsonLineMutation, ...textMutations],
  words: offsetWords,
  run: reading("x.json"),
};

/** A valid file of stored marked texts. */
function storedFile(): Uint8Array {
  const data = text('["To Rome",[[3,7,0]],0,2,[0,2,3,7]]', '["none",[],-1,-1]', "");
  const header = text(
    JSON.stringify({
      kind: "marked",
      name: "marked",
      ...{ texts: 2, spans: 1, bytes: data.length, types: ["city"], domains: ["travel"] },
      source: { kind: "marked-texts" },
    }),
  );
  const padded = new Uint8Array(Math.ceil(header.length / 8) * 8).fill(0x20);
  padded.set(header);
  const file = joined(text("ILDATA\0\0"), new Uint8Array(40), padded, data);
  const view = new DataView(file.buffer);
  view.setUint32(8, 2, true);
  view.setUint32(12, padded.length, true);
  datasetFrame.seal!(file);
  return file;
}

const storedReader: Reader = {
  name: "stored marked texts",
  reads: "marked texts of the store",
  sources: ["node/src/data/store/stored-marked-texts.ts", "node/src/data/store/dataset-file.ts"],
  seeds: () => [storedFile()],
  mutations: [headerMutation(datasetFrame), sealMutation(datasetFrame), sealMutation(datasetFrame)],
  words: ["texts", "spans", "bytes", "types", "domains", "[[3,7,0]]", "-1", "1e9", "null", "__proto__"],
  async run(input, place) {
    place.put("data/marked.examples", input);
    checkMarked((await loadMarkedTexts("marked", { folder: place.path("data") })).texts);
  },
};

export const markedReaders: readonly Reader[] = [
  conllReader,
  inlineReader,
  markedLinesReader,
  markedJsonReader,
  storedReader,
];
