/** The package innerloop in Node: the library, with the executors of @innerloop/node behind it. */
import "./library-module.js";
import "./offered-executor.js";

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
export type { LoadOptions } from "@innerloop/node";
export { load, loadRun } from "./load.js";
