// Written by scripts/models.mjs.
import type { IncludedModel } from "../included-model.js";

export const folder: Pick<IncludedModel, "figures" | "bytes" | "files"> = {
  figures: [
    {
      "protocol": "accuracy on 600 tasks from 523 held-out classes (10,460 examples): 20-way 1-shot, 3 queries per class, batch norm running unless a row says otherwise",
      "title": "accuracy",
      "mean": 0.9142778222759564,
      "interval": 0.0034392016269667713,
      "tasks": 600,
      "steps": 0
    },
    {
      "protocol": "accuracy on 600 tasks from 523 held-out classes (10,460 examples): 20-way 5-shot, 3 queries per class, batch norm running",
      "title": "accuracy",
      "mean": 0.975944484770298,
      "interval": 0.0016546200761827202,
      "tasks": 600,
      "steps": 0
    },
    {
      "protocol": "accuracy on 600 tasks from 523 held-out classes (10,460 examples): 5-way 1-shot, 3 queries per class, batch norm running",
      "title": "accuracy",
      "mean": 0.9745555744568507,
      "interval": 0.003657552539117278,
      "tasks": 600,
      "steps": 0
    }
  ],
  bytes: 880824,
  files: {
    "README.md": () => new URL("../../learners/symbols/README.md", import.meta.url),
    "config.json": () => new URL("../../learners/symbols/config.json", import.meta.url),
    "expected.safetensors": () => new URL("../../learners/symbols/expected.safetensors", import.meta.url),
    "onnx/adapt.onnx": () => new URL("../../learners/symbols/onnx/adapt.onnx", import.meta.url),
    "onnx/few_shot.onnx": () => new URL("../../learners/symbols/onnx/few_shot.onnx", import.meta.url),
    "onnx/predict.onnx": () => new URL("../../learners/symbols/onnx/predict.onnx", import.meta.url),
    "parameters.safetensors": () => new URL("../../learners/symbols/parameters.safetensors", import.meta.url),
    "preprocessor_config.json": () => new URL("../../learners/symbols/preprocessor_config.json", import.meta.url),
  },
};
