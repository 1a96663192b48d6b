/** The package innerloop in Node: the library, with the executors of @innerloop/node behind it. */

import { offerExecutor } from "@innerloop/core";
import { declareLibraryModule } from "@innerloop/graph";

export * from "@innerloop/core";

// Loaded when a training or prediction first needs it: whoever only describes a learner starts no engine.
offerExecutor(async () => (await import("@innerloop/node")).createExecutor());

// Errors name the user's line, and none of this package.
declareLibraryModule(import.meta.url);
