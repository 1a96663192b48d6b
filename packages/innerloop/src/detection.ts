/** Entry point "innerloop/detection": marked pictures, detections, and what these are judged by. */
import "./library-module.js";

export * from "@innerloop/core/detection";
