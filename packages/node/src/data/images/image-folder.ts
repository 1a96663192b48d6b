import type { LongWork } from "@innerloop/experiments";
import { duplicatesText, isBlank, type PixelReading, usualPixels } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import type { ExampleClass, LabelledExamples } from "../labelled-examples.js";
import { Problems } from "../problems.js";
import { maximumDataBytes } from "../store/stored-examples.js";
import { similarNames, similarNamesText } from "../tables/similar-names.js";
import { type ClassFolder, classFolders, type FoundClasses } from "./class-folders.js";
import { type DecodedImage, type DecodingOptions, decodeImage, type ImageFile } from "./image-decoding.js";
import { type ImageTree, withImageTree } from "./image-tree.js";
import { PixelEvidence } from "./pixel-evidence.js";

/** Options of `readImageFolder`. */
export interface ImageFolderOptions extends LongWork {
  /** Name of the data set; default "images". */
  readonly name?: string;
  /** Height and width of the examples in pixels; default [28, 28]. */
  readonly size?: readonly [number, number];
  /** 1: grey, 3: red, green, blue; default 1. */
  readonly channels?: 1 | 3;
  /** Turns dark ink on light paper into light on dark, as most models expect it; default false. */
  readonly invert?: boolean;
  /** How an image of other proportions is brought to size; default "cover": cut at the edges. */
  readonly fit?: "cover" | "contain" | "fill";
  /** Leaves out images that cannot be read and folders without images, and warns of it; default false: they are errors. */
  readonly skipBad?: boolean;
  /** How pixels become bytes; told from the images unless given. */
  readonly pixels?: PixelReading | undefined;
  /** How pixels become bytes where the images leave it open; default `usualPixels`. */
  readonly preferredPixels?: PixelReading | undefined;
}

/** What was read of a folder. */
export interface FolderImages extends LabelledExamples {
  /** How its pixels became bytes. */
  readonly pixels: PixelReading;
  /** The files that were left out, by their paths in the tree, and why. */
  readonly leftOut: readonly { readonly path: string; readonly problem: string }[];
}

const defaultSize = [28, 28] as const;
const atOnce = 16;
const maximumSide = 1024;

/**
 * Reads a folder or zip archive with one folder of images for each class; classes may have different numbers of images,
 * and images any size. Folders train, val and test around the class folders give the classes their splits. Hidden files
 * and files that are no images are ignored; `classFolders` says what is a class.
 * Returns bytes of shape [height, width, channels].
 *
 * What lies on transparency is drawn on white, or on black where white would hide most of it; 16-bit images none of which
 * uses more than 12, 10 or 8 bits are taken for images of so many. Warns of links that lead nowhere, of blank images and
 * of duplicates.
 *
 * Throws DataError ILD51 for images that cannot be read (they are never left out in silence), ILD52 for empty classes,
 * fewer than two classes, images most of which are blank, or more than 4 GiB of pixels, ILD03 for a folder that cannot be
 * read, ILD11 to ILD13 for an archive that cannot be trusted. All images that cannot be read are named at once.
 */
export async function readImageFolder(path: string, options: ImageFolderOptions = {}): Promise<FolderImages> {
  checkSize(path, options.size);
  return withImageTree(path, async (tree) => {
    const found = await classFolders(tree);
    const images = await decodeFound(tree, found, options);
    tellOf(tree, found, images, options);
    return images;
  });
}

function checkSize(where: string, size: readonly number[] = []): void {
  if (size.every((length) => Number.isInteger(length) && length >= 1 && length <= maximumSide)) return;
  throw new DataError("ILD52", where, `the size is [${size.join(", ")}]`, `Use integers from 1 to ${maximumSide}.`);
}

/** Reads the images of these classes of a tree. */
export function readClassFolders(
  tree: ImageTree,
  classes: readonly ClassFolder[],
  options: ImageFolderOptions = {},
): Promise<FolderImages> {
  const none = { problems: new Problems(), hasUnreadable: false, brokenLinks: new Problems() };
  return decodeFound(tree, { classes, ...none }, options);
}

/** An image of a class, and the place of its example there. */
interface Item {
  readonly path: readonly string[];
  readonly of: number;
  readonly row: number;
}

/**
 * Decodes what was found in a tree.
 *
 * @throws DataError ILD51 and ILD52 with all that is wrong, there and in the images, unless it is to be left out
 */
