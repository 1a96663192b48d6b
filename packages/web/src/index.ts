/** The package @innerloop/web: executors of a browser, and its pictures as arrays. */
import { offerExecutor } from "@innerloop/core/training";
import { declareLibraryModule } from "@innerloop/graph";
import { isBrowser, type WebExecutor, webExecutor, workerExecutor } from "./web-executor.js";

export type { WebDevice } from "./engine.js";
export { decodeImages, type ImageDecoding, type ImageSource } from "./images/decode-images.js";
export { WebImageError, type WebImageErrorCode, webImageErrorCodes } from "./images/image-error.js";
export type { Fit } from "./images/resampling.js";
export { type LoadExportedOptions, loadExported } from "./load-exported.js";
export { type WebExecutor, type WebExecutorOptions, webExecutor, workerExecutor } from "./web-executor.js";

// Errors name the user's line, and none of this package.
declareLibraryModule(import.meta.url);

// Whoever has this package in a page has an engine, made when one is first needed. Elsewhere it is not the one to take.
if (isBrowser()) offerExecutor(async () => createExecutor());

/**
 * The executor that `train`, `evaluate` and runs of the package innerloop use in a page: in a worker, so that the page stays
 * smooth. In a worker it is there itself.
 *
 * @throws GraphError as of `webExecutor`
 */
export function createExecutor(): Promise<WebExecutor> {
  return typeof document === "object" ? workerExecutor() : webExecutor();
}
