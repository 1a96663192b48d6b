/** Known sets whose files lie in a folder, each with its checksum: of texts, of marked texts, of ratings. */
import { createHash } from "node:crypto";
import { basename, join, resolve } from "node:path";
import type { LabelledTexts, MarkedTexts, Split } from "@innerloop/core/tasks";
import type { LongWork } from "@innerloop/experiments";
import { DataError, isSystemError } from "../data-error.js";
import { withZipArchive } from "../formats/zip-archive.js";
import type { GatheredRatings } from "../ratings/rating-tables.js";
import { readRegularFile } from "../regular-file.js";
import { writeAtomically, writeFully } from "../store/atomic-write.js";
import { downloadFile } from "../store/download.js";
import type { AnyContents, KindName } from "../store/stored-kinds.js";
import type { KnownFiles, KnownSet } from "./known-set.js";

/** A file as it must be. */
export interface KnownFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Where its authors offer it. */
  readonly url?: string;
}

/** A folder of the files of a set. */
export interface TextsFolder<Kind extends string> {
  readonly kind: Kind;
  readonly folder: string;
}

/** What is known of the files of a set, beside how they are read. */
interface KnownFolder<Kind extends string> {
  readonly kind: Kind;
  readonly licence: string;
  /** Who made it, and where it is from. */
  readonly source: string;
  readonly files: readonly KnownFile[];
  /** Where its authors offer all of them in one zip archive. */
  readonly archive?: { readonly url: string; readonly sha256: string; readonly maximumBytes: number };
  /** The files and what is in them, for whoever has to make them: behind "with". */
  readonly form: string;
}

/** The record of a set of texts. Where each file has an address, it can be fetched. */
export const knownTexts = <const Kind extends string>({
  read,
  ...set
}: KnownFolder<Kind> & {
  /** Reads files that are as they must be. */
  readonly read: (folder: string, work: LongWork) => Promise<LabelledTexts>;
}) => knownFolder(set, "texts", async (folder, work) => ({ found: { texts: await read(folder, work) } }));

/** The record of a set of marked texts, likewise. */
export const knownMarkedTexts = <const Kind extends string>({
  read,
  ...set
}: KnownFolder<Kind> & {
  /** Reads files that are as they must be. */
  readonly read: (folder: string, work: LongWork) => Promise<MarkedTexts>;
}) => knownFolder(set, "marked", async (folder, work) => ({ found: { marked: await read(folder, work) } }));

/** The record of a set of ratings, likewise; what is told of its columns is kept. */
export const knownRatings = <const Kind extends string>({
  read,
  ...set
}: KnownFolder<Kind> & {
  /** Reads files that are as they must be. */
  readonly read: (folder: string, work: LongWork) => Promise<GatheredRatings>;
}) =>
  knownFolder(set, "ratings", async (folder, work) => {
    const { interactions, notes } = await read(folder, work);
    return { found: { ratings: interactions }, notes };
  });

function knownFolder<const Kind extends string>(
  set: KnownFolder<Kind>,
  holds: KindName,
  read: (
    folder: string,
    work: LongWork,
  ) => Promise<{ readonly found: AnyContents; readonly notes?: readonly string[] }>,
): KnownSet<TextsFolder<Kind>> & { readonly files: KnownFiles<TextsFolder<Kind>> } {
  const { kind, licence, source, files, form, archive } = set;
  const own = `\`innerloop data import ${kind} FOLDER\` with ${form}`;
  const isOffered = archive !== undefined || files.every(({ url }) => url !== undefined);
  const remedy = isOffered ? `Run \`innerloop data get ${kind}\` to download it, or ${own}.` : `Run ${own}.`;
  return {
    kind: holds,
    remedy,
    files: {
      onePath: "folder",
      resizes: false,
      source: ([folder = ""]) => ({ kind, folder }),
      read: async ({ folder }, work) => {
        for (const file of files) {
          work.signal?.throwIfAborted();
          await requireFile(folder, file, `Give a folder with ${form}.`);
        }
        const { found, notes } = await read(folder, work);
        const stored = { kind, from: basename(resolve(folder)), licence, source, ...(notes ? { notes } : {}) };
        return { ...found, stored };
      },
    },
    ...(isOffered
      ? {
          download: async (downloads, { archives: _, ...work }) => {
            const folder = join(downloads, kind);
            if (archive) {
              const file = join(downloads, `${kind}.zip`);
              await downloadFile({ ...work, ...archive, file, remedy });
              await unpack(file, folder, files);
              return { kind, folder };
            }
            for (const { name, bytes, sha256, url } of files) {
              const file = join(folder, name);
              await downloadFile({ ...work, url: url!, file, sha256, maximumBytes: bytes, remedy });
            }
            return { kind, folder };
          },
        }
      : {}),
  };
}

