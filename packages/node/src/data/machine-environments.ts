/** The simulator of physics of this machine: a package of its own, which only those install who use it. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { EnvironmentFamily } from "@innerloop/core/reinforcement";
import { type EnvironmentIo, UsageError } from "@innerloop/experiments";

type Simulator = typeof import("@innerloop/mujoco");

const packageName = "@innerloop/mujoco";

/** The simulator, beside this package or in the folder at hand. @throws UsageError where it is not installed */
async function simulator(): Promise<Simulator> {
  const isMissing = (error: unknown): boolean =>
    ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes((error as { readonly code?: string }).code ?? "");
  try {
    return await import("@innerloop/mujoco");
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    // A command that was installed for all folders does not look into this one by itself.
    const found = createRequire(join(process.cwd(), "package.json")).resolve(packageName);
    return (await import(pathToFileURL(found).href)) as Simulator;
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new UsageError(
      `half-cheetahs and ants are simulated by ${packageName}, which is not installed`,
      `Install it beside innerloop: \`npm install ${packageName}\``,
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
