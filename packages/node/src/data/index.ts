export { numberIn } from "@innerloop/core/tasks";
export type { LongWork, Progress } from "@innerloop/experiments";
export { DataError, type DataErrorCode, dataErrorCodes } from "./data-error.js";
export { type CsvOptions, type CsvRow, readCsv } from "./formats/csv.js";
export { defaultZipLimits, withZipArchive, type ZipArchiveEntry, type ZipLimits } from "./formats/zip-archive.js";
export { type ArrayFileOptions, readArrays } from "./images/array-examples.js";
export { type ImageFolderOptions, readImageFolder } from "./images/image-folder.js";
export { writeCocoJson } from "./pictures/coco-writing.js";
export { letterboxedImages } from "./pictures/letterboxed-pixels.js";
export { readMarkedPictures } from "./pictures/marked-pictures.js";
export { cifar100Archive, cifar100Splits, readCifar100 } from "./sets/cifar-100.js";
export { drawHandwriting, type HandwritingSample, type PenStroke } from "./sets/handwriting.js";
export { type HanziOptions, hanziCharacters, hanziExamples, readHanziStrokes } from "./sets/hanzi.js";
export { readMnist } from "./sets/mnist.js";
export {
  downloadOmniglot,
  type OmniglotArchive,
  type OmniglotContents,
  omniglotAlphabets,
  omniglotArchives,
  omniglotCharacters,
  readOmniglot,
} from "./sets/omniglot.js";
export {
  type DatasetInfo,
  type DatasetListing,
  dataFolder,
  getDataset,
  type ImportSource,
  importDataset,
  listDatasets,
  loadDataset,
  loadInteractions,
  loadMarkedTexts,
  loadTexts,
  type StoreOptions,
  verifyDataset,
} from "./store/dataset-store.js";
export type { DatasetHeader } from "./store/stored-examples.js";
export type { DatasetSource } from "./store/stored-kind.js";
export { type RegressionTable, type RegressionTableOptions, readRegressionTable } from "./tables/regression-table.js";
export type { MissingCells } from "./tables/table-columns.js";
export { columnsText, type TableColumn, type TableReport, tableNotes } from "./tables/table-report.js";
export { readTableRows, type TableRowsFile, type TableRowsFileOptions } from "./tables/table-rows.js";
