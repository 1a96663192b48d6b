/** Entry point "innerloop/training" in Node, where an executor is at hand. */
import "./library-module.js";
import "./offered-executor.js";

export * from "@innerloop/core/training";
