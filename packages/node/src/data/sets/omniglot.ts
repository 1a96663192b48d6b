import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { areaAveraging, invertInPlace, quoted } from "@innerloop/experiments";
import { DataError, onFile } from "../data-error.js";
import { plainGreyPng } from "../formats/plain-png.js";
import { defaultZipLimits, withZipArchive, type ZipArchiveEntry, type ZipLimits } from "../formats/zip-archive.js";
import { decodeImage } from "../images/image-decoding.js";
import { isSystemName } from "../images/image-tree.js";
import type { LabelledExamples } from "../labelled-examples.js";
import { readRegularFile } from "../regular-file.js";
import { downloadFile } from "../store/download.js";
import type { KnownSet, OfferedArchive } from "./known-set.js";

type Part = "background" | "evaluation";

/** The 50 alphabets in the fixed order of the classes, with their numbers of characters: 964 and 659. */
export const omniglotAlphabets: readonly { readonly part: Part; readonly name: string; readonly characters: number }[] =
  [
    ...alphabets("background", {
      Alphabet_of_the_Magi: 20,
      "Anglo-Saxon_Futhorc": 29,
      Arcadian: 26,
      Armenian: 41,
      "Asomtavruli_(Georgian)": 40,
      Balinese: 24,
      Bengali: 46,
      "Blackfoot_(Canadian_Aboriginal_Syllabics)": 14,
      Braille: 26,
      "Burmese_(Myanmar)": 34,
      Cyrillic: 33,
      Early_Aramaic: 22,
      Futurama: 26,
      Grantha: 43,
      Greek: 24,
      Gujarati: 48,
      Hebrew: 22,
      "Inuktitut_(Canadian_Aboriginal_Syllabics)": 16,
      "Japanese_(hiragana)": 52,
      "Japanese_(katakana)": 47,
      Korean: 40,
      Latin: 26,
      "Malay_(Jawi_-_Arabic)": 40,
      "Mkhedruli_(Georgian)": 41,
      N_Ko: 33,
      "Ojibwe_(Canadian_Aboriginal_Syllabics)": 14,
      Sanskrit: 42,
      "Syriac_(Estrangelo)": 23,
      Tagalog: 17,
      Tifinagh: 55,
    }),
    ...alphabets("evaluation", {
      Angelic: 20,
      Atemayar_Qelisayer: 26,
      Atlantean: 26,
      "Aurek-Besh": 26,
      Avesta: 26,
      Ge_ez: 26,
      Glagolitic: 45,
      Gurmukhi: 45,
      Kannada: 41,
      Keble: 26,
      Malayalam: 47,
      Manipuri: 40,
      Mongolian: 30,
      "Old_Church_Slavonic_(Cyrillic)": 45,
      Oriya: 46,
      Sylheti: 28,
      "Syriac_(Serto)": 23,
      Tengwar: 25,
      Tibetan: 42,
      ULOG: 26,
    }),
  ];

function alphabets(part: Part, characters: Record<string, number>) {
  return Object.entries(characters).map(([name, count]) => ({ part, name, characters: count }));
}

/** The number of characters of Omniglot, both parts together. */
export const omniglotCharacters = 1623;
const drawers = 20;
const sourceSide = 105;
const side = 28;

/** The official archives, as brendenlake/omniglot serves them. */
export const omniglotArchives: readonly OmniglotArchive[] = [
  {
    url: "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_background.zip",
    md5: "68d2efa1b9178cc56df9314c21c6e718",
    maximumBytes: 16 * 2 ** 20,
  },
  {
    url: "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_evaluation.zip",
    md5: "6b91aef0f799c5bb55b94e3f2daec811",
    maximumBytes: 12 * 2 ** 20,
  },
];

/** An archive of Omniglot as its authors offer it. */
export type OmniglotArchive = OfferedArchive;

