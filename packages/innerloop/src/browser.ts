/** The package innerloop in a page: the library alone, without a module of Node's. */
import "./library-module.js";

export * from "@innerloop/core";
