/** Entry point "innerloop/tasks": all sources of tasks, and what new ones are made of. */
import "./library-module.js";

export * from "@innerloop/core/tasks";
