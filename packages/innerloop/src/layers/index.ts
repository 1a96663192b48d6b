export * from "./initialization.js";
export {
  type ApplyContext,
  type BatchNormMode,
  functionLayer,
  type Layer,
  type NoParameters,
  type Statistics,
  type StatisticsByPath,
  within,
} from "./layer.js";
export * from "./layers.js";
export * from "./models.js";
