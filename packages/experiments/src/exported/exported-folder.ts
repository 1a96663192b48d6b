/** The files of an exported folder, which is a repository of the Hugging Face hub as it is. */
import { type ExportedPrograms, encodeArrays, encodeSafetensors } from "@innerloop/core/training";
import type { PortableArrays } from "@innerloop/graph";
import { quoted } from "../options/outside-text.js";
import { UsageError } from "../options/usage-error.js";
import { type EvaluationRecord, parseEvaluationRecord } from "../published/row-evaluations.js";
import { mostRecordBytes, type RunStore } from "../runs/run-store.js";
import type { ExportedConfig, ExportedFileName } from "./exported-config.js";
import { wasmFile } from "./exported-programs.js";
import { type ExportForm, formOf } from "./input-forms.js";
import { type CardDetails, modelCard } from "./model-card.js";

/** What an exported folder is made of. */
export interface FolderParts {
  /** What config.json will tell, but for the files. */
  readonly told: Omit<ExportedConfig, "files">;
  readonly programs: ExportedPrograms;
  readonly form: ExportForm;
  readonly run: RunStore;
  /** A held-out task and the run's own answers, by the names of inputs and outputs. */
  readonly expected: PortableArrays;
  readonly card: CardRequest;
  /** Adapting and predicting in WebAssembly. */
  readonly wasm?: Uint8Array | undefined;
}

/** What a model card tells beside what the run knows. */
export interface CardRequest extends CardDetails {
  /** Further evaluations, by the names of their files in the run, without an ending: `results-best-ways-5`. */
  readonly results?: readonly string[] | undefined;
}

/**
 * The files of an exported folder: those whose hashes config.json tells, and the model card, which anyone may edit.
 *
 * @example const { told, readme } = await exportedFiles({ told, programs, form, run, expected })
 */
export async function exportedFiles({
  told,
  programs,
  form,
  run,
  expected,
  wasm,
  card: { results = [], ...details },
}: FolderParts): Promise<{
  readonly told: Readonly<Partial<Record<ExportedFileName, Uint8Array>>>;
  readonly readme: Uint8Array;
}> {
  const { models, parameters, parametersDigest } = programs;
  const { inputs } = form;
  const { file, encoder, preprocessor: preprocessorOf } = formOf(inputs);
  const probe = form.encoder && encoder?.kept(form.encoder.probe, inputs);
  const preprocessor = preprocessorOf?.(inputs);
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const own = await resultsOf(run, "results");
  const others = await Promise.all(results.map((name) => furtherResults(run, name)));
  const judged = own ? [own, ...others] : others;
  const card = modelCard({ told, form, programs, results: judged, details, wasmBytes: wasm?.length });
  return {
    readme: text(card),
    told: {
      ...(preprocessor ? { "preprocessor_config.json": text(`${JSON.stringify(preprocessor, null, 2)}\n`) } : {}),
      ...(file ? { [file.name]: file.bytes(inputs) } : {}),
      ...form.encoder?.files,
      "onnx/adapt.onnx": models.adapt.bytes,
      "onnx/predict.onnx": models.predict.bytes,
      "onnx/few_shot.onnx": models.few_shot.bytes,
      ...(wasm ? { [wasmFile]: wasm } : {}),
      "parameters.safetensors": encodeSafetensors({
        tensors: parameters,
        metadata: { format: "innerloop parameters 1", learner: told.learner, sha256: parametersDigest },
      }),
      "expected.safetensors": encodeArrays({
        arrays: { ...expected, ...probe?.arrays },
        metadata: { format: "innerloop expected 1", parameters: parametersDigest, ...probe?.metadata },
      }),
    },
  };
}

/** The results of a run where it has been evaluated; what is no record of any is left out. */
async function resultsOf(run: RunStore, name: string): Promise<EvaluationRecord | undefined> {
  const bytes = await run.files.read(`${name}.json`, mostRecordBytes);
  return bytes && parseEvaluationRecord(new TextDecoder().decode(bytes));
}

/** @throws UsageError where there is no such evaluation */
async function furtherResults(run: RunStore, name: string): Promise<EvaluationRecord> {
  const found = /^results-[\w-]+$/.test(name) ? await resultsOf(run, name) : undefined;
  if (found) return found;
  throw new UsageError(
    `--results ${quoted(name)}: there is no such evaluation in ${run.shown}`,
    "Name its file there without the ending, as `innerloop eval` told it: results-best-ways-5",
  );
}
