/** In Node: the executor of @innerloop/node, for those who pass none. */
import { offerExecutor } from "@innerloop/core/training";

// Loaded when a training or prediction first needs it: whoever only describes a learner starts no engine.
offerExecutor(async () => (await import("@innerloop/node")).createExecutor());
