/** SNIPS and CrossNER: sentences with marked spans, in domains that have types of their own. */
import { join } from "node:path";
import type { MarkedText, MarkedTexts, Span, Split } from "@innerloop/core/tasks";
import { isRecord, type LongWork } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readConll } from "../texts/marked/conll.js";
import { MarkedGathering } from "../texts/marked/marked-gathering.js";
import { jsonOf } from "../texts/marked/offset-json.js";
import { type KnownFile, knownMarkedTexts } from "./known-texts.js";

type Row = readonly [name: string, bytes: number, sha256: string];

const filesOf = (rows: readonly Row[], addressOf: (name: string) => string): readonly KnownFile[] =>
  rows.map(([name, bytes, sha256]) => ({ name, bytes, sha256, url: addressOf(name) }));

const snipsRows: readonly Row[] = [
  ["train_AddToPlaylist.json", 134_007, "553197a443cab26ab826dfdd43bd183faaae097c0f656f2bbd80cc116da28c3f"],
  ["validate_AddToPlaylist.json", 44_160, "14cc9ee49ae477b1452632a6e835498cf4c32da397b16967c82abb3e50403e83"],
  ["train_BookRestaurant.json", 143_437, "b07de5634d4ecba87428bfbbeec6b14359ba727c92ccb3522238aa5fc6a2ba1a"],
  ["validate_BookRestaurant.json", 49_353, "4f7258ccc768b777b2eb8916532db9aa50dbd058ddf1ffb0dc59218963e7442a"],
  ["train_GetWeather.json", 112_275, "2b15bd68a5af583dd65b5e20871b9462b8c7ef458016e8115a428c6f7c2b4b97"],
  ["validate_GetWeather.json", 39_612, "60c095e193655d6ca92be220fed3926ca25e18cd70c85664145efe25d80993af"],
  ["train_PlayMusic.json", 102_014, "7841351e7bf9f3fb87fc41ce291a02636c51d2a9a4c19c11491fa4cba7a40c3f"],
  ["validate_PlayMusic.json", 33_122, "922212775e26259d5bffeaf79b6048d070ca017d229df00b2cc9800f71c75d20"],
  ["train_RateBook.json", 163_826, "ebc159ffdebbd89a2a1f13ab48b5af4d59f4a647ccf2fb3d962fc06e1114e84d"],
  ["validate_RateBook.json", 52_854, "c1f8b4114da0bb5e8afd78a8062766e18b2eabb0e717539598db01b09d04619b"],
  ["train_SearchCreativeWork.json", 96_267, "1997aedffa7227fe572e7616dc8ec836f8f8f2447391069ebb59c6491a946425"],
  ["validate_SearchCreativeWork.json", 31_404, "8a5e830eddb185d3e4a9d27ded140a145d04766bdce0e58834676ede32d13e77"],
  ["train_SearchScreeningEvent.json", 111_327, "7dd079699f1141675a1f4f71c5a4aee7065609198e9470613e566768aae0873d"],
  ["validate_SearchScreeningEvent.json", 35_716, "81e1445713e03c7c3e615353c5f3fee05f369fe9834100b9b9735900a96b9498"],
];

const snipsAt = "https://raw.githubusercontent.com/sonos/nlu-benchmark/b86ac7f/2017-06-custom-intent-engines";

/** `GetWeather` of `train_GetWeather.json`. */
const intentOf = (file: string): string => file.slice(file.indexOf("_") + 1, -".json".length);

/**
 * SNIPS (Coucke et al. 2018): 2,800 requests to an assistant with their slots, seven intents, each a domain. The files of
 * 300 queries an intent, and those for validation.
 */
async function readSnips(folder: string, { signal }: LongWork): Promise<MarkedTexts> {
  const texts: MarkedText[] = [];
  for (const [file] of snipsRows) {
    signal?.throwIfAborted();
    const path = join(folder, file);
    const domain = intentOf(file);
    const part: Split = file.startsWith("train_") ? "train" : "validation";
    const gathering = new MarkedGathering();
    const value = await jsonOf(path);
    const rows = isRecord(value) ? value[domain] : undefined;
    if (!Array.isArray(rows)) throw notSnips(path);
    rows.forEach((row: unknown, i) => {
      const sentence = requestOf(row);
      if (!sentence) throw notSnips(path);
      gathering.add({ ...sentence, domain, part }, `${path}, sentence ${i + 1}`);
    });
    texts.push(...gathering.finish(path).texts);
  }
  return { name: "snips", texts };
}

const notSnips = (path: string): DataError =>
  new DataError("ILD74", path, "it is not in the form of SNIPS", "Fetch it again.");

