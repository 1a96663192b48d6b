/** Entry point "innerloop/node", in Node alone: data sets, run folders and executors. */
import "./library-module.js";
import "./offered-executor.js";

export * from "@innerloop/node";
