/** Entry point "innerloop/layers": the layers that networks are made of. */
import "./library-module.js";

export * from "@innerloop/core/layers";
