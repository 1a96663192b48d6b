/** The package innerloop in Node: the library, with the executors of @innerloop/node behind it. */
import "./library-module.js";
import "./offered-executor.js";

export * from "@innerloop/core";
