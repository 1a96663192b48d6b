/** Texts of classes as exported programs take them: ids that need no tokenizer. */
import { ExportError } from "../../exported/export-error.js";
import type { ExportForm } from "../../exported/input-forms.js";
import { isPlain } from "../../exported/text-inputs.js";
import type { ExportSetting, Own } from "../domain.js";
import type { TextValues } from "./options.js";
import type { TextSpec } from "./spec.js";
import { areFixed } from "./tasks.js";

/** @internal @throws ExportError ILE201 for texts that go through an encoder or a tokenizer's file first */
export function exportedTexts(
  { spec: { coding, labels }, options }: Own<TextValues, TextSpec>,
  { shown }: ExportSetting,
): ExportForm {
  if (isPlain(coding))
    return {
      inputs: { kind: "text", coding },
      answers: { kind: "classes", ...(areFixed(options) && labels ? { classes: labels } : {}) },
      pipelineTag: "text-classification",
    };
  throw new ExportError(
    "ILE201",
    shown,
    "its texts go through a model or a tokenizer's file of their own first",
    "Export a run whose texts are words or n-grams: innerloop train text --text ngrams",
  );
}