/** The part of Omniglot that an import held. */
export interface OmniglotContents {
  readonly alphabets: number;
  readonly characters: number;
  /** The first this many classes are of the background part, the others of the evaluation part. */
  readonly backgroundCharacters: number;
  /** Whether all 50 alphabets were there. */
  readonly complete: boolean;
}

const zipLimits: ZipLimits = { ...defaultZipLimits, entries: 50_000, entryBytes: 2 ** 20, totalBytes: 512 * 2 ** 20 };

const imageFile = { most: zipLimits.entryBytes, links: "followed" } as const;

/**
 * Fetches the two official archives into a folder and returns their paths; what is there with the right md5 is kept.
 * Throws DataError ILD21 to ILD23.
 */
export async function downloadOmniglot(
  folder: string,
  options: LongWork & { readonly archives?: readonly OmniglotArchive[]; readonly idleTimeoutMs?: number } = {},
): Promise<string[]> {
  const { archives = omniglotArchives, ...work } = options;
  const files: string[] = [];
  for (const archive of archives) {
    const file = join(folder, basename(new URL(archive.url).pathname));
    await downloadFile({
      ...work,
      ...archive,
      file,
      remedy:
        "Check the network, or fetch images_background.zip and images_evaluation.zip elsewhere and run `innerloop data import omniglot ZIP...`.",
    });
    files.push(file);
  }
  return files;
}

/**
 * Reads Omniglot (Lake, Salakhutdinov and Tenenbaum, 2015) from folders or zip archives in the official layout
 * `images_background/Alphabet/characterNN/XXXX_NN.png`. Returns 28 x 28 x 1 images, ink 255, 20 for each class
 * `Alphabet/characterNN`, in the fixed order of `omniglotAlphabets`; 1,623 classes when both parts are given.
 *
 * Whole alphabets may be absent (the official small sets hold five); an alphabet that is there must be whole.
 * Throws DataError ILD31 (layout), ILD32 (missing class or image), ILD51 (image), or those of the zip archive.
 */
export async function readOmniglot(
  paths: readonly string[],
  work: LongWork = {},
): Promise<{ examples: LabelledExamples; contents: OmniglotContents }> {
  const sources = await sourcesIn(paths);
  return withImagesOf(sources, async (images) => assemble(await readClasses(sources, images, work)));
}

/** Passes the images of each of these folders and archives, all of which stay open. */
async function withImagesOf<T>(
  [path, ...others]: readonly string[],
  use: (images: readonly (readonly SourceImage[])[]) => Promise<T>,
): Promise<T> {
  if (path === undefined) return use([]);
  const withOthers = (own: readonly SourceImage[]): Promise<T> =>
    withImagesOf(others, (images) => use([own, ...images]));
  if ((await onFile(path, () => stat(path))).isDirectory()) return withOthers(await imagesInFolder(path));
  const read = (entries: readonly ZipArchiveEntry[]): Promise<T> =>
    withOthers(
      entries
        .filter(({ name }) => isImageName(name))
        .map(({ name, read }) => ({ where: `${path} > ${name}`, segments: name.split("/"), read })),
    );
  return withZipArchive(path, read, zipLimits);
}

interface SourceImage {
  readonly where: string;
  readonly segments: readonly string[];
  read(): Promise<Uint8Array>;
}

/** A folder may also hold the archives themselves. */
async function sourcesIn(paths: readonly string[]): Promise<string[]> {
  const sources: string[] = [];
  for (const path of paths) {
    const isFolder = (await onFile(path, () => stat(path))).isDirectory();
    const names = isFolder ? await onFile(path, () => readdir(path)) : [];
    const whole = names.filter((name) => name === "images_background.zip" || name === "images_evaluation.zip").sort();
    const zips = whole.length > 0 ? whole : names.filter((name) => /^images_background_small[12]\.zip$/.test(name));
    const unpacked = names.some((name) => /^images_(background|evaluation)(_small[12])?$/.test(name));
    if (zips.length > 0 && !unpacked) sources.push(...zips.map((name) => join(path, name)));
    else sources.push(path);
  }
  return sources;
}

