import { declareLibraryModule } from "@innerloop/graph";

// What users of this package need of the compiler: values in and out. Operations, for models of one's own, are its own.
export {
  type DType,
  type Executor,
  type NestedNumbers,
  Tensor,
  type Tree,
  type TypedArray,
  tensor,
  toNumbers,
} from "@innerloop/graph";
export * from "./layers/index.js";
export * from "./learners/index.js";
export * from "./losses/losses.js";
export * from "./optimizers/index.js";
export { bernoulliMask, uniformInGraph } from "./random/graph-random.js";
export { boundedKey, type Key, key, type Random, random, randomOf, split, structureKey } from "./random/random.js";
export * from "./tasks/index.js";
export * from "./training/index.js";

// Errors name the user's line, and none of this package.
declareLibraryModule(import.meta.url);
