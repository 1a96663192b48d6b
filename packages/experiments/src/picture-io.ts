/** Marked pictures as a machine reads them. */
import type { MarkedPictures, PictureFile } from "@innerloop/core/detection";
import type { LongWork } from "./io.js";

/** The forms in which pictures are marked: COCO JSON, Pascal VOC XML, YOLO text. */
export type MarkFormat = "coco" | "voc" | "yolo";

/** The way in which marked pictures are read. */
export interface PictureReading {
  /** Told from what is there unless given: the first of COCO, Pascal VOC and YOLO. */
  readonly format?: MarkFormat | undefined;
  /**
   * The corners of Pascal VOC: of the first and the last pixel of an object, counted from 1, as the originals have them, or
   * edges between pixels, counted from 0. Default "inclusive".
   */
  readonly corners?: "inclusive" | "exclusive" | undefined;
  /** Boxes without area are left out, which a note says, or an error. Default "leave out". */
  readonly emptyBoxes?: "leave out" | "refuse" | undefined;
}

/** Marked pictures with what is known of where they come from. */
export interface FoundMarkedPictures {
  readonly pictures: MarkedPictures;
  /** Of marks and files. */
  readonly sha256: string;
  /** The path, where they are not a data set of this machine. */
  readonly folder?: string;
  /** What was found: `Pascal VOC, 364 pictures, 4,886 boxes of 3 classes`. */
  readonly found: string;
  /** What was left out, clipped or is odd, a sentence each. */
  readonly notes: readonly string[];
  /**
   * Pixels of some of the pictures, decoded when they are asked for: bytes [size, size, 3] of each, red, green, blue, turned
   * as EXIF says, placed as `letterbox(width, height, size)` says, on grey 114.
   *
   * @throws DataError with the file
   */
  letterboxed(pictures: readonly PictureFile[], size: number, work: LongWork): Promise<readonly Uint8Array[]>;
}

/** An image file in a square. */
export interface LetterboxedImage {
  readonly name: string;
  /** Of the image, turned as EXIF says, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Bytes [size, size, 3]. */
  readonly pixels: Uint8Array;
}

/** The part of a machine that reads marked pictures. */
export interface PictureIo {
  /**
   * A folder or archive with pictures and their marks, or a COCO file beside or above its pictures.
   *
   * @throws UsageError where there is nothing; DataError with file and line
   */
  markedPictures(path: string, reading: PictureReading, work: LongWork): Promise<FoundMarkedPictures>;
  /** Image files by their paths or bytes, and the images in folders, each in a square as those of `FoundMarkedPictures.letterboxed`. */
  letterboxedImages(
    images: readonly (string | Uint8Array)[],
    size: number,
    work: LongWork,
  ): Promise<readonly LetterboxedImage[]>;
}
