/** What a machine can read for an experiment: Node, a page and a service each give their own. */
import type { LabelledExamples, Table } from "@innerloop/core";
import type { TableRow, TableRowsOptions, TableSpec } from "@innerloop/core/tasks";
import type { EnvironmentIo } from "./environment-io.js";
import type { PictureIo } from "./picture-io.js";
import type { RatingIo } from "./rating-io.js";
import type { TextIo } from "./text-io.js";

/** Called as long work goes on: `done` of `total` steps (or bytes), and what is being worked on. */
export type Progress = (done: number, total: number, what: string) => void;

/** The means by which a caller follows and stops long work. A stopped call rejects with the signal's reason. */
export interface LongWork {
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with what the user should know of the result, in a sentence or more. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** The way in which the pixels of image files become bytes. */
export interface PixelReading {
  /** What transparent images lie on. */
  readonly background: "white" | "black";
  /** Bits that the values of 16-bit images use. */
  readonly depth: 8 | 10 | 12 | 16;
}

/** The reading of images that do not say otherwise. */
export const usualPixels: PixelReading = { background: "white", depth: 16 };

/** Examples with what is known of where they come from. */
export interface FoundExamples {
  readonly examples: LabelledExamples;
  /** Of their contents. */
  readonly sha256: string;
  readonly pixels?: PixelReading;
}

/** The way in which images are brought to one shape. */
export interface ImageShape {
  readonly size: readonly [height: number, width: number];
  readonly channels: 1 | 3;
}

/** Columns of a table for regression, and what is told of them. */
export interface FoundTable {
  readonly table: Table;
  readonly inputs: readonly string[];
  readonly sha256: string;
  /** What its columns were taken for, in a line. */
  readonly columns: string;
  /** What is odd about them, a sentence each. */
  readonly notes: readonly string[];
  /** Whether it writes numbers with decimal commas. */
  readonly decimalCommas?: boolean;
  /** Groups that differ in upper case or blanks alone, in a sentence. */
  readonly similarGroups?: string | undefined;
}

/** Rows of a table file, as a spec of another table reads them. */
export interface FoundRows {
  readonly rows: readonly TableRow[];
  readonly reading: TableRowsOptions;
  /** By name, of the targets that the file has: their values in the table's units, undefined where a cell is empty. */
  readonly targets: Readonly<Record<string, readonly (number | undefined)[]>>;
  /** What is not used or was not seen in training, a sentence each. */
  readonly notes: readonly string[];
}

/** The readers of a machine. A path means what it means there. */
export interface DataIo extends TextIo, RatingIo, PictureIo, EnvironmentIo {
  /** What is at a path: a folder, an archive of one, a file; undefined for nothing. */
  kindOf(path: string): Promise<"folder" | "archive" | "file" | undefined>;
  /** A path as it is kept, so that it means the same wherever a later call comes from. */
  absolute(path: string): string;
  /** A path as messages show it. */
  shown(path: string): string;
  /** Names of the data sets that this machine knows. */
  datasetNames(): Promise<readonly string[]>;
  /** A data set by its name. */
  dataset(name: string, work: LongWork): Promise<FoundExamples>;
  /** A folder, or an archive of one, with a folder of images for each class. */
  classFolders(
    path: string,
    reading: ImageShape & {
      readonly name: string;
      readonly skipBad?: boolean;
      /** As a run has read its images before. */
      readonly pixels?: PixelReading | undefined;
      /** Where images leave it open. */
      readonly preferredPixels?: PixelReading | undefined;
      /** Kept decoded, for the next time. */
      readonly cached?: boolean;
    },
    work: LongWork,
  ): Promise<FoundExamples & { readonly pixels: PixelReading }>;
  /** Image files, and the images in folders, each brought to one shape: the files' names with their bytes. */
  images(
    paths: readonly string[],
    reading: ImageShape & { readonly pixels: PixelReading },
  ): Promise<readonly { readonly name: string; readonly bytes: Uint8Array }[]>;
  /** Images in memory, as files have them. */
  decoded(
    images: readonly Uint8Array[],
    reading: ImageShape & { readonly pixels: PixelReading },
  ): Promise<readonly Uint8Array[]>;
  /** The columns of a table. */
  table(
    path: string,
    reading: {
      readonly name: string;
      readonly groupColumn: string;
      readonly targets: readonly string[];
      readonly inputs?: readonly string[] | undefined;
      readonly missing: "refuse" | "drop" | "mean";
      /** Leave columns of text out, as runs of before there were categories did. */
      readonly numbersOnly?: boolean;
    },
    work: LongWork,
  ): Promise<FoundTable>;
  /** Rows of a table file by the spec of another, with what each needs, all problems said at once. */
  tableRows(path: string, spec: TableSpec, reading: LongWork & { readonly needTargets: boolean }): Promise<FoundRows>;
  /** A text file, of at most so many bytes. */
  text(path: string, mostBytes: number): Promise<string>;
}
