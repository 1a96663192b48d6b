/** Entry point "innerloop/learners": all learners, and the parts that new ones are made of. */
import "./library-module.js";

export * from "@innerloop/core/learners";
