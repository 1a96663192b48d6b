/** What Node can read of texts, for an experiment. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  type FoundMarkedTexts,
  type FoundTexts,
  flagOf,
  type LongWork,
  type TextIo,
  type TextReading,
  UsageError,
} from "@innerloop/experiments";
import { isArchiveName } from "./images/image-tree.js";
import { listDatasets, loadMarkedTexts, loadTexts } from "./store/dataset-store.js";
import { markedDigest, readMarkedTexts } from "./texts/marked/marked-files.js";
import { textsDigest } from "./texts/text-digest.js";
import { readTextFolder } from "./texts/text-folder.js";
import { isTextTableName, readTextTable } from "./texts/text-table.js";

/** Tables, folders, marked texts and data sets of this machine. */
export const machineTexts: Pick<TextIo, "texts" | "markedTexts"> = { texts: findTexts, markedTexts: findMarkedTexts };

async function findTexts(source: string, reading: TextReading, work: LongWork): Promise<FoundTexts> {
  const { unlabelled = false, asWritten = false, ownColumns, ...columns } = reading;
  const given = (Object.keys(columns) as (keyof typeof columns)[]).find((name) => columns[name] !== undefined);
  const without = (what: string): void => {
    if (given !== undefined) throw new UsageError(`${flagOf(given)} means nothing for ${what}`, "Leave it out");
  };
  const isPath = /[\\/]/.test(source);
  const isName = !isPath && (await listDatasets()).some(({ name }) => name === source);
  const found = await stat(source).catch(() => undefined);
  // Names of data sets come first: a folder that happens to be called clinc150 is ./clinc150.
  if (isName) {
    without(`the data set ${source}`);
    const texts = await loadTexts(source, work);
    return { texts, sha256: textsDigest(texts), notes: [] };
  }
  if (!found) {
    const names = (await listDatasets()).map(({ name }) => name).join(", ");
    const remedy = `Give a table, a folder with a folder of .txt files for each class, or a data set: ${names}`;
    throw new UsageError(`there is no data set, file or folder ${source}`, remedy);
  }
  const folder = resolve(source);
  const options = { ...work, unlabelled, asWritten, ownColumns, name: nameOf(folder) };
  const isFolder = found.isDirectory() || isArchiveName(source);
  if (isFolder) without("a folder");
  else if (!isTextTableName(source)) {
    const remedy = "Give a table (.csv, .tsv, .jsonl, .ndjson), or a folder with a folder of .txt files for each class";
    throw new UsageError(`${source} is a file of a kind that texts are not read from`, remedy);
  }
  const { texts, notes } = isFolder
    ? await readTextFolder(source, options)
    : await readTextTable(source, { ...options, ...columns });
  return { texts, sha256: textsDigest(texts), folder, notes };
}

/** `intents` of `/data/intents.csv`. */
const nameOf = (path: string): string => {
  const [last = ""] = path.split(/[\\/]/).slice(-1);
  return last.replace(/\.(csv|tsv|jsonl|ndjson|txt|zip)$/i, "");
};

async function findMarkedTexts(source: string, work: LongWork): Promise<FoundMarkedTexts> {
  const known = await listDatasets();
  if (!/[\\/]/.test(source) && known.some(({ name }) => name === source)) {
    const texts = await loadMarkedTexts(source, work);
    return { texts, sha256: markedDigest(texts.texts), notes: [] };
  }
  if (await stat(source).catch(() => undefined)) return readMarkedTexts(source, work);
  throw new UsageError(
    `there is no data set, file or folder ${source}`,
    `Give marked texts, or a data set: ${known.map(({ name }) => name).join(", ")}`,
  );
}
