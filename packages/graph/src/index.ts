export * from "./compile.js";
export { compilerModule } from "./compiled-model.js";
export * from "./differentiate.js";
export {
  CodedError,
  DescribedError,
  declareLibraryModule,
  formatShape,
  GraphError,
  type GraphErrorCode,
  graphErrorCodes,
} from "./errors.js";
export * from "./executor.js";
export * from "./graph.js";
export { interpret, valuesOf } from "./interpreter.js";
export { type KeptProgram, KeptPrograms, type KeptProgramsOptions } from "./kept-programs.js";
export type { Emitter, OnnxAttribute, OnnxNode, Value } from "./onnx/emitter.js";
export { type Estimate, estimateModel } from "./onnx/estimate.js";
export { encode, type LoweredModel, lower } from "./onnx/lowering.js";
export * from "./operations.js";
export * from "./primitive.js";
export {
  abs,
  add,
  cast,
  cos,
  div,
  equal,
  erf,
  exp,
  floor,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  max,
  min,
  mod,
  mul,
  neg,
  notEqual,
  pow,
  relu,
  sigmoid,
  sign,
  sin,
  sqrt,
  step,
  stopGradient,
  sub,
  tanh,
  where,
} from "./primitives/elementwise.js";
export { addAlongAxis, gather, oneHot, scatterAdd, takeAlongAxis } from "./primitives/indexing.js";
export { matmul, swapLast } from "./primitives/linear-algebra.js";
export { after } from "./primitives/ordering.js";
export { type Axes, argMax, cumulativeSum, mean, reduceMax, reduceMin, sum, sumTo } from "./primitives/reduce.js";
export {
  broadcastTo,
  concat,
  expandAxis,
  flip,
  full,
  moveAxis,
  ones,
  onesLike,
  pad,
  range,
  reshape,
  slice,
  sliceAxis,
  stack,
  transpose,
  zeros,
  zerosLike,
} from "./primitives/shape.js";
export { overlapAdd, type WindowGeometry, windows } from "./primitives/windows.js";
export { type PrimitiveName, primitives } from "./registry.js";
export { simplificationLaws, simplify } from "./simplify.js";
export * from "./tensor.js";
export * from "./tree.js";
export { type MappedAxes, vmap } from "./vmap.js";
