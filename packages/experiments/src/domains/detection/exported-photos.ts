/** Detectors of photos as exported programs take them: pictures in squares that an encoder makes cells of, marked boxes as maps. */
import { usualDecoding } from "@innerloop/core/detection";
import { encodedPictureForm } from "../../exported/encoded-picture-inputs.js";
import type { ExportForm } from "../../exported/input-forms.js";
import type { ExportSetting, Own } from "../domain.js";
import { portableImageEncoder } from "../portable-encoders.js";
import { leastScore } from "./own-pixels.js";
import type { PhotoValues } from "./photo-options.js";
import { type PhotoSpec, photoSight } from "./photos.js";

/** @internal @throws ExportError ILE201 for cells of an encoder that is not given here */
export async function exportedPhotos(own: Own<PhotoValues, PhotoSpec>, setting: ExportSetting): Promise<ExportForm> {
  const { exampleShape: shape, backbone, classNames } = own.spec;
  const { stride, most, overlap } = { ...usualDecoding, ...photoSight.grid(own).decoding };
  const { encoder, told, files } = await portableImageEncoder(backbone, setting);
  const inputs = { kind: "encoded-picture", shape, backbone: told } as const;
  const tried = encodedPictureForm.encoder!.tried(inputs) as readonly Uint8Array[];
  return {
    inputs,
    answers: { kind: "objects", ways: setting.classes ?? classNames.length, stride, least: leastScore, most, overlap },
    pipelineTag: "object-detection",
    encoder: { files, probe: { inputs: tried, features: await encoder.encode(tried, setting.work) } },
  };
}
