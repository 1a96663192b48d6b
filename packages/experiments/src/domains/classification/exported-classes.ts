/** Data sets of classes as exported programs take them: images as bytes, rows as numbers. */
import { ExportError } from "../../exported/export-error.js";
import type { ExportForm } from "../../exported/input-forms.js";
import { usualPixels } from "../../io.js";
import type { ExportSetting, Own } from "../domain.js";
import type { ClassificationValues } from "./options.js";
import type { ClassificationSpec } from "./spec.js";

/** @internal @throws ExportError ILE201 for examples that are features of an encoder */
export function exportedClasses(
  { spec }: Own<ClassificationValues, ClassificationSpec>,
  { floatInput, shown }: ExportSetting,
): ExportForm {
  const { exampleShape: shape, backbone, scales, darkOnLight, invert = false, pixels = usualPixels } = spec;
  if (backbone)
    throw new ExportError(
      "ILE201",
      shown,
      `its inputs are features of the backbone ${backbone.name}, which is a model of its own`,
      "Export a run that sees images itself",
    );
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
