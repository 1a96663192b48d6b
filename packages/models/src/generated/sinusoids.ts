import type { IncludedModel } from "../included-model.js";
export const folder: Pick<IncludedModel, "figures" | "bytes" | "files"> = { figures: [], bytes: 42140, files: {
    "README.md": () => new URL("../../learners/sinusoids/README.md", import.meta.url),
    "config.json": () => new URL("../../learners/sinusoids/config.json", import.meta.url),
    "expected.safetensors": () => new URL("../../learners/sinusoids/expected.safetensors", import.meta.url),
    "onnx/adapt.onnx": () => new URL("../../learners/sinusoids/onnx/adapt.onnx", import.meta.url),
    "onnx/few_shot.onnx": () => new URL("../../learners/sinusoids/onnx/few_shot.onnx", import.meta.url),
    "onnx/predict.onnx": () => new URL("../../learners/sinusoids/onnx/predict.onnx", import.meta.url),
    "parameters.safetensors": () => new URL("../../learners/sinusoids/parameters.safetensors", import.meta.url),
}};
