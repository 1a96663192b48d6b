/**
 * Entry point "innerloop/exported", in Node alone: exported folders, without what reads data sets and trains runs. `load` of
 * "innerloop" takes them, too, and loads this one for it.
 */
import "./library-module.js";

export * from "@innerloop/node/exported";