export async function decodeFound(
  tree: ImageTree,
  found: FoundClasses,
  options: ImageFolderOptions,
): Promise<FolderImages> {
  const { name = "images", size = defaultSize, channels = 1, skipBad, onProgress } = options;
  const { preferredPixels = usualPixels } = options;
  const { problems, classes: folders } = found;
  const count = folders.reduce((sum, { images }) => sum + images.length, 0);
  const exampleBytes = checkedExampleBytes(tree.where([]), count, options);
  const items = folders.flatMap(({ images }, of) => images.map((path, row): Item => ({ path, of, row })));
  const examples = folders.map(({ images }) => new Uint8Array(images.length * exampleBytes));
  const evidence = new PixelEvidence<Item>();
  const bad = new Map<Item, DataError>();
  let [done, total] = [0, items.length];
  const decode = (chosen: readonly Item[], pixels: PixelReading, look: (item: Item, image: DecodedImage) => unknown) =>
    decodeEach(
      chosen,
      { ...options, pixels },
      {
        open: ({ path }) => tree.open(path),
        take: async (item, image) => {
          examples[item.of]!.set(image.pixels, item.row * exampleBytes);
          await look(item, image);
        },
        failed: (item, error) => bad.set(item, error),
        ended: ({ path }) => onProgress?.(++done, total, `read ${tree.where(path.slice(0, -1))}`),
      },
    );
  await decode(items, options.pixels ?? preferredPixels, async (item, image) => {
    if (options.pixels) return;
    const onOther = async (): Promise<Uint8Array> => {
      const background = preferredPixels.background === "white" ? "black" : "white";
      const pixels = { ...preferredPixels, background } as const;
      return (await decodeImage(await tree.open(item.path), { ...options, size, channels, pixels })).pixels;
    };
    await evidence.add(item, image, { channels, invert: options.invert ?? false, onOther });
  });
  const pixels = options.pixels ?? evidence.reading(preferredPixels);
  const again = options.pixels ? [] : evidence.changedBy(preferredPixels, pixels);
  total += again.length;
  await decode(again, pixels, () => undefined);

  // In the order of the files, whichever was decoded first.
  const unread = items.filter((item) => bad.has(item));
  for (const item of unread) problems.add(bad.get(item)!.where, bad.get(item)!.problem);
  if (!skipBad && problems.count > 0) {
    const only = problems.count === 1 && unread[0] ? bad.get(unread[0])!.code : undefined;
    const code = only ?? (found.hasUnreadable || unread.length > 0 ? "ILD51" : "ILD52");
    // Where the user could have asked for it.
    const leave = skipBad === undefined ? "" : ", or leave out what cannot be read with --skip-bad";
    throw problems.error(code, tree.where([]), `Replace or remove ${problems.count === 1 ? "it" : "them"}${leave}.`);
  }
  const kept = folders.map((): number[] => []);
  for (const item of items) if (!bad.has(item)) kept[item.of]!.push(item.row);
  const classes = folders.flatMap(({ images: _, ...named }, of): ExampleClass[] => {
    const rows = kept[of]!;
    if (rows.length === 0) return [];
    return [{ ...named, count: rows.length, examples: rowsOf(examples[of]!, rows, exampleBytes) }];
  });
  requireClasses(tree, classes.length, problems);
  return {
    name,
    exampleShape: [...size, channels],
    classes,
    pixels,
    leftOut: unread.map((item) => ({ path: item.path.join("/"), problem: bad.get(item)!.problem })),
  };
}

/** Some rows of an array, in place. */
function rowsOf(values: Uint8Array, rows: readonly number[], size: number): Uint8Array {
  for (const [to, from] of rows.entries()) values.copyWithin(to * size, from * size, (from + 1) * size);
  return values.subarray(0, rows.length * size);
}

function requireClasses(tree: ImageTree, count: number, problems: Problems): void {
  if (count >= 2) return;
  const problem = `without what cannot be read, ${count === 1 ? "one class is left" : "no class is left"}`;
  throw new DataError("ILD52", tree.where([]), `${problem}: ${problems.lines().join("; ")}`, "Replace the files.");
}

/** So many names are listed. */
const mostListed = 10;

/**
 * Warns of what was left out, of what was decided for all images, and of images that teach nothing.
 *
 * @throws DataError ILD52 where most images are blank and alike, unless they are those of an existing run
 */
export function tellOf(
  tree: ImageTree,
  { classes: folders, problems, brokenLinks }: FoundClasses,
  { classes, exampleShape, pixels, leftOut }: FolderImages,
  { preferredPixels = usualPixels, pixels: given, onWarning = () => undefined }: ImageFolderOptions,
): void {
  const whole = tree.where([]);
  const list = (title: string, lines: readonly string[]): void => onWarning([title, ...lines].join("\n  "));

  if (brokenLinks.count > 0) list(`${whole}: links that lead nowhere are left out`, brokenLinks.lines());
  if (problems.count > 0) list(`${whole}: what cannot be read is left out (${problems.count})`, problems.lines());
  // Of the data of an existing run the rest is known.
  if (given) return;
  if (pixels.background !== preferredPixels.background) {
    onWarning(
      `${whole}: most transparent images would be blank on ${preferredPixels.background}, and lie on ${pixels.background} instead`,
    );
  }
  if (pixels.depth !== preferredPixels.depth) {
    onWarning(
      `${whole}: the 16-bit images use ${pixels.depth} bits at most, and are read as ${pixels.depth}-bit images`,
    );
  }
  const similar = similarNamesText("classes", similarNames(classes.map(({ name }) => name)));
  if (similar) onWarning(`${whole}: ${similar}`);
  const missing = new Set(leftOut.map(({ path }) => path));
  const files = new Map(
    folders.map(({ name, images }) => [name, images.filter((path) => !missing.has(path.join("/")))]),
  );
  const fileOf = (name: string, row: number): string => tree.where(files.get(name)?.[row] ?? [name, String(row + 1)]);
  const blank = blankImages(classes, exampleShape);
  const alike = Math.max(0, ...blank.values.values());
  const total = classes.reduce((sum, { count }) => sum + count, 0);
  const named = blank.rows.slice(0, mostListed).map(([name, row]) => fileOf(name, row));
  const more = blank.rows.length > named.length ? [`... and ${blank.rows.length - named.length} more`] : [];
  if (alike > total / 2) {
    throw new DataError(
      "ILD52",
      whole,
      `${alike} of ${total} images are blank: all their pixels have the same colour once they are brought to ${exampleShape.slice(0, 2).join(" x ")}`,
      `Nothing can be learned from them; look at the files.${["", ...named, ...more].join("\n  ")}`,
    );
  }
  if (blank.rows.length > 0) {
    list(
      `${whole}: ${blank.rows.length} of ${total} images are blank, all pixels of one colour: replace them, or remove them from the folder`,
      [...named, ...more],
    );
  }
  const { least, most } = rangeOf(classes);
  // Of blank images it is said above.
  if (most - least < leastContrast && blank.rows.length < total) {
    onWarning(
      `${whole}: all pixels lie between ${least} and ${most} of 255, which leaves models little to see: stretch the contrast of the images`,
    );
  }
  const duplicates = duplicatesText([classes], fileOf);
  if (duplicates) onWarning(`${whole}: ${duplicates}`);
}

