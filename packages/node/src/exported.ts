/** Entry point "@innerloop/node/exported": exported folders, without what reads data and trains. */
import { declareLibraryModule } from "@innerloop/graph";

export type {
  ClassAnswer,
  ExportedAdapting,
  ExportedAnswer,
  ExportedConfig,
  ExportedExample,
  ExportedLearner,
  ExportedTask,
  ValueAnswer,
} from "@innerloop/experiments/exported";
export { ExportError, exportErrorCodes, isIncludedAddress } from "@innerloop/experiments/exported";
export { isExported, loadExported } from "./runs/exported-folder.js";

// Errors name the user's line, and none of this package.
declareLibraryModule(import.meta.url);
