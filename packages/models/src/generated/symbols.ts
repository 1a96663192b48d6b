import type { IncludedModel } from "../included-model.js";
export const folder: Pick<IncludedModel, "figures" | "bytes" | "files"> = { figures: [], bytes: 973070, files: {
    "README.md": () => new URL("../../learners/symbols/README.md", import.meta.url),
    "config.json": () => new URL("../../learners/symbols/config.json", import.meta.url),
    "expected.safetensors": () => new URL("../../learners/symbols/expected.safetensors", import.meta.url),
    "onnx/adapt.onnx": () => new URL("../../learners/symbols/onnx/adapt.onnx", import.meta.url),
    "onnx/few_shot.onnx": () => new URL("../../learners/symbols/onnx/few_shot.onnx", import.meta.url),
    "onnx/predict.onnx": () => new URL("../../learners/symbols/onnx/predict.onnx", import.meta.url),
    "parameters.safetensors": () => new URL("../../learners/symbols/parameters.safetensors", import.meta.url),
    "preprocessor_config.json": () => new URL("../../learners/symbols/preprocessor_config.json", import.meta.url),
}};
