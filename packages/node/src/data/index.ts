export { type ArrayFileOptions, readArrays } from "./array-examples.js";
export { cifar100Archive, cifar100Splits, readCifar100 } from "./cifar-100.js";
export { type CsvOptions, type CsvRow, readCsv } from "./csv.js";
export { DataError, type DataErrorCode, dataErrorCodes } from "./data-error.js";
export type { DatasetHeader, DatasetSource } from "./dataset-file.js";
export {
  type DatasetInfo,
  type DatasetListing,
  dataFolder,
  getDataset,
  type ImportSource,
  importDataset,
  listDatasets,
  loadDataset,
  type StoreOptions,
  verifyDataset,
} from "./dataset-store.js";
export { numberIn } from "./decimal-number.js";
export { drawHandwriting, type HandwritingSample, type PenStroke } from "./handwriting.js";
export { type HanziOptions, hanziCharacters, hanziExamples, readHanziStrokes } from "./hanzi.js";
export { type ImageFolderOptions, readImageFolder } from "./image-folder.js";
export type { LongWork, Progress } from "./long-work.js";
export { readMnist } from "./mnist.js";
export {
  downloadOmniglot,
  type OmniglotArchive,
  type OmniglotContents,
  omniglotAlphabets,
  omniglotArchives,
  omniglotCharacters,
  readOmniglot,
} from "./omniglot.js";
export { type RegressionTable, type RegressionTableOptions, readRegressionTable } from "./regression-table.js";
export type { MissingCells } from "./table-columns.js";
export { columnsText, type TableColumn, type TableReport, tableNotes } from "./table-report.js";
export { defaultZipLimits, withZipArchive, type ZipArchiveEntry, type ZipLimits } from "./zip-archive.js";
