import { onnxruntimeExecutor } from "./onnxruntime-executor.js";

/**
 * Why tests of WebGPU cannot run here, to be given to vitest's `context.skip`; undefined where they can. A software
 * driver of Vulkan will do.
 *
 * @throws Error in CI, where one must be there
 */
export async function webgpuMissing(): Promise<string | undefined> {
  const executor = onnxruntimeExecutor({ device: "webgpu" });
  try {
    await executor.ready();
    return undefined;
  } catch (error) {
    const reason = `no WebGPU; scripts/vulkan-driver-setup.sh installs a driver: ${(error as Error).message}`;
    if (process.env.CI) throw new Error(reason);
    console.warn(`skipped, ${reason}`);
    return reason;
  } finally {
    await executor.close();
  }
}