/** Data sets of a smaller range of values are told: a twelfth of what a byte holds. */
const leastContrast = 20;

/** The least and the greatest byte of all images. */
function rangeOf(classes: readonly ExampleClass[]): { readonly least: number; readonly most: number } {
  let [least, most] = [255, 0];
  for (const { examples } of classes) {
    for (const value of examples) {
      if (value < least) least = value;
      if (value > most) most = value;
    }
    if (most - least >= leastContrast) break;
  }
  return { least, most };
}

/** The images that are of one colour, and how many have each. */
function blankImages(classes: readonly ExampleClass[], exampleShape: readonly number[]) {
  const size = exampleShape.reduce((a, b) => a * b, 1);
  const channels = exampleShape.at(-1)!;
  const rows: (readonly [name: string, row: number])[] = [];
  const values = new Map<string, number>();
  for (const { name, count, examples } of classes) {
    for (let row = 0; row < count; row++) {
      const image = examples.subarray(row * size, (row + 1) * size);
      if (!isBlank(image, channels)) continue;
      rows.push([name, row]);
      const value = image.subarray(0, channels).join();
      values.set(value, (values.get(value) ?? 0) + 1);
    }
  }
  return { rows, values };
}

/** Bytes of one example. @throws DataError ILD52 where so many of them are more than a data set may have */
export function checkedExampleBytes(where: string, total: number, options: ImageFolderOptions): number {
  const { size = defaultSize, channels = 1 } = options;
  checkSize(where, size);
  const exampleBytes = size[0] * size[1] * channels;
  if (total * exampleBytes <= maximumDataBytes) return exampleBytes;
  throw new DataError(
    "ILD52",
    where,
    `${total} images of ${exampleBytes} bytes are more than ${maximumDataBytes / 2 ** 30} GiB`,
    "Choose a smaller size.",
  );
}

/** Decodes images into an array, one after the other, some at a time. @throws DataError ILD51 */
export async function decodeAll<T>(
  items: readonly T[],
  options: ImageFolderOptions,
  into: Uint8Array,
  open: (item: T) => Promise<ImageFile>,
): Promise<void> {
  await decodeEach([...items.entries()], options, {
    open: ([, item]) => open(item),
    take: ([index], { pixels }) => into.set(pixels, index * pixels.length),
  });
}

/** Decodes images, some at a time, and in their order as far as they are begun. */
async function decodeEach<T>(
  items: readonly T[],
  options: ImageFolderOptions,
  work: {
    readonly open: (item: T) => Promise<ImageFile>;
    readonly take: (item: T, image: DecodedImage) => unknown;
    /** Takes what cannot be read; without it that ends the work. */
    readonly failed?: (item: T, error: DataError) => unknown;
    readonly ended?: (item: T) => unknown;
  },
): Promise<void> {
  const { size = defaultSize, channels = 1, invert, fit, pixels, signal } = options;
  const decoding: DecodingOptions = { size, channels, invert, fit, pixels };
  let next = 0;
  let isStopped = false;
  const takeTurns = async (): Promise<void> => {
    while (!isStopped && next < items.length) {
      const item = items[next++]!;
      try {
        signal?.throwIfAborted();
        await work.take(item, await decodeImage(await work.open(item), decoding));
      } catch (error) {
        if (!work.failed || !(error instanceof DataError)) {
          isStopped = true;
          throw error;
        }
        work.failed(item, error);
      }
      work.ended?.(item);
    }
  };
  const turns = await Promise.allSettled(Array.from({ length: atOnce }, takeTurns));
  const failure = turns.find((turn) => turn.status === "rejected");
  if (failure) throw failure.reason;
  signal?.throwIfAborted();
}
