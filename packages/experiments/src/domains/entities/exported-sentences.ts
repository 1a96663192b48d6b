/** Marked texts as exported programs take them: features of words that need no tokenizer, and states of an encoder. */
import { encodedWordForm } from "../../exported/encoded-word-inputs.js";
import type { ExportForm } from "../../exported/input-forms.js";
import type { ExportSetting, Own } from "../domain.js";
import { portableTextEncoder } from "../portable-encoders.js";
import type { EntityValues } from "./options.js";
import type { EntitySpec } from "./spec.js";

/** @internal @throws ExportError ILE201 for words that go through an encoder that is not given here */
export async function exportedSentences(
  { spec: { words, backbone } }: Own<EntityValues, EntitySpec>,
  setting: ExportSetting,
): Promise<ExportForm> {
  const common = { answers: { kind: "spans" }, pipelineTag: "token-classification" } as const;
  if (!backbone) return { inputs: { kind: "words", words }, ...common };
  const { encoder, told, files } = await portableTextEncoder(backbone, setting);
  // States are those of words, whatever is made of whole texts.
  const { pooling: _, normalize: __, ...tokens } = told;
  const inputs = { kind: "encoded-words", words, backbone: tokens } as const;
  const tried = encodedWordForm.encoder!.tried(inputs) as readonly (readonly string[])[];
  const { length, width } = words;
  const features = new Float32Array(tried.length * length * width);
  // What it leaves out of a sentence that is too long is what is tried.
  const states = await encoder.states(tried, { ...setting.work, onWarning: () => undefined });
  states.forEach((each, i) => {
    features.set(each, i * length * width);
  });
  return { inputs, ...common, encoder: { files, probe: { inputs: tried, features } } };
}
