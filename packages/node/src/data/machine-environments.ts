/** The simulator of physics of this machine: a package of its own, which only those install who use it. */
import type { EnvironmentFamily } from "@innerloop/core/reinforcement";
import { type EnvironmentIo, UsageError } from "@innerloop/experiments";

/** The simulator. @throws UsageError where it is not installed */
async function simulator(): Promise<typeof import("@innerloop/mujoco")> {
  try {
    return await import("@innerloop/mujoco");
  } catch (error) {
    if ((error as { readonly code?: string }).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new UsageError(
      "half-cheetahs and ants are simulated by @innerloop/mujoco, which is not installed",
      "Install it beside innerloop: `npm install innerloop @innerloop/mujoco`",
    );
  }
}

/** Environments of this machine. */
export const machineEnvironments: EnvironmentIo = {
  locomotion: async ({ body, goal, protocol, horizon, workers }) => {
    const { ant, halfCheetah } = await simulator();
    const options = {
      protocol: protocol as never,
      ...(workers === undefined ? {} : { workers }),
      ...(horizon === undefined ? {} : { settings: { horizon } }),
    };
    const family = body === "ant" ? ant({ goal, ...options }) : halfCheetah({ goal: goal as "direction", ...options });
    return family as unknown as EnvironmentFamily;
  },
};
