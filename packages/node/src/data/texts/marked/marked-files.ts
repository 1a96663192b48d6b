/** Files and folders of marked sentences. */
import { createHash } from "node:crypto";
import { opendir, stat } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import type { MarkedText } from "@innerloop/core/tasks";
import type { FoundMarkedTexts, LongWork } from "@innerloop/experiments";
import { quoted } from "@innerloop/experiments";
import { DataError, onFile } from "../../data-error.js";
import { encodingBy } from "../../formats/text-file.js";
import { partNamed } from "../../parts-of-splits.js";
import { readingLimits } from "../../reading-limits.js";
import { withRegularFile } from "../../regular-file.js";
import { isTableName } from "../../tables/table-file.js";
import { columnsOf, readConll, tagIn } from "./conll.js";
import { readInlineMarks } from "./inline-marks.js";
import { howToMark, MarkedGathering, type MarkedPlace } from "./marked-gathering.js";
import { readMarkedJson, readMarkedLines } from "./offset-json.js";

type MarkedReader = typeof readConll;

/** Readers by the ends of files' names; plain text is tokens with tags, or sentences with marks: its lines tell. */
const readers: Readonly<Record<string, MarkedReader>> = {
  ".jsonl": readMarkedLines,
  ".ndjson": readMarkedLines,
  ".json": readMarkedJson,
  ".conll": readConll,
  ".bio": readConll,
  ".iob": readConll,
  ".iob2": readConll,
  ".tsv": readConll,
  ".txt": async (path, ...more) => ((await isConll(path)) ? readConll : readInlineMarks)(path, ...more),
};

const readerOf = (path: string): MarkedReader | undefined => {
  const end = extname(path).toLowerCase();
  return Object.hasOwn(readers, end) ? readers[end] : undefined;
};

/** Whether a file of this name can hold marked texts and no table. */
export const isMarkedName = (path: string): boolean => readerOf(path) !== undefined && !isTableName(path);

/**
 * Reads marked sentences from a file, or from a folder of files.
 *
 * A file is CoNLL (.conll, .bio, .iob, .tsv, .txt), JSON or JSON lines with offsets, or .txt with marks in place. In a
 * folder, files named train, dev or test are the parts of one set; others are a domain each, by their names; and so is each
 * folder within it, with its own files, which may be parts. Types belong to the domain that they are marked in.
 *
 * @throws DataError ILD71 with all that is wrong, and where; ILD03 for what cannot be read
 */
export async function readMarkedTexts(path: string, work: LongWork): Promise<FoundMarkedTexts> {
  const gathering = new MarkedGathering();
  const isFolder = (await onFile(path, () => stat(path))).isDirectory();
  if (isFolder) {
    const files = await filesIn(path, gathering);
    for (const { file, place } of files) await readerOf(file)!(file, place, gathering, work);
  } else {
    const read = readerOf(path);
    if (!read)
      throw new DataError("ILD71", path, `files of marked texts do not end in ${quoted(extname(path))}`, howToMark);
    await read(path, {}, gathering, work);
  }
  const { texts, notes } = gathering.finish(path);
  const name = isFolder ? basename(resolve(path)) : stem(path);
  return { texts: { name, texts }, sha256: markedDigest(texts), folder: resolve(path), notes };
}

/** SHA-256 of sentences: of their texts, spans, words, domains and parts. */
export function markedDigest(texts: readonly MarkedText[]): string {
  const hash = createHash("sha256");
  for (const { text, spans, words, domain, part } of texts)
    hash.update(JSON.stringify([text, spans.map(({ start, end, type }) => [start, end, type]), words, domain, part]));
  return hash.digest("hex");
}

const stem = (path: string): string => basename(path, extname(path));

interface MarkedFile {
  readonly file: string;
  readonly place: MarkedPlace;
}

async function filesIn(folder: string, gathering: MarkedGathering): Promise<readonly MarkedFile[]> {
  const { files, folders } = await entriesOf(folder, gathering);
  const own = placesOf(files);
  const parts = own.filter(({ place }) => place.part !== undefined);
  if (parts.length > 0 && (parts.length < own.length || folders.length > 0)) {
    const [other] = own.filter(({ place }) => place.part === undefined).map(({ file }) => file);
    throw new DataError(
      "ILD71",
      folder,
      `${basename(parts[0]!.file)} is a part of one set, and ${basename(other ?? folders[0]!)} beside it is a domain`,
      "Put the files of each domain into a folder of its name.",
    );
  }
  const within: MarkedFile[] = [];
  for (const each of folders) {
    const inner = await entriesOf(each, gathering);
    const domain = basename(each);
    if (inner.folders.length > 0)
      throw new DataError(
        "ILD71",
        inner.folders[0]!,
        "a folder within that of a domain",
        "Put files there, as train.txt.",
      );
    within.push(
      ...inner.files.map((file) => {
        const part = partNamed(stem(file));
        return { file, place: { domain, ...(part ? { part } : {}) } };
      }),
    );
  }
  const all = [...own, ...within];
  if (all.length === 0) throw new DataError("ILD71", folder, "it holds no file of marked texts", howToMark);
  return all;
}

const placesOf = (files: readonly string[]): readonly MarkedFile[] =>
  files.map((file) => {
    const part = partNamed(stem(file));
    return { file, place: part ? { part } : { domain: stem(file) } };
  });

/** Files that are read, and folders, each by name; those that are not read are told. */
async function entriesOf(folder: string, gathering: MarkedGathering) {
  const files: string[] = [];
  const folders: string[] = [];
  const leftOut: string[] = [];
  let found = 0;
  await onFile(folder, async () => {
    for await (const entry of await opendir(folder)) {
      if (++found > readingLimits.markedFiles)
        throw new DataError(
          "ILD71",
          folder,
          `it holds more than ${readingLimits.markedFiles} files`,
          "Is it the right folder?",
        );
      if (entry.name.startsWith(".")) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile() && readerOf(entry.name)) files.push(path);
      else leftOut.push(entry.name);
    }
  });
  if (leftOut.length > 0) {
    const names = leftOut
      .sort()
      .slice(0, 5)
      .map((name) => quoted(name))
      .join(", ");
    gathering.tell(
      `${folder}: ${names}${leftOut.length > 5 ? ` and ${leftOut.length - 5} more` : ""} left out: no files of marked texts`,
    );
  }
  return { files: files.sort(), folders: folders.sort() };
}

const headBytes = 2 ** 16;

/** Whether most of the first lines of a file end in a tag behind a token. */
async function isConll(path: string): Promise<boolean> {
  const options = { most: readingLimits.textFileBytes, links: "followed" } as const;
  const head = await withRegularFile(path, options, async (handle, size) => {
    const bytes = new Uint8Array(Math.min(size, headBytes));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    // What is not of the encoding is refused where the file is read.
    return new TextDecoder(encodingBy(bytes)).decode(bytes.subarray(0, bytesRead));
  });
  const lines = head.split("\n").filter((line) => line.trim() !== "");
  const whole = lines.slice(0, Math.max(1, Math.min(50, lines.length - 1)));
  const tagged = whole.filter((line) => {
    const columns = columnsOf(line);
    return columns[0] === "-DOCSTART-" || (columns.length >= 2 && tagIn(columns.at(-1)!) !== undefined);
  });
  return 2 * tagged.length > whole.length;
}
