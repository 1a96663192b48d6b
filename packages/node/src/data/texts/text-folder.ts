/** Folders of texts: a folder of .txt files for each class, or a file of lines for each. */

import type { Split } from "@innerloop/core/tasks";
import type { LongWork } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { textOfBytes } from "../formats/text-file.js";
import { commonDepth, deepest, isImageName, isTextName, mostFolders } from "../images/class-folders.js";
import { type ImageTree, withImageTree } from "../images/image-tree.js";
import { yieldToEventLoop } from "../long-work.js";
import { partNamed } from "../parts-of-splits.js";
import { readingLimits } from "../reading-limits.js";
import { isTableName } from "../tables/table-file.js";
import { type GatheredTexts, TextRows } from "./text-rows.js";

/** Options of `readTextFolder`. */
export interface TextFolderOptions extends LongWork {
  /** Name of the data set; default "texts". */
  readonly name?: string | undefined;
  /** Each file below the folder is a text of no class. */
  readonly unlabelled?: boolean | undefined;
}

/** A folder with .txt files in it. */
interface TextsFolder {
  readonly path: readonly string[];
  readonly files: readonly string[];
}

/** A file, and what its place says of the texts in it. */
interface ClassFile {
  readonly path: readonly string[];
  readonly label?: string;
  readonly part?: Split;
  /** Whether each line is a text, or the file is one. */
  readonly perLine: boolean;
}

const perText = "Make a folder of .txt files for each class, at least two: DIR/praise/1.txt, DIR/blame/1.txt.";
/** Files that are read between two turns of others. */
const filesBetweenTurns = 256;

/**
 * Reads a folder or zip archive of texts. A folder with .txt files in it is a class, and each file a text; names are as
 * for images: what all classes lie in is left out of them, and folders train, val and test (training, validation, dev,
 * eval and the like) around the classes are parts of a split. Where .txt files lie in the folder itself, or in folders of
 * such names, without folders of texts beside them, each is a class, named by the file, and each line a text.
 *
 * Hidden files and other kinds of file are ignored; .txt files beside folders of texts belong to no class, which `notes`
 * say. Classes are in the order of their paths.
 *
 * @throws DataError ILD53 for no classes, or folders train and test beside others; ILD71 with all that is wrong in the
 * files; ILD06 for one class alone, or more than 2^21 texts; ILD03, ILD07, ILD11 to ILD13
 */
export function readTextFolder(path: string, options: TextFolderOptions = {}): Promise<GatheredTexts> {
  const { name = "texts", unlabelled = false, ...work } = options;
  return withImageTree(path, async (tree) => {
    const { folders, beside, notes } = await foldersOfTexts(tree);
    const files = unlabelled ? unlabelledFiles([...beside, ...folders]) : classFiles(tree, folders);
    if (files.length > readingLimits.texts) {
      const problem = `there are more than ${readingLimits.texts} files`;
      throw new DataError("ILD06", path, problem, "Give a part of them: texts are kept in memory.");
    }
    const hasPart = files.some(({ part }) => part !== undefined);
    const rows = new TextRows({ name, path, has: { label: !unlabelled, domain: false, part: hasPart } });
    for (const [done, file] of files.entries()) {
      if (done % filesBetweenTurns === 0) {
        work.signal?.throwIfAborted();
        await yieldToEventLoop();
      }
      await readFileOf(tree, file, rows);
      work.onProgress?.(done + 1, files.length, `read ${path}`);
    }
    const found = rows.finish();
    return { texts: found.texts, notes: [...(unlabelled ? [] : notes), ...found.notes] };
  });
}

/** Whether a folder or zip archive has .txt files below it, and no images, which such files may describe. */
export function isFolderOfTexts(path: string): Promise<boolean> {
  return withImageTree(path, async (tree) => {
    let hasTexts = false;
    let visited = 0;
    const hasImages = async (at: readonly string[]): Promise<boolean> => {
      if (at.length > deepest || ++visited > mostFolders) return false;
      const { files, folders } = await tree.list(at);
      hasTexts ||= files.some(isTextName);
      if (files.some(isImageName)) return true;
      for (const folder of folders) if (await hasImages([...at, folder])) return true;
      return false;
    };
    return !(await hasImages([])) && hasTexts;
  });
}

async function readFileOf(tree: ImageTree, { path, label, part, perLine }: ClassFile, rows: TextRows): Promise<void> {
  const where = tree.where(path);
  rows.begin(where);
  const file = await tree.open(path);
  // Three bytes of UTF-8 make a UTF-16 unit, at most.
  if (!perLine && file.bytes > 3 * readingLimits.textLength) {
    rows.problem(0, `the text has more than ${readingLimits.textLength} characters`, "Give shorter texts.");
    return;
  }
  let text: string;
  try {
    text = textOfBytes(await file.read(), where);
  } catch (error) {
    if (!(error instanceof DataError) || error.code !== "ILD71") throw error;
    rows.problem(Number(error.where.slice(where.length + 1)), error.problem, "Save it as UTF-8.");
    return;
  }
  if (!perLine) {
    rows.add({ text, label, part }, 0);
    return;
  }
  let line = 0;
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf("\n", from);
    const to = end < 0 ? text.length : end;
    line++;
    const each = text.slice(from, to);
    if (each.trim() !== "") rows.add({ text: each, label, part }, line);
    from = to + 1;
  }
}

