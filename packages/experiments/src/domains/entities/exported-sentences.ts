/** Marked texts as exported programs take them: features of words that need no tokenizer. */
import { ExportError } from "../../exported/export-error.js";
import type { ExportForm } from "../../exported/input-forms.js";
import type { ExportSetting, Own } from "../domain.js";
import type { EntityValues } from "./options.js";
import type { EntitySpec } from "./spec.js";

/** @internal @throws ExportError ILE201 for words that go through an encoder first */
export function exportedSentences(
  { spec: { words, backbone } }: Own<EntityValues, EntitySpec>,
  { shown }: ExportSetting,
): ExportForm {
  if (!backbone)
    return { inputs: { kind: "words", words }, answers: { kind: "spans" }, pipelineTag: "token-classification" };
  throw new ExportError(
    "ILE201",
    shown,
    `its words go through the backbone ${backbone.name}, which is a model of its own`,
    "Export a run without one: innerloop train entities",
  );
}