/** The request that a row is, of parts of which those with an entity are slots. */
export function requestOf(row: unknown): { readonly text: string; readonly spans: readonly Span[] } | undefined {
  const parts = isRecord(row) && Array.isArray(row.data) ? (row.data as unknown[]) : undefined;
  if (!parts) return undefined;
  let text = "";
  const spans: Span[] = [];
  for (const part of parts) {
    if (!isRecord(part) || typeof part.text !== "string") return undefined;
    if (typeof part.entity === "string")
      spans.push({ start: text.length, end: text.length + part.text.length, type: part.entity });
    text += part.text;
  }
  return { text, spans };
}

const crossnerRows: readonly Row[] = [
  ["ai/train.txt", 40_202, "484217a660f52927bd5157507c22fc103b36306364329f62f80fc8acb897b187"],
  ["ai/dev.txt", 114_516, "b47ffda6de5901a454a873feac1bebe782e54ce7edf9deb729cab3d769212eee"],
  ["ai/test.txt", 134_455, "7595ad386e0a98067100fe47f86811b38867a236011fee97cfaa90f778c37bcf"],
  ["literature/train.txt", 36_623, "0647e403a85040742c2f4041cf002146a81aa2e13adda19d0e82a8bcd493c18b"],
  ["literature/dev.txt", 142_501, "99281a51943cf7e3c2a58b3dc45c0e5ab6d329624ebf2ba6b4801c428396162f"],
  ["literature/test.txt", 155_256, "77267f8b3e8afe993865c64cfc605f65671f6a0ac9cba65de970f12180fed20e"],
  ["music/train.txt", 40_997, "3774c38e0ebbeb4b98dbfae137071e4911e8764cdb7f247599009841f68d9fb5"],
  ["music/dev.txt", 164_737, "e256f1949df52a61a3bb60095a0f41c1060843f1014b0f3d22d8371611b72e78"],
  ["music/test.txt", 208_331, "c66e345f959ac65593f76c6b1bd8c6d75f2a6f0bc197389b2e6700d101fd094c"],
  ["politics/train.txt", 97_283, "1d8be31abb58463349496fe21b13d70114cf015294a9ff9cce77af9b83e8aa84"],
  ["politics/dev.txt", 300_968, "4f1f30eb832f4c5fe474f67ca45e875d863bddf0bbe432262d272ef13639fa8f"],
  ["politics/test.txt", 325_917, "05cadc5e129d394f7f92b4a052cf4b6ea4c60878d32a833e500cf046c297455f"],
  ["science/train.txt", 78_701, "8f6a26096cc7be6790b5790bf5f5b5c8928d8b73d4632e7d45dc8bffad0504ac"],
  ["science/dev.txt", 186_031, "87ec141c7b41b3b52ec861737c4030d65c6e53954ed3d8106baca8603bbf8f24"],
  ["science/test.txt", 220_459, "3616d59d4d2b9dbf4c1126f8d8ba47ff97886223c95f93649bfd527343e64ced"],
];

const crossnerAt = "https://raw.githubusercontent.com/zliucr/CrossNER/2e7ba2a/ner_data";

const crossnerParts: Readonly<Record<string, Split>> = {
  "train.txt": "train",
  "dev.txt": "validation",
  "test.txt": "test",
};

/** CrossNER (Liu et al. 2021): 5,327 sentences of Wikipedia in five domains, with the parts of its authors. */
async function readCrossner(folder: string, work: LongWork): Promise<MarkedTexts> {
  const gathering = new MarkedGathering();
  for (const [file] of crossnerRows) {
    const [domain, name] = file.split("/") as [string, string];
    await readConll(join(folder, domain, name), { domain, part: crossnerParts[name]! }, gathering, work);
  }
  return { name: "crossner", texts: gathering.finish(folder).texts };
}

/** SNIPS as one record. */
export const snips = knownMarkedTexts({
  kind: "snips",
  licence: "CC0 1.0",
  source: "Coucke et al. 2018, github.com/sonos/nlu-benchmark",
  form: "its authors' train_INTENT.json and validate_INTENT.json of the seven intents",
  files: filesOf(snipsRows, (name) => `${snipsAt}/${intentOf(name)}/${name}`),
  read: readSnips,
});

/** CrossNER as one record. */
export const crossner = knownMarkedTexts({
  kind: "crossner",
  licence: "MIT",
  source: "Liu et al. 2021, github.com/zliucr/CrossNER",
  form: "its authors' ai, literature, music, politics and science, each with train.txt, dev.txt and test.txt",
  files: filesOf(crossnerRows, (name) => `${crossnerAt}/${name}`),
  read: readCrossner,
});
