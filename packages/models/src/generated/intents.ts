// Written by scripts/models.mjs.
import type { IncludedModel } from "../included-model.js";

export const folder: Pick<IncludedModel, "figures" | "bytes" | "files"> = {
  figures: [
    {
      "protocol": "accuracy on 600 tasks from 50 held-out classes (7,500 examples): 20-way 5-shot, 5 queries per class, no batch norm",
      "title": "accuracy",
      "mean": 0.8696333136161168,
      "interval": 0.00326074864972508,
      "tasks": 600,
      "steps": 0
    },
    {
      "protocol": "accuracy on 600 tasks from 50 held-out classes (7,500 examples): 5-way 5-shot, 5 queries per class, no batch norm",
      "title": "accuracy",
      "mean": 0.94193331549565,
      "interval": 0.004598767023123114,
      "tasks": 600,
      "steps": 0
    },
    {
      "protocol": "accuracy on 600 tasks from 50 held-out classes (7,500 examples): 5-way 1-shot, 5 queries per class, no batch norm",
      "title": "accuracy",
      "mean": 0.7903999792039395,
      "interval": 0.008809118715993308,
      "tasks": 600,
      "steps": 0
    }
  ],
  bytes: 704856,
  files: {
    "README.md": () => new URL("../../learners/intents/README.md", import.meta.url),
    "config.json": () => new URL("../../learners/intents/config.json", import.meta.url),
    "expected.safetensors": () => new URL("../../learners/intents/expected.safetensors", import.meta.url),
    "onnx/adapt.onnx": () => new URL("../../learners/intents/onnx/adapt.onnx", import.meta.url),
    "onnx/few_shot.onnx": () => new URL("../../learners/intents/onnx/few_shot.onnx", import.meta.url),
    "onnx/predict.onnx": () => new URL("../../learners/intents/onnx/predict.onnx", import.meta.url),
    "parameters.safetensors": () => new URL("../../learners/intents/parameters.safetensors", import.meta.url),
  },
};
