/**
 * Entry point "innerloop/exported", in Node alone: exported folders, without what trains. `load` of "innerloop" takes them,
 * too; this one starts faster.
 */
import "./library-module.js";

export * from "@innerloop/node/exported";
