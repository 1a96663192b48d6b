/** The backbones that this machine has by name: fetched, imported, listed and checked. */
import { randomBytes } from "node:crypto";
import { mkdtemp, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { quoted } from "@innerloop/experiments";
import { DataError, isSystemError, onFile } from "../data/data-error.js";
import { readingLimits } from "../data/reading-limits.js";
import { readRegularFile } from "../data/regular-file.js";
import { makeFolder, requireWritable, writeFully } from "../data/store/atomic-write.js";
import { dataFolder } from "../data/store/user-folders.js";
import {
  type BackboneFolder,
  backboneFiles,
  backbonesFolder,
  backbonesHere,
  isBackboneName,
  readBackboneFolder,
} from "./backbone-folder.js";
import { openImageBackbone } from "./image-backbone.js";
import { knownBackbone, knownBackbones } from "./known/registry.js";
import { openTextBackbone } from "./text-backbone.js";

/** What a backbone folder is made of. */
export interface BackboneFiles {
  /** As backbone.json has them. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly model: Uint8Array;
  /** Of a text encoder. */
  readonly tokenizer?: Uint8Array;
}

/** One line of `listBackbones`. */
export type BackboneListing =
  | { readonly name: string; readonly state: "ready"; readonly info: BackboneInfo }
  | {
      readonly name: string;
      readonly state: "not here";
      readonly kind: string;
      readonly licence: string;
      readonly bytes: number;
    }
  | { readonly name: string; readonly state: "damaged"; readonly problem: string };

/** A backbone that is ready to encode. */
export interface BackboneInfo {
  readonly name: string;
  readonly folder: string;
  readonly kind: "text" | "image";
  readonly sha256: string;
  readonly bytes: number;
  readonly licence?: string;
  readonly source?: string;
}

const infoOf = (name: string, { folder, settings, sha256, modelBytes, tokenizer }: BackboneFolder): BackboneInfo => ({
  name,
  folder,
  kind: settings.kind,
  sha256,
  bytes: modelBytes + (tokenizer?.length ?? 0),
  ...(settings.licence === undefined ? {} : { licence: settings.licence }),
  ...(settings.source === undefined ? {} : { source: settings.source }),
});

/** The backbones that are known, and those that are here, by name. */
export async function listBackbones(): Promise<BackboneListing[]> {
  const here = await backbonesHere();
  const names = [...new Set([...Object.keys(knownBackbones), ...here])].sort();
  const listings: BackboneListing[] = [];
  for (const name of names) {
    const known = knownBackbone(name);
    if (here.includes(name)) listings.push(await listOne(name));
    else if (known)
      listings.push({ name, state: "not here", kind: known.kind, licence: known.licence, bytes: known.bytes });
  }
  return listings;
}

async function listOne(name: string): Promise<BackboneListing> {
  try {
    return { name, state: "ready", info: infoOf(name, await readBackboneFolder(join(backbonesFolder(), name))) };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { name, state: "damaged", problem: error.message };
  }
}

/**
 * Fetches a known backbone unless it is here and whole.
 *
 * @throws DataError ILD02 for a name that is not known, ILD21 to ILD23 where it cannot be fetched
 */
export async function getBackbone(name: string, work: LongWork = {}): Promise<BackboneInfo> {
  const known = knownBackbone(name);
  if (!known) {
    const remedy = `Known are ${Object.keys(knownBackbones).join(", ")}.`;
    throw new DataError("ILD02", quoted(name), "there is no such backbone", remedy);
  }
  const present = await listBackbones();
  const listing = present.find((each) => each.name === name);
  if (listing?.state === "ready") return listing.info;
  await requireWritable(backbonesFolder());
  const files = await known.make({ ...work, downloads: join(dataFolder(), "downloads") });
  return storeBackbone(name, files, work);
}

/** Copies a backbone folder under a name, once it has been tried. */
export async function importBackbone(name: string, folder: string, work: LongWork = {}): Promise<BackboneInfo> {
  const found = await readBackboneFolder(folder);
  const model = await readRegularFile(found.modelFile, { most: readingLimits.backboneModelBytes, links: "refused" });
  return storeBackbone(
    name,
    {
      settings: { ...found.settings, sha256: found.modelSha256 },
      model,
      ...(found.tokenizer ? { tokenizer: found.tokenizer } : {}),
    },
    work,
  );
}

/** Reads a backbone of this machine whole and runs it once. @throws DataError */
export async function verifyBackbone(name: string, work: LongWork = {}): Promise<BackboneInfo> {
  return tryBackbone(name, join(backbonesFolder(), name), work);
}

async function tryBackbone(name: string, folder: string, work: LongWork): Promise<BackboneInfo> {
  const found = await readBackboneFolder(folder, { name });
  const opened = found.settings.kind === "text" ? openTextBackbone(found, work) : openImageBackbone(found, work);
  await (await opened).close();
  return infoOf(name, found);
}

/** Writes a folder beside its place, tries it, and puts it there: what was there before stays until then. */
export async function storeBackbone(name: string, files: BackboneFiles, work: LongWork): Promise<BackboneInfo> {
  if (!isBackboneName(name)) {
    const remedy = "Use up to 64 lower-case letters, digits, - and _, beginning with a letter or digit.";
    throw new DataError("ILD01", quoted(name), "a backbone cannot have this name", remedy);
  }
  const root = backbonesFolder();
  const target = join(root, name);
  await makeFolder(root);
  // No name of a backbone begins with a dot.
  const aside = await onFile(root, () => mkdtemp(join(root, ".partial-")));
  try {
    const settings = new TextEncoder().encode(`${JSON.stringify(files.settings, null, 2)}\n`);
    await writeWhole(join(aside, backboneFiles.settings), settings);
    await writeWhole(join(aside, backboneFiles.model), files.model);
    if (files.tokenizer) await writeWhole(join(aside, backboneFiles.tokenizer), files.tokenizer);
    const info = await tryBackbone(name, aside, work);
    work.signal?.throwIfAborted();
    await replaceFolder(aside, target);
    return { ...info, folder: target };
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function replaceFolder(aside: string, target: string): Promise<void> {
  const old = `${aside}-${randomBytes(6).toString("hex")}`;
  await onFile(target, async () => {
    await rename(target, old).catch((error: unknown) => {
      if (!isSystemError(error) || error.code !== "ENOENT") throw error;
    });
    await rename(aside, target);
    await rm(old, { recursive: true, force: true });
  });
}

async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  await onFile(file, async () => {
    const handle = await open(file, "wx");
    try {
      await writeFully(handle, bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}
