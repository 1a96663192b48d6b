/** Entry point "innerloop/graph": the compiler, which layers and losses of one's own are written with. */
import "./library-module.js";

export * from "@innerloop/graph";
