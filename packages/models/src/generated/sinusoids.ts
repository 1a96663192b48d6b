// Written by scripts/models.mjs.
import type { IncludedModel } from "../included-model.js";

export const folder: Pick<IncludedModel, "figures" | "bytes" | "files"> = {
  figures: [
    {
      "protocol": "mean squared error on 600 tasks: 10 support and 10 query points, 0, 1, 5 and 10 steps (trained with 1), no batch norm",
      "title": "mean squared error",
      "mean": 0.17997462991042995,
      "interval": 0.0256876906853726,
      "tasks": 600,
      "steps": 10
    },
    {
      "protocol": "mean squared error on 600 tasks: 5 support and 5 query points, 0, 1, 5 and 10 steps (trained with 1), no batch norm",
      "title": "mean squared error",
      "mean": 0.6821351913601393,
      "interval": 0.13245822699566437,
      "tasks": 600,
      "steps": 10
    }
  ],
  bytes: 42327,
  files: {
    "README.md": () => new URL("../../learners/sinusoids/README.md", import.meta.url),
    "config.json": () => new URL("../../learners/sinusoids/config.json", import.meta.url),
    "expected.safetensors": () => new URL("../../learners/sinusoids/expected.safetensors", import.meta.url),
    "onnx/adapt.onnx": () => new URL("../../learners/sinusoids/onnx/adapt.onnx", import.meta.url),
    "onnx/few_shot.onnx": () => new URL("../../learners/sinusoids/onnx/few_shot.onnx", import.meta.url),
    "onnx/predict.onnx": () => new URL("../../learners/sinusoids/onnx/predict.onnx", import.meta.url),
    "parameters.safetensors": () => new URL("../../learners/sinusoids/parameters.safetensors", import.meta.url),
  },
};
