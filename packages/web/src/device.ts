import { GraphError } from "@innerloop/graph";
import type { WebDevice } from "./engine.js";

/** The part of WebGPU that is asked here: TypeScript's own library need not know it. */
interface Gpu {
  requestAdapter(): Promise<GpuAdapter | null>;
}
interface GpuAdapter {
  /** Where it was, until it moved to `info`. */
  readonly isFallbackAdapter?: boolean;
  readonly info?: { readonly isFallbackAdapter?: boolean; readonly vendor?: string; readonly architecture?: string };
}

/** A device that is there, in words, with what should be known of the choice. */
export interface ChosenDevice {
  readonly device: WebDevice;
  readonly title: string;
  /** Reasons why it is not another one. */
  readonly notes: readonly string[];
}

const webAssembly: ChosenDevice = { device: "wasm", title: "WebAssembly", notes: [] };

/**
 * The device to compute on. "auto" takes WebGPU where there is a GPU, and never its imitation in software, which is slower
 * than WebAssembly; "webgpu" takes what there is.
 *
 * @throws GraphError IL404 where "webgpu" is asked for and there is none; IL102 for what is no device
 */
export async function chosenDevice(asked: WebDevice | "auto"): Promise<ChosenDevice> {
  if (asked === "wasm") return webAssembly;
  if (asked !== "webgpu" && asked !== "auto")
    throw new GraphError("IL102", "webExecutor", `the device ${JSON.stringify(asked)}`, "Use wasm, webgpu or auto");
  const found = await adapter();
  if (typeof found !== "string") {
    const isFallback = found.info?.isFallbackAdapter ?? found.isFallbackAdapter ?? false;
    const { vendor = "", architecture = "" } = found.info ?? {};
    const name = `${vendor} ${architecture}`.trim();
    const title = `WebGPU${name && ` (${name})`}${isFallback ? ", computed by the processor" : ""}`;
    if (asked === "webgpu" || !isFallback) return { device: "webgpu", title, notes: [] };
    return { ...webAssembly, notes: ["WebGPU would be computed by the processor"] };
  }
  if (asked === "auto") return { ...webAssembly, notes: [found] };
  throw new GraphError("IL404", "WebGPU", found, "Use another browser or machine, or the device wasm or auto");
}

/** The adapter that the browser gives, or why it gives none. */
async function adapter(): Promise<GpuAdapter | string> {
  const gpu = (globalThis.navigator as { readonly gpu?: Gpu } | undefined)?.gpu;
  if (!gpu) return "this browser has no WebGPU here";
  return (await gpu.requestAdapter()) ?? "the browser finds no GPU for WebGPU";
}
