/**
 * What readers of files from outside may take and make, all in one place.
 *
 * A small file makes little: what comes out of compressed bytes is at most 256 MiB or a hundred times the file, whichever
 * is more. Published data sets inflate to 1.1 (photos) to 40 times (drawings) their size. What is not compressed cannot be
 * larger than its file. So an array of 4 GiB is read where a file of at least 41 MiB holds it, and the memory is there.
 */
import { freemem, totalmem } from "node:os";
import { DataError } from "./data-error.js";

const [kibi, mebi, gibi] = [2 ** 10, 2 ** 20, 2 ** 30];

export const readingLimits = {
  /** Bytes of the examples of a data set, and of one array. */
  arrayBytes: 4 * gibi,
  /** Bytes that come out of one compressed file or archive: so many, or `inflatedRatio` times its own. */
  inflatedBytes: 256 * mebi,
  inflatedRatio: 100,
  /** Bytes that one entry of a zip archive may have whatever its compressed size. */
  smallEntryBytes: 64 * kibi,
  zipEntries: 200_000,
  /** Folders within folders: each name in an archive may make as many anew. */
  zipDepth: 32,
  zipEntryBytes: 64 * mebi,
  zipBytes: 2 * gibi,
  npzEntries: 1000,
  /** An array that is read piece by piece. */
  streamedArrayBytes: 64 * gibi,
  npyHeaderBytes: 64 * kibi,
  tarBytes: 4 * gibi,
  tarEntries: 100_000,
  archiveFileBytes: 256 * gibi,
  idxBytes: gibi,
  textFileBytes: 16 * gibi,
  /** Characters of a field of a CSV, and of a line of JSON. */
  fieldLength: mebi,
  jsonLineLength: 16 * mebi,
  /** A task of an environment: those of decision processes are long tables. */
  environmentTaskBytes: 16 * mebi,
  tableColumns: 100_000,
  /** Numbers of a table for regression: drawn from at random, they are to fit in memory many times over. */
  tableValues: 2 ** 25,
  /** Cells of a table of rows that a model is to adapt to or predict for, which are kept as texts. */
  tableCells: 2 ** 22,
  labelLength: 512,
  /** Sentences of marked texts, characters of one, and a file of them in one piece of JSON. */
  markedTexts: 500_000,
  markedTextLength: 20_000,
  markedTypes: 10_000,
  markedFiles: 10_000,
  jsonFileBytes: 256 * mebi,
  /** Marked pictures, and the boxes of all together and of one: they are kept in memory. */
  markedPictures: 2 ** 18,
  markedObjects: 2 ** 22,
  objectsOfPicture: 2 ** 14,
  /** Files and folders of a folder of marked pictures. */
  pictureFolderEntries: 2 ** 20,
  /** Names of classes of pictures; one has `labelLength` characters at most. */
  pictureClasses: 10_000,
  /** A coordinate of a box in pixels, on either side of 0. */
  boxCoordinate: 2 ** 20,
  /** Memory that the values of a COCO file take, by a cautious estimate. */
  cocoMemory: gibi,
  /** Of an XML file that says what is marked in a picture, and of a text file, list or names of classes. */
  markFileBytes: 4 * mebi,
  xmlElements: 2 ** 18,
  xmlDepth: 32,
  /** Characters of a line of YOLO text, and of a list of pictures. */
  markLineLength: 4096,
  /** A side of the square that pictures are brought to. */
  letterboxSide: 4096,
  classes: 1_000_000,
  /** Texts of a data set, the UTF-16 units of all together, and of one: they are kept in memory. */
  texts: 2 ** 21,
  textsLength: 2 ** 28,
  textLength: mebi,
  /** Marks on one letter: to normalise a text takes time that grows with the square of them. */
  combiningMarks: 100,
  /** Ratings, of 20 bytes each, and users or items: they are kept in memory. */
  ratings: 2 ** 25,
  ratedEntities: 2 ** 22,
  /** Words of all items, or of all users, in the bags of one attribute. */
  bagWords: 2 ** 26,
  /** Cells of JSON lines of ratings, items or users, those that are not written among them. */
  ratingCells: 2 ** 28,
  /** Bytes of an entry of an archive of ratings, and of a table of films that may be of another encoding. */
  ratingEntryBytes: 2 * gibi,
  latinTableBytes: 64 * mebi,
  datasetHeaderBytes: 64 * mebi,
  pickleFileBytes: 32 * gibi,
  /** Memory that a pickle's values take, by a cautious estimate: at least so much, so many times its size, and at most. */
  pickleMemory: { least: 64 * mebi, ratio: 40, most: gibi },
  pickleInstructions: 50_000_000,
  /** Bytes of one compressed image within a pickle. */
  pickledImageBytes: 64 * mebi,
  torchFileBytes: gibi,
  /** Of an archive of PyTorch: its files, the pickle among them, and numbers of all tensors: so many, or as many a byte. */
  torchEntries: 100_000,
  torchPickleBytes: 64 * mebi,
  torchNumbers: { least: 16 * mebi, ratio: 4 },
  /** Inputs and outputs that imported weights are held to. */
  importCheckBytes: 256 * mebi,
  /** Of a backbone folder. */
  backboneModelBytes: gibi,
  tokenizerBytes: 32 * mebi,
  backboneSettingsBytes: 64 * kibi,
} as const;

/** Most bytes that a compressed file of so many bytes may make. */
export const inflatedLimit = (fileBytes: number): number =>
  Math.max(readingLimits.inflatedBytes, readingLimits.inflatedRatio * fileBytes);

/** Less than this is asked of the system without looking whether it is there. */
const smallBytes = 64 * mebi;

/** What the machine can give this process. Systems other than Linux count what they keep of files as taken. */
const freeBytes = (): number =>
  process.platform === "linux" ? (process.availableMemory?.() ?? freemem()) : totalmem();

/**
 * Sees to it that there is room for so many bytes, before a part of them is there.
 *
 * @throws DataError ILD07 where there is not
 */
export function requireRoom(bytes: number, where: string): void {
  if (bytes <= smallBytes) return;
  const free = freeBytes();
  if (bytes > free) throw noRoom(bytes, where, `${Math.floor(free / mebi)} MiB are free`);
}

/** So many bytes of zeros. @throws DataError ILD07 where the machine has not so many */
export function bytesFor(bytes: number, where: string): Uint8Array {
  requireRoom(bytes, where);
  try {
    return new Uint8Array(bytes);
  } catch {
    throw noRoom(bytes, where, "the system does not give them");
  }
}

function noRoom(bytes: number, where: string, why: string): DataError {
  const problem = `it takes ${Math.ceil(bytes / mebi)} MiB of memory, and ${why}`;
  return new DataError("ILD07", where, problem, "Give a part of it, or use a machine with more memory.");
}
