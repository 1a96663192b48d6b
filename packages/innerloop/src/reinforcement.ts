/** Entry point "innerloop/reinforcement": environments, policies and what is computed of their trajectories. */
import "./library-module.js";

export * from "@innerloop/core/reinforcement";
