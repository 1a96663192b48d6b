import type { LoweringProfile } from "../program/emitter.js";

/** The kinds of executors there are. */
export const loweringProfiles: Readonly<Record<LoweringProfile["name"], LoweringProfile>> = {
  cpu: {
    name: "cpu",
    fusedMatMul: true,
    hardSigmoidStep: true,
    cacheBytes: 2 ** 21,
    splitsSums: true,
    computesTables: false,
  },
  web: {
    name: "web",
    fusedMatMul: true,
    hardSigmoidStep: true,
    cacheBytes: 2 ** 21,
    splitsSums: true,
    computesTables: false,
  },
  // Its FusedMatMul runs on the CPU. Shaders need not know infinity, which HardSigmoid's slope of 3.4e38 relies on.
  webgpu: {
    name: "webgpu",
    fusedMatMul: false,
    hardSigmoidStep: false,
    cacheBytes: Number.POSITIVE_INFINITY,
    splitsSums: true,
    computesTables: false,
  },
  cuda: {
    name: "cuda",
    fusedMatMul: true,
    hardSigmoidStep: true,
    cacheBytes: Number.POSITIVE_INFINITY,
    splitsSums: true,
    computesTables: false,
  },
  /** Operators of the ONNX standard only, as exported models use. */
  standard: {
    name: "standard",
    fusedMatMul: false,
    hardSigmoidStep: false,
    cacheBytes: Number.POSITIVE_INFINITY,
    splitsSums: false,
    computesTables: true,
  },
};
