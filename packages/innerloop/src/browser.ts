/** The package innerloop in a page: the library alone, without a module of Node's. */
import { TrainingError } from "@innerloop/core";
import "./library-module.js";

export * from "@innerloop/core";
export type {
  AdaptedModel,
  AdaptSetting,
  Answer,
  ClassAnswer,
  ExportedAnswer,
  ExportedExample,
  ExportedLearner,
  ExportedRecommendation,
  ExportedTask,
  PolicyAnswer,
  Practice,
  PracticeRequest,
  RatingAnswer,
  SpanAnswer,
  TrainedModel,
  ValueAnswer,
} from "@innerloop/experiments";

/**
 * The refusal of a run folder, which only Node reads: a page has no file system.
 *
 * @throws TrainingError ILR103
 */
export const load = (folder: string): Promise<never> => refused("load", folder);

/**
 * The refusal of a run folder, as of `load`.
 *
 * @throws TrainingError ILR103
 */
export const loadRun = (folder: string): Promise<never> => refused("loadRun", folder);

function refused(operation: string, folder: string): Promise<never> {
  const problem = `${folder} is a run folder, and a page has no file system`;
  return Promise.reject(
    new TrainingError(
      "ILR103",
      operation,
      problem,
      "Load it in Node, and let the page ask for answers; or export it, and use loadExported of @innerloop/web",
    ),
  );
}