function isImageName(name: string): boolean {
  const segments = name.split("/");
  return name.endsWith(".png") && !segments.some(isSystemName);
}

async function imagesInFolder(root: string): Promise<SourceImage[]> {
  const images: SourceImage[] = [];
  const walk = async (folder: string, segments: readonly string[]): Promise<void> => {
    for (const entry of await onFile(folder, () => readdir(folder, { withFileTypes: true }))) {
      const path = join(folder, entry.name);
      const inner = [...segments, entry.name];
      if (entry.isDirectory() && segments.length < 6 && !isSystemName(entry.name)) await walk(path, inner);
      else if (entry.isFile() && isImageName(entry.name)) {
        images.push({ where: path, segments: inner, read: () => readRegularFile(path, imageFile) });
      }
      if (images.length > zipLimits.entries) throw layoutError(root, `it holds more than ${zipLimits.entries} images`);
    }
  };
  // The folder may be a part, an alphabet's parent or above; its own path gives the missing segments.
  await walk(root, []);
  return images;
}

/** The examples of each class in these sources, by name. */
async function readClasses(
  sources: readonly string[],
  images: readonly (readonly SourceImage[])[],
  { onProgress, signal }: LongWork,
): Promise<ReadonlyMap<string, Uint8Array>> {
  // All is checked before the first image is decoded.
  const groups = sources.flatMap((source, i) =>
    [...groupedByClass(source, images[i]!)].map(([name, drawings]) => ({ source, name, drawings })),
  );
  const total = groups.length * drawers;
  const classes = new Map<string, Uint8Array>();
  let done = 0;
  for (const { source, name, drawings } of groups) {
    signal?.throwIfAborted();
    const shrunk = await Promise.all(drawings.map(async (image) => inkOf(await image.read(), image.where)));
    const examples = new Uint8Array(drawers * side * side);
    for (const [index, pixels] of shrunk.entries()) examples.set(pixels, index * side * side);
    const before = classes.get(name);
    if (before && Buffer.compare(before, examples) !== 0) {
      throw layoutError(source, `${name} has other images here than in another source of the same import`);
    }
    classes.set(name, examples);
    done += drawers;
    onProgress?.(done, total, `read ${source}`);
  }
  return classes;
}

/** The images of a source by class, each in the order of their drawers. */
function groupedByClass(source: string, images: readonly SourceImage[]): ReadonlyMap<string, readonly SourceImage[]> {
  const grouped = new Map<string, (SourceImage | undefined)[]>();
  for (const image of images) {
    const [alphabet = "", character = "", file = ""] = image.segments.slice(-3);
    const drawer = Number(/^\d{4}_(\d{2})\.png$/.exec(file)?.[1] ?? 0);
    if (!/^character\d{2}$/.test(character) || drawer < 1 || drawer > drawers) {
      throw layoutError(image.where, "the file is not named Alphabet/characterNN/XXXX_NN.png with NN from 01 to 20");
    }
    if (!omniglotAlphabets.some(({ name }) => name === alphabet)) {
      throw layoutError(image.where, `${quoted(alphabet)} is none of Omniglot's 50 alphabets`);
    }
    const name = `${alphabet}/${character}`;
    const group = grouped.get(name) ?? new Array<SourceImage | undefined>(drawers).fill(undefined);
    if (group[drawer - 1]) throw layoutError(image.where, `there are two images of drawer ${drawer} for ${name}`);
    group[drawer - 1] = image;
    grouped.set(name, group);
  }
  if (grouped.size === 0) throw layoutError(source, "there is no image Alphabet/characterNN/XXXX_NN.png in it");
  checkWhole(source, grouped);
  return grouped as ReadonlyMap<string, readonly SourceImage[]>;
}

