/** Entry point "innerloop/training" in a page: the parts of training and evaluation. */
import "./library-module.js";

export * from "@innerloop/core/training";