/** The folders with texts in them but for those that others lie in. @throws DataError ILD53 where there are none */
async function foldersOfTexts(
  tree: ImageTree,
): Promise<Readonly<Record<"folders" | "beside", readonly TextsFolder[]>> & { readonly notes: readonly string[] }> {
  const folders: TextsFolder[] = [];
  const beside: TextsFolder[] = [];
  const broken: string[] = [];
  let visited = 0;
  let other: string | undefined;
  /** Whether there are texts in it or below it. */
  const visit = async (path: readonly string[]): Promise<boolean> => {
    const found = await tree.list(path);
    if (path.length > deepest || ++visited > mostFolders) {
      const problem =
        path.length > deepest
          ? `it lies more than ${deepest} folders deep`
          : `there are more than ${mostFolders} folders`;
      throw new DataError("ILD53", tree.where(path), problem, "Give the folder that the class folders lie in.");
    }
    for (const link of found.brokenLinks) broken.push(tree.where([...path, link]));
    const files = found.files.filter(isTextName);
    other ??= found.files.find((file) => isImageName(file) || isTableName(file));
    const place = folders.length;
    let isAround = false;
    for (const folder of found.folders) if (await visit([...path, folder])) isAround = true;
    if (isAround && files.length > 0) beside.push({ path, files });
    else if (files.length > 0) folders.splice(place, 0, { path, files });
    return isAround || files.length > 0;
  };
  await visit([]);
  if (folders.length === 0) {
    const remedy =
      other === undefined
        ? perText
        : isImageName(other)
          ? `It has images, such as ${other}: train on them with \`innerloop train --data ${tree.where([])}\`.`
          : `It has tables, such as ${other}: give one of them.`;
    throw new DataError("ILD53", tree.where([]), "there are no .txt files in it", remedy);
  }
  const left = beside.flatMap(({ path, files }) => files.map((file) => tree.where([...path, file])));
  const notes = [
    ...noteOf(
      left,
      "left out, since folders of texts lie beside it",
      "left out, since folders of texts lie beside them",
    ),
    ...noteOf(broken, "left out: the link leads nowhere, or back", "left out: the links lead nowhere, or back"),
  ];
  return { folders, beside, notes };
}

function noteOf(paths: readonly string[], one: string, many: string): string[] {
  const [first] = paths;
  if (first === undefined) return [];
  return [paths.length === 1 ? `${first} is ${one}` : `${first} and ${paths.length - 1} others are ${many}`];
}

const unlabelledFiles = (folders: readonly TextsFolder[]): ClassFile[] =>
  folders.flatMap(({ path, files }) => files.map((file) => ({ path: [...path, file], perLine: false })));

/** The files of each class, by where they lie. @throws DataError ILD53 */
function classFiles(tree: ImageTree, folders: readonly TextsFolder[]): ClassFile[] {
  const common = commonDepth(folders.map(({ path }) => path));
  const parts = folders.map(({ path }) => (path.length > common ? partNamed(path[common]!) : undefined));
  const isLast = ({ path }: TextsFolder): boolean => path.length <= common + 1;
  const [first] = folders;
  // Folders that are parts themselves hold a file for each class, as does the folder that is given.
  if (first!.path.length === 0 || (folders.every(isLast) && parts.every((part) => part !== undefined))) {
    return folders.flatMap(({ path, files }, i) =>
      files.map((file) => ({
        path: [...path, file],
        label: file.slice(0, -".txt".length),
        perLine: true,
        ...(parts[i] ? { part: parts[i] } : {}),
      })),
    );
  }
  if (folders.length === 1) {
    const problem = `${first!.path.join("/")} is the only folder of texts in it`;
    throw new DataError("ILD53", tree.where([]), problem, perText);
  }
  // A folder of texts that is called so is a class: there may be texts on trains and on tests.
  const partsAround = folders.map((folder, i) => (isLast(folder) ? undefined : parts[i]));
  if (partsAround.includes(undefined) && partsAround.some((part) => part !== undefined)) {
    const named = (isPart: boolean): string => {
      const names = folders
        .filter((_, i) => (partsAround[i] !== undefined) === isPart)
        .map(({ path }) => path[common]!);
      return [...new Set(names)].slice(0, 5).join(", ");
    };
    throw new DataError(
      "ILD53",
      tree.where(first!.path.slice(0, common)),
      `it holds folders of texts in ${named(true)}, which are parts of a split by their names, and others beside them: ${named(false)}`,
      "Put every class into one of train, val and test, or put all class folders side by side.",
    );
  }
  return folders.flatMap(({ path, files }, i) => {
    const part = partsAround[i];
    const label = path.slice(part ? common + 1 : common).join("/");
    return files.map((file) => ({ path: [...path, file], label, perLine: false, ...(part ? { part } : {}) }));
  });
}
