// Written by scripts/models.mjs.
import type { IncludedModel } from "../included-model.js";

export const folder: Pick<IncludedModel, "figures" | "bytes" | "files"> = {
  figures: [
    {
      "protocol": "mean absolute error of ratings on 994 tasks: at most 5 ratings of a user known, 10 others to be told, no batch norm",
      "title": "mean absolute error of ratings",
      "mean": 0.36537410122842734,
      "interval": 0.00930341329588759,
      "tasks": 994,
      "steps": 0
    }
  ],
  bytes: 719320,
  files: {
    "README.md": () => new URL("../../learners/tastes/README.md", import.meta.url),
    "config.json": () => new URL("../../learners/tastes/config.json", import.meta.url),
    "expected.safetensors": () => new URL("../../learners/tastes/expected.safetensors", import.meta.url),
    "items.json": () => new URL("../../learners/tastes/items.json", import.meta.url),
    "onnx/adapt.onnx": () => new URL("../../learners/tastes/onnx/adapt.onnx", import.meta.url),
    "onnx/few_shot.onnx": () => new URL("../../learners/tastes/onnx/few_shot.onnx", import.meta.url),
    "onnx/predict.onnx": () => new URL("../../learners/tastes/onnx/predict.onnx", import.meta.url),
    "parameters.safetensors": () => new URL("../../learners/tastes/parameters.safetensors", import.meta.url),
  },
};
