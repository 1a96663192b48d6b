/** Data sets of classes as exported programs take them: images as bytes, rows as numbers. */
import { encodedImageForm } from "../../exported/encoded-image-inputs.js";
import type { ExportForm } from "../../exported/input-forms.js";
import { usualPixels } from "../../io.js";
import type { ExportSetting, Own } from "../domain.js";
import { portableImageEncoder } from "../portable-encoders.js";
import type { ClassificationValues } from "./options.js";
import type { ClassificationSpec } from "./spec.js";

/** @internal @throws ExportError ILE201 for features of an encoder whose model this machine does not give */
export async function exportedClasses(
  { spec }: Own<ClassificationValues, ClassificationSpec>,
  setting: ExportSetting,
): Promise<ExportForm> {
  const { floatInput } = setting;
  const { exampleShape: shape, backbone, scales, darkOnLight, invert = false, pixels = usualPixels } = spec;
  if (backbone) {
    const { encoder, told, files } = await portableImageEncoder(backbone, setting);
    const inputs = { kind: "encoded-image", shape, backbone: told, pixels } as const;
    const tried = encodedImageForm.encoder!.tried(inputs) as readonly Uint8Array[];
    return {
      inputs,
      answers: { kind: "classes" },
      pipelineTag: "image-classification",
      encoder: { files, probe: { inputs: tried, features: await encoder.encode(tried, setting.work) } },
    };
  }
  const [height, width, channels] = shape;
  const isImage = shape.length === 3 && (channels === 1 || channels === 3);
  if (!isImage)
    return {
      inputs: { kind: "numbers", shape, ...(scales ? { scales } : {}) },
      answers: { kind: "classes" },
      pipelineTag: "tabular-classification",
    };
  return {
    inputs: {
      kind: "image",
      shape: [height!, width!, channels],
      dtype: floatInput ? "float32" : "uint8",
      ...(darkOnLight === undefined ? {} : { darkOnLight }),
      inverted: invert,
      pixels,
    },
    ...(floatInput ? {} : { imageInput: {} }),
    answers: { kind: "classes" },
    pipelineTag: "image-classification",
  };
}
