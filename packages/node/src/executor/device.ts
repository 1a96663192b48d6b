import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join, relative } from "node:path";
import { isMainThread } from "node:worker_threads";
import type { Device } from "@innerloop/experiments";
import { declareLibraryModule, GraphError } from "@innerloop/graph";

declareLibraryModule(import.meta.url);

export { type Device, devices } from "@innerloop/experiments";
export type GpuDevice = Exclude<Device, "cpu">;

const gpuNames: Readonly<Record<GpuDevice, string>> = { webgpu: "WebGPU", cuda: "CUDA" };

/** IL404: why a device cannot be used, and what to do. */
export function deviceError(device: GpuDevice, problem: string, remedy: string): GraphError {
  return new GraphError("IL404", gpuNames[device], problem, `${remedy}, or use the device cpu`);
}

/**
 * Makes sure that onnxruntime has what it needs of its own for a device, before it is asked for it.
 *
 * @param supported the devices that this build of onnxruntime knows
 * @throws IL404 where it has not
 */
export function requireSupport(device: GpuDevice, supported: readonly string[]): void {
  if (!supported.includes(device)) {
    throw deviceError(
      device,
      `onnxruntime-node has none for ${process.platform} ${process.arch}`,
      "Use another machine",
    );
  }
  if (device === "webgpu" && !isMainThread) {
    throw deviceError(
      device,
      "onnxruntime shares one GPU between all threads of a process, without locks",
      "Use it in the main thread only",
    );
  }
  if (device === "cuda" && !existsSync(cudaLibrary())) {
    const script = join(onnxruntimeFolder(), "script", "install.js");
    const near = relative(process.cwd(), script);
    throw deviceError(
      device,
      "onnxruntime's library for it is not installed",
      `Download it with \`node ${near.startsWith("..") ? script : near} --onnxruntime-node-install=cuda12\`; it needs CUDA 12, cuDNN 9 and NVIDIA's driver`,
    );
  }
}

/** IL404 for a device that onnxruntime could not use, by what it said. */
export function unusableDevice(device: GpuDevice, failure: unknown): GraphError {
  const text = failure instanceof Error ? failure.message : String(failure);
  const error = device === "webgpu" ? unusableWebgpu(text) : unusableCuda(text);
  error.cause = failure;
  return error;
}

function unusableWebgpu(failure: string): GraphError {
  const reason = /Failed to get a WebGPU [^\n]*/.exec(failure)?.[0] ?? failure.trim();
  const remedy =
    process.platform === "linux"
      ? "Install the Vulkan driver of the GPU and libvulkan1 (`vulkaninfo --summary` lists what they find)"
      : "Update the driver of the GPU";
  return deviceError("webgpu", `there is no GPU that it can use (${reason})`, remedy);
}

function unusableCuda(failure: string): GraphError {
  return deviceError(
    "cuda",
    `onnxruntime cannot use it (${missingLibrary(cudaLibrary()) ?? failure.trim()})`,
    "Install CUDA 12, cuDNN 9 and NVIDIA's driver where the dynamic linker finds them (LD_LIBRARY_PATH)",
  );
}

/** `libcudart.so.12: cannot open shared object file`: what a library lacks to be loaded. onnxruntime does not tell. */
function missingLibrary(library: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_LAZY);
  } catch (error) {
    const text = (error as Error).message;
    // That a library is no add-on of Node's is said of one that could be loaded.
    return /did not self-register/.test(text) ? undefined : text;
  }
  return undefined;
}

function onnxruntimeFolder(): string {
  return dirname(dirname(createRequire(import.meta.url).resolve("onnxruntime-node")));
}

function cudaLibrary(): string {
  const { platform, arch } = process;
  return join(onnxruntimeFolder(), "bin", "napi-v6", platform, arch, "libonnxruntime_providers_cuda.so");
}

/**
 * Whether this machine has no GPU that Vulkan could drive, so that WebGPU computes on the processor, with a software
 * driver. Linux only: elsewhere such drivers are not installed by themselves.
 */
export function webgpuIsSoftware(): boolean {
  if (process.platform !== "linux") return false;
  const nodes = (folder: string, pattern: RegExp): boolean =>
    existsSync(folder) && readdirSync(folder).some((name) => pattern.test(name));
  return !nodes("/dev/dri", /^renderD/) && !nodes("/dev", /^(nvidia\d|dxg$)/);
}
