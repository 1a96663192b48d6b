/** Detectors of scenes as exported programs take them: pictures in squares, marked boxes as maps. */
import { usualDecoding } from "@innerloop/core/detection";
import type { ExportForm } from "../../exported/input-forms.js";
import type { ExportSetting, Own } from "../domain.js";
import type { DetectionValues } from "./options.js";
import { leastScore } from "./own-pixels.js";
import { type SceneSpec, sceneSight } from "./scenes.js";

/** @internal */
export function exportedScenes(own: Own<DetectionValues, SceneSpec>, { floatInput }: ExportSetting): ExportForm {
  const { size, decoding } = sceneSight.grid(own);
  const channels = own.spec.exampleShape[2] === 1 ? 1 : 3;
  const { stride, most, overlap } = { ...usualDecoding, ...decoding };
  return {
    inputs: { kind: "picture", size, channels, dtype: floatInput ? "float32" : "uint8" },
    ...(floatInput ? {} : { imageInput: { greyOfColours: channels === 1 } }),
    answers: { kind: "objects", ways: own.options.ways, stride, least: leastScore, most, overlap },
    pipelineTag: "object-detection",
  };
}
