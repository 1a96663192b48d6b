/** Entry point "innerloop/experiments": kinds of task, options, presets and sessions, without a terminal or a file system. */
import "./library-module.js";

export * from "@innerloop/experiments";