/** Puts files of an archive into a folder. @throws DataError ILD74 for one that it lacks; what the archive's reader throws */
async function unpack(archive: string, folder: string, files: readonly KnownFile[]): Promise<void> {
  await withZipArchive(archive, async (entries) => {
    for (const { name } of files) {
      const entry = entries.find((each) => basename(each.name) === name);
      if (!entry) throw new DataError("ILD74", archive, `there is no ${name} in it`, "Get it again.");
      const bytes = await entry.read();
      await writeAtomically(join(folder, name), (handle) => writeFully(handle, bytes));
    }
  });
}

/** @throws DataError ILD74 for a file that is not there, or is another */
async function requireFile(folder: string, { name, bytes, sha256 }: KnownFile, remedy: string): Promise<void> {
  const path = join(folder, name);
  const wrong = (problem: string): DataError => new DataError("ILD74", path, problem, remedy);
  const found = await readRegularFile(path, { most: 64 * 2 ** 20, links: "followed" }).catch((error: unknown) => {
    const cause = error instanceof DataError ? error.cause : undefined;
    throw isSystemError(cause) && cause.code === "ENOENT" ? wrong("there is no such file") : error;
  });
  if (found.length !== bytes) throw wrong(`it has ${found.length} bytes, expected ${bytes}`);
  const digest = createHash("sha256").update(found).digest("hex");
  if (digest !== sha256) throw wrong(`its sha256 is ${digest}, expected ${sha256}`);
}

/** Texts of several files as one: what all of a file have in common is said beside them. */
export function joinedTexts(
  name: string,
  /** In the order that they are to have. */
  classes: readonly string[],
  pieces: readonly { readonly texts: LabelledTexts; readonly domain?: string }[],
): LabelledTexts {
  const texts = pieces.flatMap((piece) => piece.texts.texts);
  const domains = [...new Set(pieces.flatMap(({ domain }) => domain ?? []))];
  const places = new Map(classes.map((each, place) => [each, place]));
  const of = pieces.flatMap(({ texts: { classes: own } }) =>
    Array.from(own.of, (place) => places.get(own.names[place] ?? "") ?? -1),
  );
  const ofDomains = pieces.flatMap((piece) => piece.texts.texts.map(() => domains.indexOf(piece.domain ?? "")));
  const parts = pieces.flatMap((piece) => piece.texts.parts ?? []);
  return {
    name,
    texts,
    classes: { names: classes, of: Int32Array.from(of) },
    ...(domains.length > 0 ? { domains: { names: domains, of: Int32Array.from(ofDomains) } } : {}),
    ...(parts.length === texts.length ? { parts } : {}),
  };
}

const digits: readonly Split[] = ["train", "validation", "test"];

/** Splits of classes that are written as a digit for each class, 0 to 2, in the order of the names. */
export const foldsFrom = (
  names: readonly string[],
  written: Readonly<Record<string, string>>,
): Readonly<Record<string, Readonly<Record<string, Split>>>> =>
  Object.fromEntries(
    Object.entries(written).map(([fold, parts]) => [
      fold,
      Object.fromEntries(names.map((name, place) => [name, digits[Number(parts[place])]!])),
    ]),
  );
