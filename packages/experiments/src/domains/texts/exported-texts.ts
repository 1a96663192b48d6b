/** Texts of classes as exported programs take them: ids of words or pieces, or features of an encoder. */
import { encodedTextForm } from "../../exported/encoded-text-inputs.js";
import type { ExportForm } from "../../exported/input-forms.js";
import { tokenizerFile, triedTexts } from "../../exported/text-encoder.js";
import { isPlain } from "../../exported/text-inputs.js";
import type { ExportSetting, Own } from "../domain.js";
import { tokenizerOf } from "../kept-encoders.js";
import { portableTextEncoder } from "../portable-encoders.js";
import { codeTexts } from "./coding.js";
import type { TextValues } from "./options.js";
import type { TextSpec } from "./spec.js";
import { areFixed } from "./tasks.js";

/** @internal @throws ExportError ILE201 for texts that go through an encoder that is not given here */
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
  const { file, shift } = await tokenizerOf(setting.io, coding.tokenizer, setting.work);
  const { length, count, tokenizer } = coding;
  const inputs = { kind: "tokenized-text", tokenizer: tokenizer.name, length, count, shift } as const;
  const { rows } = await codeTexts(triedTexts, coding, setting.io, setting.work);
  const probe = { inputs: triedTexts, features: rows };
  return { inputs, ...common, encoder: { files: { [tokenizerFile]: file }, probe } };
}
