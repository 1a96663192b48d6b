// Written by scripts/models.mjs.
import type { IncludedModel } from "../included-model.js";

export const folder: Pick<IncludedModel, "figures" | "bytes" | "files"> = {
  figures: [
    {
      "protocol": "AP50 on 200 tasks from 200 held-out classes (4,000 examples): 3-way, 1 support scene, 4 query scenes with 2 distractors, no batch norm",
      "title": "AP50",
      "mean": 0.8751408787067136,
      "interval": 0.015952808312210423,
      "tasks": 200,
      "steps": 0
    },
    {
      "protocol": "AP50 on 200 tasks from 200 held-out classes (4,000 examples): 3-way, 5 support scenes, 4 query scenes with 2 distractors, no batch norm",
      "title": "AP50",
      "mean": 0.915763860423696,
      "interval": 0.011782528389574354,
      "tasks": 200,
      "steps": 0
    },
    {
      "protocol": "AP50 on 200 tasks from 200 held-out classes (4,000 examples): 5-way, 1 support scene, 4 query scenes with 2 distractors, no batch norm",
      "title": "AP50",
      "mean": 0.8320421728164799,
      "interval": 0.01692636649343021,
      "tasks": 200,
      "steps": 0
    }
  ],
  bytes: 412863,
  files: {
    "README.md": () => new URL("../../learners/scenes/README.md", import.meta.url),
    "config.json": () => new URL("../../learners/scenes/config.json", import.meta.url),
    "expected.safetensors": () => new URL("../../learners/scenes/expected.safetensors", import.meta.url),
    "onnx/adapt.onnx": () => new URL("../../learners/scenes/onnx/adapt.onnx", import.meta.url),
    "onnx/few_shot.onnx": () => new URL("../../learners/scenes/onnx/few_shot.onnx", import.meta.url),
    "onnx/predict.onnx": () => new URL("../../learners/scenes/onnx/predict.onnx", import.meta.url),
    "parameters.safetensors": () => new URL("../../learners/scenes/parameters.safetensors", import.meta.url),
    "preprocessor_config.json": () => new URL("../../learners/scenes/preprocessor_config.json", import.meta.url),
  },
};
