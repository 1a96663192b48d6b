export {
  CodedError,
  DescribedError,
  declareLibraryModule,
  formatShape,
  GraphError,
  type GraphErrorCode,
  graphErrorCodes,
} from "./errors.js";
export { type Estimate, estimateModel } from "./lowering/estimate.js";
export { encode, type LoweredModel, lower } from "./lowering/lowering.js";
export { loweringProfiles } from "./lowering/lowering-profiles.js";
export { type NativeTarget, wasmTarget } from "./native/target.js";
export type { Emitter, LoweringProfile, OnnxAttribute, OnnxNode, Value } from "./program/emitter.js";
export { type Graph, hashGraph, printGraph, typesOf } from "./program/graph.js";
export * from "./program/operations.js";
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
} from "./program/primitives/elementwise.js";
export { addAlongAxis, gather, oneHot, scatterAdd, takeAlongAxis } from "./program/primitives/indexing.js";
export { matmul, swapLast } from "./program/primitives/linear-algebra.js";
export { after } from "./program/primitives/ordering.js";
export {
  type Axes,
  argMax,
  cumulativeSum,
  mean,
  reduceMax,
  reduceMin,
  sum,
  sumTo,
} from "./program/primitives/reduce.js";
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
} from "./program/primitives/shape.js";
export { overlapAdd, type WindowGeometry, windows } from "./program/primitives/windows.js";
export { type PrimitiveName, primitives } from "./program/registry.js";
export * from "./program/tensor.js";
export * from "./program/tensor-type.js";
export * from "./program/tree.js";
export { interpret, valuesOf } from "./reference/interpreter.js";
export * from "./runtime/compile.js";
export { compileInStages, type SecondStage, type StagedFunction } from "./runtime/compile-in-stages.js";
export * from "./runtime/executor.js";
export { type KeptProgram, KeptPrograms, type KeptProgramsOptions } from "./runtime/kept-programs.js";
export { type NativeModel, readNativeModel, writeNativeModel } from "./runtime/native-model.js";
export type { PortableArray, PortableArrays, PortableEngine, PortableSession } from "./runtime/portable-engine.js";
export {
  type PortableFunction,
  type PortableModel,
  type PortableSlot,
  portableModel,
  type Repetition,
  type TensorsByName,
} from "./runtime/portable-model.js";
export { type WasmFunction, type WasmSources, wasmSources, wasmSourcesOf } from "./runtime/wasm-model.js";
export { openWasmModule, type WasmModule } from "./runtime/wasm-module.js";
export * from "./transforms/differentiate.js";
export { simplificationLaws, simplify } from "./transforms/simplify.js";
export { simplifyGraph, type Traced, trace } from "./transforms/trace.js";
export { type MappedAxes, vmap } from "./transforms/vmap.js";

/**
 * A module of this package, in the folder of all its code. What is made of a graph depends on that code: a store is to
 * tell versions apart.
 */
export const compilerModule: string = import.meta.url;
