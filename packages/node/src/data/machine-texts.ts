/** What Node can read of texts, for an experiment. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { type FoundTexts, type LongWork, type TextIo, type TextReading, UsageError } from "@innerloop/experiments";
import { readGlosses } from "./sets/glosses.js";
import { readMarkedTexts } from "./texts/marked/marked-files.js";
import { textsDigest } from "./texts/text-digest.js";
import { isTextTableName, readTextTable } from "./texts/text-table.js";

/** Tables, folders, marked texts and data sets of this machine. */
export const machineTexts: Pick<TextIo, "texts" | "markedTexts"> = { texts: findTexts, markedTexts: readMarkedTexts };

async function findTexts(source: string, reading: TextReading, work: LongWork): Promise<FoundTexts> {
  if (source === "glosses") {
    const texts = await readGlosses();
    return { texts, sha256: textsDigest(texts), notes: [] };
  }
  const found = await stat(source).catch(() => undefined);
  if (!found) throw new UsageError(`there is no file or folder ${source}`, "Check the path");
  if (!isTextTableName(source))
    throw new UsageError(
      `${source} is a file of a kind that texts are not read from`,
      "Give a table (.csv, .tsv, .jsonl)",
    );
  const folder = resolve(source);
  const { texts, notes } = await readTextTable(source, { ...work, ...reading, name: nameOf(folder) });
  return { texts, sha256: textsDigest(texts), folder, notes };
}

/** `intents` of `/data/intents.csv`. */
const nameOf = (path: string): string => {
  const [last = ""] = path.split(/[\\/]/).slice(-1);
  return last.replace(/\.(csv|tsv|jsonl|ndjson|txt|zip)$/i, "");
};
