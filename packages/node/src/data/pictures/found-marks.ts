/** What readers of each form make of files of marks, before the pictures are looked at. */
import type { MarkFormat, PictureReading } from "@innerloop/experiments";
import type { Split } from "../labelled-examples.js";
import type { Problems } from "../problems.js";
import type { PictureTree, TreePath } from "./picture-tree.js";

/** A box as a file has it. */
export interface FoundBox {
  /** The line, or the place in a list, as `FoundMarks.placeOf` says. */
  readonly place: number;
  readonly className: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly crowd?: true;
  readonly difficult?: true;
  readonly area?: number;
}

/** A picture that a file of marks is about. */
export interface FoundMarks {
  /** What it is called in its set. */
  readonly name: string;
  /** The file of the picture. */
  readonly image: TreePath;
  /** The file of marks, and the place of the picture in it, for messages. */
  readonly where: string;
  /** The place of a box, for messages. */
  readonly placeOf: (place: number) => string;
  /** The size that the file of marks says, if it does. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Whether boxes are in fractions of the picture's sides. */
  readonly isRelative: boolean;
  readonly boxes: readonly FoundBox[];
  readonly part?: Split | undefined;
  readonly id?: number;
}

/** All of a set. */
export interface FoundMarkSet {
  /** In the order of labels; in that of their names' code units unless given. */
  readonly classNames?: readonly string[];
  readonly classIds?: readonly number[];
  readonly pictures: readonly FoundMarks[];
  /** What was left out or is odd, a sentence each. */
  readonly notes: readonly string[];
}

/** A form in which pictures are marked. */
export interface MarkReader {
  readonly format: MarkFormat;
  /** What people call it. */
  readonly title: string;
  /** How pictures are marked in it, for who has not: in a sentence's part. */
  readonly how: string;
  /**
   * The files of marks of this form in a tree; undefined where there is none. What is wrong with single marks goes to
   * `problems`, which are told together.
   *
   * @throws DataError ILD54 for a file that cannot be read at all, ILD03, ILD11
   */
  find(tree: PictureTree): Promise<FoundForm | undefined>;
}

/** Files of marks of one form. */
export interface FoundForm {
  /** How many there are and what: "364 XML files". */
  readonly files: string;
  read(reading: PictureReading, problems: Problems): Promise<FoundMarkSet>;
}
