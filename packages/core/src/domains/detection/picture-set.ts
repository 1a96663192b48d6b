/** Sets of marked pictures as data: what readers make of files. */
import type { Split } from "../../tasks/task.js";
import type { MarkedPicture } from "./marked-pictures.js";

/** A marked picture with the place of its file. */
export interface PictureFile extends MarkedPicture {
  /** The path of the file below what the set was read from, with slashes: no two pictures have the same. */
  readonly path: string;
  /** The published part that it belongs to, where the set is split. */
  readonly part?: Split;
  /** What its COCO file calls it, which results in that form refer to. */
  readonly id?: number;
}

/** Marked pictures and the classes of their objects. Plain data. */
export interface MarkedPictures {
  readonly name: string;
  /** Names of classes, all different: a label is a place in this list. */
  readonly classNames: readonly string[];
  /** What their COCO file calls the classes, in the same order. */
  readonly classIds?: readonly number[];
  readonly pictures: readonly PictureFile[];
}