function checkWhole(source: string, grouped: ReadonlyMap<string, readonly (SourceImage | undefined)[]>): void {
  const present = new Set([...grouped.keys()].map((name) => name.slice(0, name.indexOf("/"))));
  for (const { name: alphabet, characters } of omniglotAlphabets) {
    if (!present.has(alphabet)) continue;
    for (let index = 1; index <= characters; index++) {
      const name = `${alphabet}/character${String(index).padStart(2, "0")}`;
      const group = grouped.get(name);
      if (!group) throw missing(source, `the class ${name} is missing (${alphabet} has ${characters} characters)`);
      const absent = group.indexOf(undefined);
      if (absent >= 0) {
        throw missing(source, `${name} has no image of drawer ${absent + 1}; each character has ${drawers}`);
      }
    }
  }
  for (const name of grouped.keys()) {
    const [alphabet, character] = name.split("/") as [string, string];
    const { characters } = omniglotAlphabets.find((known) => known.name === alphabet)!;
    const index = Number(character.slice(-2));
    if (index < 1 || index > characters) {
      throw layoutError(`${source} > ${name}`, `${alphabet} has characters 01 to ${characters} only`);
    }
  }
}

const shrink = areaAveraging([sourceSide, sourceSide], [side, side]);

/** One official image as 28 x 28 bytes, ink 255. */
async function inkOf(png: Uint8Array, where: string): Promise<Uint8Array> {
  const image = { where, bytes: png.length, read: async () => png };
  const decoding = { size: [sourceSide, sourceSide], channels: 1 } as const;
  const plain = plainGreyPng(png) ?? (await decodeImage(image, decoding, "Fetch the archive again."));
  const { width, height, pixels: data } = plain;
  if (width !== sourceSide || height !== sourceSide) {
    throw layoutError(where, `the image is ${width} x ${height}, expected ${sourceSide} x ${sourceSide}`);
  }
  invertInPlace(data);
  let ink = 0;
  for (const value of data) ink += value;
  if (ink > 0.5 * 255 * data.length) {
    throw layoutError(where, "more than half of the image is black: Omniglot's ink is black on white");
  }
  return shrink(data);
}

function assemble(found: ReadonlyMap<string, Uint8Array>): { examples: LabelledExamples; contents: OmniglotContents } {
  const classes: { name: string; count: number; examples: Uint8Array }[] = [];
  let alphabetCount = 0;
  let backgroundCharacters = 0;
  for (const { part, name: alphabet, characters } of omniglotAlphabets) {
    if (!found.has(`${alphabet}/character01`)) continue;
    alphabetCount++;
    if (part === "background") backgroundCharacters += characters;
    for (let index = 1; index <= characters; index++) {
      const name = `${alphabet}/character${String(index).padStart(2, "0")}`;
      classes.push({ name, count: drawers, examples: found.get(name)! });
    }
  }
  return {
    examples: { name: "omniglot", exampleShape: [side, side, 1], classes },
    contents: {
      alphabets: alphabetCount,
      characters: classes.length,
      backgroundCharacters,
      complete: alphabetCount === omniglotAlphabets.length,
    },
  };
}

function layoutError(where: string, problem: string): DataError {
  return new DataError(
    "ILD31",
    where,
    problem,
    "Give the official archives or what is in them; for other images use an image folder.",
  );
}

function missing(where: string, problem: string): DataError {
  return new DataError("ILD32", where, problem, "Fetch or unpack the archive again.");
}

/** Omniglot as one record. */
export const omniglot = {
  remedy:
    "Run `innerloop data get omniglot` to download it, or `innerloop data import omniglot DIR|ZIP...` if you have it.",
  files: {
    resizes: false,
    source: (paths) => ({ kind: "omniglot", paths }),
    read: async ({ paths }, work) => {
      const { examples, contents } = await readOmniglot(paths, work);
      return { examples, stored: { kind: "omniglot", from: paths.map((path) => basename(path)), ...contents } };
    },
  },
  download: async (folder, work) => ({ kind: "omniglot", paths: await downloadOmniglot(folder, work) }),
} satisfies KnownSet<{ readonly kind: "omniglot"; readonly paths: readonly string[] }>;
