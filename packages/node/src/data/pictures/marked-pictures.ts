/** Folders and archives of pictures in which objects are marked, in any of the usual forms. */
import { stat } from "node:fs/promises";
import { basename, dirname, extname, resolve } from "node:path";
import type { PictureFile } from "@innerloop/core/detection";
import {
  counted,
  type FoundMarkedPictures,
  type LongWork,
  type MarkFormat,
  type PictureReading,
} from "@innerloop/experiments";
import { DataError, onFile } from "../data-error.js";
import { type ImageTree, isArchiveName, withImageTree } from "../images/image-tree.js";
import { Problems } from "../problems.js";
import { cocoJson } from "./coco-file.js";
import type { FoundForm, MarkReader } from "./found-marks.js";
import { letterboxedPictures } from "./letterboxed-pixels.js";
import { pascalVoc } from "./pascal-voc.js";
import { checkedSet } from "./picture-set-reading.js";
import { PictureTree } from "./picture-tree.js";
import { yoloText } from "./yolo-text.js";

/** The first of them that is there is read. */
const readers: readonly MarkReader[] = [cocoJson, pascalVoc, yoloText];

/** Files that stand for the folder that they lie in. */
const fileFormats: Readonly<Record<string, MarkFormat>> = { ".json": "coco", ".yaml": "yolo", ".yml": "yolo" };

/** What a path that a user gave is read as. */
interface Source {
  /** A folder or archive. */
  readonly root: string;
  /** The one file of its kind that is looked at there. */
  readonly only?: string;
  readonly format?: MarkFormat | undefined;
}

/**
 * Reads pictures with the boxes that are marked in them: a folder or zip archive with COCO JSON, Pascal VOC XML or YOLO
 * text, found by what the files hold; or a COCO file or data.yaml, which stands for its folder.
 *
 * Boxes are clipped to their pictures. Those that have no area, or lie outside, are left out, with a note of their places,
 * unless they are to be refused. All else that is wrong is an error, all of it told at once: marks of a picture that is
 * missing or of another size, classes that are not there, numbers that are none. Every picture is opened for its size,
 * turned as EXIF says, and its hash; none is decoded.
 *
 * @throws DataError ILD54 with files, lines and what is wrong there; ILD55 where no marked picture is; ILD03, ILD11 to ILD13
 */
export async function readMarkedPictures(
  path: string,
  reading: PictureReading = {},
  work: LongWork = {},
): Promise<FoundMarkedPictures> {
  const source = await sourceOf(path, reading);
  return withImageTree(source.root, async (images) => {
    const tree = await PictureTree.of(images, source.only);
    const { reader, form, others } = await formOf(tree, source.format);
    const problems = new Problems();
    const marks = await form.read(reading, problems);
    const name = basename(resolve(path)).replace(/\.(zip|json|ya?ml)$/i, "");
    const set = await checkedSet(tree, marks, { name, reading, problems, work });
    const { pictures, boxes } = { pictures: set.pictures.pictures.length, boxes: set.boxes };
    const classes = counted(set.pictures.classNames.length, "class", "classes");
    return {
      pictures: set.pictures,
      sha256: set.sha256,
      folder: resolve(path),
      found: `${reader.title}, ${counted(pictures, "picture")}, ${counted(boxes, "box", "boxes")} of ${classes}`,
      notes: [...others, ...set.notes],
      letterboxed: (chosen, size, decoding) => letterboxedFrom(source.root, chosen, size, decoding),
    };
  });
}

async function sourceOf(path: string, { format }: PictureReading): Promise<Source> {
  const found = await onFile(path, () => stat(path));
  const own = found.isFile() ? fileFormats[extname(path).toLowerCase()] : undefined;
  if (own !== undefined) return { root: dirname(path), only: basename(path), format: own };
  if (found.isDirectory() || isArchiveName(path)) return { root: path, format };
  throw new DataError("ILD55", path, "it is no folder, archive or file of marked pictures", howToMark);
}

/** The ways to mark pictures, for messages. */
const howToMark = `Give a folder or zip archive of pictures with ${readers.map(({ how }) => how).join("; or ")}.`;

/** The form that a tree is marked in, with a note of the others that are there, too. @throws DataError ILD55 for none */
async function formOf(
  tree: PictureTree,
  format: MarkFormat | undefined,
): Promise<{ readonly reader: MarkReader; readonly form: FoundForm; readonly others: readonly string[] }> {
  let chosen: { readonly reader: MarkReader; readonly form: FoundForm } | undefined;
  const others: string[] = [];
  for (const reader of readers.filter((each) => format === undefined || each.format === format)) {
    const form = await reader.find(tree);
    if (!form) continue;
    if (!chosen) chosen = { reader, form };
    else others.push(`marked as ${reader.title}, too (${form.files}): ${chosen.reader.title} is read`);
  }
  if (chosen) return { ...chosen, others };
  const asked = readers.filter((each) => each.format === format).map(({ title }) => title);
  const what = asked.length > 0 ? `no marks of ${asked[0]}` : "no marks of pictures";
  const problem = `there are ${what} in it, and ${counted(tree.images.length, "picture")}`;
  throw new DataError("ILD55", tree.where([]), problem, howToMark);
}

/** Pixels of pictures of a folder or archive, which is opened anew. */
function letterboxedFrom(
  root: string,
  pictures: readonly PictureFile[],
  size: number,
  work: LongWork,
): Promise<readonly Uint8Array[]> {
  return withImageTree(root, (tree: ImageTree) => letterboxedPictures(tree, pictures, size, work));
}
