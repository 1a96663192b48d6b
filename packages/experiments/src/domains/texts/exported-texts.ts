/** Texts of classes as exported programs take them: ids that need no tokenizer, or features of an encoder. */
import { encodedTextForm } from "../../exported/encoded-text-inputs.js";
import { ExportError } from "../../exported/export-error.js";
import type { ExportForm } from "../../exported/input-forms.js";
import { isPlain } from "../../exported/text-inputs.js";
import type { ExportSetting, Own } from "../domain.js";
import { portableTextEncoder } from "../portable-encoders.js";
import type { TextValues } from "./options.js";
import type { TextSpec } from "./spec.js";
import { areFixed } from "./tasks.js";

/** @internal @throws ExportError ILE201 for texts that go through a tokenizer's file, or an encoder that is not given here */
export async function exportedTexts(
  { spec: { coding, labels }, options }: Own<TextValues, TextSpec>,
  setting: ExportSetting,
): Promise<ExportForm> {
  const common = {
    answers: { kind: "classes", ...(areFixed(options) && labels ? { classes: labels } : {}) },
    pipelineTag: "text-classification",
  } as const;
  if (isPlain(coding)) return { inputs: { kind: "text", coding }, ...common };
  if (coding.kind === "features") {
    const { encoder, told, files } = await portableTextEncoder(coding.backbone, setting);
    const inputs = { kind: "encoded-text", shape: [encoder.features], backbone: told } as const;
    const tried = encodedTextForm.encoder!.tried(inputs) as readonly string[];
    // What it leaves out of a text that is too long is what is tried.
    const features = await encoder.encode(tried, { ...setting.work, onWarning: () => undefined });
    return { inputs, ...common, encoder: { files, probe: { inputs: tried, features } } };
  }
  throw new ExportError(
    "ILE201",
    setting.shown,
    "its texts go through a tokenizer's file first",
    "Export a run whose texts are words or n-grams, or features: innerloop train text --text ngrams",
  );
}
