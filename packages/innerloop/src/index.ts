import { declareLibraryModule } from "@innerloop/graph";

export { bernoulliMask, uniformInGraph } from "./graph-random.js";
export * from "./layers/index.js";
export * from "./learners/index.js";
export * from "./losses.js";
export * from "./optimizers.js";
export { boundedKey, type Key, key, type Random, random, randomOf, split } from "./random.js";
export * from "./tasks/index.js";
export * from "./training/index.js";

// Errors name the user's line, and none of this package.
declareLibraryModule(import.meta.url);
