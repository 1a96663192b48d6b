/** Texts of classes as exported programs take them: ids that need no tokenizer, or features of an encoder. */
import { encodedTextForm } from "../../exported/encoded-text-inputs.js";
import { ExportError, notGiven } from "../../exported/export-error.js";
import { backboneFile } from "../../exported/input-encoder.js";
import type { ExportForm } from "../../exported/input-forms.js";
import { isPlain } from "../../exported/text-inputs.js";
import type { ExportSetting, Own } from "../domain.js";
import { textBackboneOf } from "../kept-encoders.js";
import type { TextValues } from "./options.js";
import type { TextSpec } from "./spec.js";
import { areFixed } from "./tasks.js";

/** @internal @throws ExportError ILE201 for texts that go through a tokenizer's file, or an encoder that is not given here */
export async function exportedTexts(
  { spec: { coding, labels }, options }: Own<TextValues, TextSpec>,
  { shown, io, work }: ExportSetting,
): Promise<ExportForm> {
  const common = {
    answers: { kind: "classes", ...(areFixed(options) && labels ? { classes: labels } : {}) },
    pipelineTag: "text-classification",
  } as const;
  if (isPlain(coding)) return { inputs: { kind: "text", coding }, ...common };
  if (coding.kind === "features") {
    const encoder = await textBackboneOf(io, coding.backbone, work);
    if (!encoder.portable) throw notGiven(shown, coding.backbone.name);
    const { model, tokenizer, padTo, ...told } = await encoder.portable();
    const backbone = { name: encoder.name, ...told, ...(padTo === undefined ? {} : { padTo }) };
    const inputs = { kind: "encoded-text", shape: [encoder.features], backbone } as const;
    const tried = encodedTextForm.encoder!.tried(inputs) as readonly string[];
    return {
      inputs,
      ...common,
      encoder: {
        files: { [backboneFile]: model, "tokenizer.json": tokenizer },
        // What it leaves out of a text that is too long is what is tried.
        probe: { inputs: tried, features: await encoder.encode(tried, { ...work, onWarning: () => undefined }) },
      },
    };
  }
  throw new ExportError(
    "ILE201",
    shown,
    "its texts go through a tokenizer's file first",
    "Export a run whose texts are words or n-grams, or features: innerloop train text --text ngrams",
  );
}
