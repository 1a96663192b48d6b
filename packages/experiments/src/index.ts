import "./library-module.js";

export * from "./build.js";
export * from "./config/index.js";
export { areaAveraging } from "./domains/classification/area-averaging.js";
export { isBlank } from "./domains/classification/blank-images.js";
export { areRows, areScales, type ColumnScales } from "./domains/classification/column-scales.js";
export { invertInPlace, isDarkOnLight, isGreyImage } from "./domains/classification/dark-on-light.js";
export { type DataSplits, splitData } from "./domains/classification/data-splits.js";
export { duplicatesText, exampleDigests } from "./domains/classification/duplicate-examples.js";
export type { ClassificationValues } from "./domains/classification/options.js";
export type { ClassificationSpec } from "./domains/classification/spec.js";
export * from "./domains/domain.js";
export type { EntityAnswer } from "./domains/entities/adaptation.js";
export type { FoundEntity } from "./domains/entities/found-entities.js";
export * from "./domains/practice.js";
export * from "./domains/ranker.js";
export { type Feedback, feedbackOf } from "./domains/recommendation/feedback.js";
export type { GivenRating, GivenRatings } from "./domains/recommendation/given-ratings.js";
export * from "./domains/registry.js";
export { type PolicyDomainParts, policyDomain } from "./domains/reinforcement/domain.js";
export type { EnvironmentEntry, FamilySetting } from "./domains/reinforcement/environments.js";
export { environmentDomain } from "./domains/reinforcement/own-environment.js";
export { ledWords, tokensOfText, tokensOfWords, type WordTokens, wordLead } from "./encoder-tokens.js";
export * from "./environment-io.js";
export * from "./exported/export-run.js";
export * from "./exported/index.js";
export * from "./figures/adaptation-warning.js";
export { betterBaseline } from "./figures/better-baseline.js";
export * from "./figures/comparison.js";
export * from "./figures/earlier-figures.js";
export {
  afterText,
  choiceCounts,
  episodePictures,
  meanOverTime,
  observationRows,
  returnText,
} from "./figures/episode-pictures.js";
export { figure, plusMinus, withInterval } from "./figures/figure-text.js";
export * from "./figures/results-cells.js";
export {
  type PlottedLine,
  type PlottedPoint,
  stepsPicture,
  trainingPicture,
} from "./figures/return-pictures.js";
export { type Picture, svgElement, svgFile } from "./figures/svg-picture.js";
export * from "./imported/import-error.js";
export {
  type ImportCheck,
  type ImportMap,
  mapKeys,
  type ParameterSource,
  parseImportMap,
} from "./imported/import-map.js";
export * from "./imported/import-run.js";
export { type MatchedParameter, type NamedShape, sideBySide } from "./imported/matched-parameters.js";
export { type Layout, type LayoutName, layoutText } from "./imported/parameter-layouts.js";
export * from "./io.js";
export { cut, isRecord, quoted, reasonOf } from "./options/outside-text.js";
export { shellWord } from "./options/shell-word.js";
export * from "./options/training-options.js";
export { nearestName, UsageError } from "./options/usage-error.js";
export * from "./options/values.js";
export * from "./picture-io.js";
export { type OtherData, protocolText, taskTextOf } from "./protocol-text.js";
export * from "./rating-io.js";
export * from "./runs/adaptation-steps.js";
export * from "./runs/failure.js";
export { checkpointText, type ImportedFrom, importedText } from "./runs/imported-from.js";
export * from "./runs/open-set-rule.js";
export * from "./runs/report.js";
export * from "./runs/results.js";
export * from "./runs/run-command.js";
export * from "./runs/run-config.js";
export * from "./runs/run-error.js";
export * from "./runs/run-facts.js";
export * from "./runs/run-store.js";
export * from "./sessions/compare.js";
export * from "./sessions/evaluate.js";
export * from "./sessions/evaluated-run.js";
export * from "./sessions/new-run.js";
export * from "./sessions/open-model.js";
export * from "./sessions/open-set.js";
export * from "./sessions/plan-in-memory.js";
export * from "./sessions/prepare.js";
export { reportPictures } from "./sessions/report-pictures.js";
export * from "./sessions/resume.js";
export * from "./sessions/session-host.js";
export * from "./sessions/train.js";
export * from "./sessions/untrained-model.js";
export * from "./text-io.js";
export { AdaptedModel, type AdaptSetting, TrainedModel, type TrainedParts } from "./trained-model.js";
export { bytes, count, counted } from "./words.js";
