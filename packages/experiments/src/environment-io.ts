/** Environments that a machine has parts of its own for: a simulator of physics. */
import type { EnvironmentFamily } from "@innerloop/core/reinforcement";

/** A family of bodies that walk or run. */
export interface LocomotionRequest {
  readonly body: "half-cheetah" | "ant";
  readonly goal: "direction" | "velocity" | "direction-2d";
  /** Whose settings. */
  readonly protocol: string;
  /** Steps of an episode, where they are not those of the protocol. */
  readonly horizon?: number;
  /** Threads that simulate. */
  readonly workers?: number;
}

/** The simulators of a machine. */
export interface EnvironmentIo {
  /** @throws UsageError where the machine has no simulator of physics */
  locomotion(asked: LocomotionRequest): Promise<EnvironmentFamily>;
}
