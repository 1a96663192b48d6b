/** Frozen encoders of texts: a model, its tokenizer, and what was made of texts before. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { LongWork, TextBackbone } from "@innerloop/experiments";
import { counted, ledWords, tokensOfText, tokensOfWords } from "@innerloop/experiments";
import { DataError } from "../data/data-error.js";
import { yieldToEventLoop } from "../data/long-work.js";
import { bytesFor } from "../data/reading-limits.js";
import { type BackboneFolder, backboneFiles, modelWith } from "./backbone-folder.js";
import type { TextBackboneSettings } from "./backbone-settings.js";
import { type EncoderHost, encoderHost } from "./encoder-host.js";
import type { Encoded, OpenedModel, TextsRequest } from "./encoder-process.js";
import { type FeatureCache, userFeatureCache } from "./feature-cache.js";
import { outputSuffix } from "./model-file.js";
import { parseTokenizer, type TokenizerFile } from "./tokenizer-file.js";

/** Padded tokens of one run, and texts: what bounds its memory and its time. */
const tokensAtOnce = 4096;
const textsAtOnce = 64;
/** Texts that are split before others have their turn. */
const splitAtOnce = 256;

const inputDtypes: Readonly<Record<string, readonly string[]>> = {
  input_ids: ["int64", "int32"],
  attention_mask: ["int64", "int32", "float32"],
  token_type_ids: ["int64", "int32"],
};

/** Operators that find the scale of their inputs over all of a batch: ONNX's own, and those that onnxruntime fuses it into. */
const scaledByBatch = ["DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"];

/** What a trial has shown of a model. */
interface TextModel {
  readonly output: string;
  readonly features: number;
  readonly alone: boolean;
  readonly padTo: number | undefined;
  readonly maxTokens: number;
}

/**
 * Opens a folder that was read: loads its model in a process of its own and runs it on a few tokens.
 *
 * @throws DataError ILD81 for a model that is no encoder of texts, ILD82 for a tokenizer that is not valid or another
 *   model's, ILD83 for a model that fails
 */
export async function openTextBackbone(found: BackboneFolder, work: LongWork): Promise<TextBackbone> {
  const { settings, folder } = found;
  if (settings.kind !== "text" || !found.tokenizer)
    throw new DataError("ILD81", folder, "it encodes images, not texts", "Give the folder of a text encoder.");
  const tokenizer = parseTokenizer(found.tokenizer, join(folder, backboneFiles.tokenizer));
  work.signal?.throwIfAborted();
  const wanted = settings.output;
  const suffix = wanted === undefined ? new Uint8Array(0) : outputSuffix(found.contents, wanted, found.modelFile);
  const host = encoderHost({ file: found.modelFile, sha256: found.modelSha256, suffix });
  try {
    const model = await tryModel(host, { found, settings, tokenizer, signal: work.signal });
    return textBackboneOf({ found, settings, tokenizer, host, model, suffix });
  } catch (error) {
    await host.close();
    throw error;
  }
}

interface OpenedParts {
  readonly found: BackboneFolder;
  readonly settings: TextBackboneSettings;
  readonly tokenizer: TokenizerFile;
}

async function tryModel(
  host: EncoderHost,
  { found, settings, tokenizer, signal }: OpenedParts & { readonly signal: AbortSignal | undefined },
): Promise<TextModel> {
  const where = found.modelFile;
  const refuse = (problem: string, remedy: string): DataError => new DataError("ILD81", where, problem, remedy);
  const opened = await host.open(signal);
  const { padTo, isSingle, isMasked } = checkInputs(opened, refuse);
  const output = outputOf(opened, settings.output, refuse);
  const maxTokens = Math.min(settings.maxTokens, padTo ?? settings.maxTokens);
  const around = tokenizer.before.length + tokenizer.behind.length;
  if (maxTokens <= around)
    throw refuse(`of ${maxTokens} tokens, ${around} begin and end a text`, "Raise maxTokens in backbone.json.");
  // A scale for all numbers of a batch makes the features of a text depend on its neighbours, and so does padding that a
  // model is not told of.
  const alone = isSingle || !isMasked || scaledByBatch.some((operator) => found.contents.operators.has(operator));
  const run = (ids: readonly number[]): Promise<Encoded> =>
    host.encode(
      {
        kind: "token ids",
        ids: Int32Array.from(ids),
        lengths: Int32Array.of(ids.length),
        ...{ alone, padTo, output, pooling: settings.pooling, normalize: false },
      },
      signal,
    );
  const edges = [...tokenizer.before, ...tokenizer.behind];
  const usual = edges.length > 0 ? edges : [0];
  const first = await run(usual);
  const features = first.shape[0] ?? 0;
  if (first.data.length === 0 || features < 1) {
    const expected = settings.pooling === "output" ? "[texts, features]" : "[texts, tokens, features]";
    throw refuse(
      `its output ${output} is [${first.shape.join(", ")}], and pooling "${settings.pooling}" takes ${expected}`,
      'Name another tensor by "output" in backbone.json, or set "pooling" to what the model gives.',
    );
  }
  if (!first.data.every(Number.isFinite))
    throw refuse("its output is not finite", "Export it again, with weights of float32.");
  // The last ids of a tokenizer that belongs to it are rows of its table of embeddings.
  const failure = await run([...usual.slice(0, maxTokens - 1), tokenizer.vocabulary - 1]).catch(
    (error: unknown) => error,
  );
  signal?.throwIfAborted();
  if (failure instanceof Error) {
    throw new DataError(
      "ILD82",
      join(found.folder, backboneFiles.tokenizer),
      `it is the tokenizer of another model: its ids go to ${tokenizer.vocabulary - 1}, which ${backboneFiles.model} does not know`,
      "Put the tokenizer.json there that was published with the model.",
      { cause: failure },
    );
  }
  // Longer texts must be taken too: tables of positions have an end.
  const full = Array.from({ length: maxTokens }, (_, i) => usual[i % usual.length]!);
  const tooLong = await run(full).catch((error: unknown) => error);
  signal?.throwIfAborted();
  if (tooLong instanceof Error)
    throw new DataError(
      "ILD81",
      where,
      `it cannot take the ${maxTokens} tokens of maxTokens`,
      "Set maxTokens in backbone.json to what the model was made for, often 512, 256 or 128.",
      { cause: tooLong },
    );
  return { output, features, alone, padTo, maxTokens };
}

function checkInputs(
  { inputs }: OpenedModel,
  refuse: (problem: string, remedy: string) => DataError,
): { readonly padTo: number | undefined; readonly isSingle: boolean; readonly isMasked: boolean } {
  const export_ = "Export it with the inputs input_ids, attention_mask and, where it has them, token_type_ids.";
  let padTo: number | undefined;
  let isSingle = false;
  for (const { name, type, shape } of inputs) {
    const dtypes = Object.hasOwn(inputDtypes, name) ? inputDtypes[name] : undefined;
    if (!dtypes) throw refuse(`it has an input ${name.slice(0, 80)}, which is not known of encoders of texts`, export_);
    if (!dtypes.includes(type)) throw refuse(`its input ${name} is ${type}, and not ${dtypes.join(" or ")}`, export_);
    if (shape?.length !== 2)
      throw refuse(`its input ${name} is [${shape?.join(", ") ?? "?"}], and not [texts, tokens]`, export_);
    const [texts, tokens] = shape;
    if (typeof texts === "number" && texts > 0) {
      if (texts !== 1) throw refuse(`it takes ${texts} texts at once and no other number`, "Export it for any number.");
      isSingle = true;
    }
    if (typeof tokens === "number" && tokens > 0) padTo = Math.min(tokens, padTo ?? tokens);
  }
  if (!inputs.some(({ name }) => name === "input_ids")) throw refuse("it has no input input_ids", export_);
  return { padTo, isSingle, isMasked: inputs.some(({ name }) => name === "attention_mask") };
}

function outputOf(
  { outputs }: OpenedModel,
  wanted: string | undefined,
  refuse: (problem: string, remedy: string) => DataError,
): string {
  const usual = outputs.find(({ name }) => name === "last_hidden_state") ?? outputs[0];
  const found = wanted === undefined ? usual : outputs.find(({ name }) => name === wanted);
  if (!found) throw refuse("it has no output", 'Name a tensor by "output" in backbone.json.');
  if (found.type !== "float32")
    throw refuse(
      `its output ${found.name.slice(0, 80)} is ${found.type}, and float32 is read`,
      "Export it with float32.",
    );
  return found.name;
}

function textBackboneOf({
  found,
  settings,
  tokenizer,
  host,
  model,
  suffix,
}: OpenedParts & {
  readonly host: EncoderHost;
  readonly model: TextModel;
  readonly suffix: Uint8Array;
}): TextBackbone {
  const { features, maxTokens } = model;
  const { before, behind } = tokenizer;
  const room = maxTokens - before.length - behind.length;
  const cache = userFeatureCache(found.sha256);
  const parts = { name: found.name, host, model, cache };
  return {
    name: found.name,
    sha256: found.sha256,
    folder: found.folder,
    features,
    ...(settings.licence === undefined ? {} : { licence: settings.licence }),
    ...(settings.source === undefined ? {} : { source: settings.source }),
    async encode(texts, work) {
      const keys = texts.map((text) => keyOf("text", text));
      const values = await encodeMissing(parts, keys, work, async (missing) => {
        const ids = await splitAll(
          missing.map((i) => texts[i]!),
          tokenizer,
          work,
        );
        return ids.map((pieces, k) => ({
          at: missing[k]!,
          ids: tokensOfText(pieces, tokenizer, maxTokens),
          pooling: settings.pooling,
          normalize: settings.normalize,
          pieces: pieces.length,
        }));
      });
      const all = floatsFor(texts.length * features, found.name);
      let [cut, empty] = [0, 0];
      for (const [i, key] of keys.entries()) {
        const kept = values.get(key)!;
        all.set(kept.subarray(0, features), i * features);
        if (kept[features]! > room) cut++;
        if (kept[features] === 0) empty++;
      }
      if (cut > 0)
        work.onWarning?.(
          `${counted(cut, "text is", "texts are")} longer than the ${maxTokens} tokens that ${found.name} takes: what is beyond is left out.`,
        );
      if (empty > 0)
        work.onWarning?.(`${counted(empty, "text has", "texts have")} no word that ${found.name} can read.`);
      return all;
    },
    async states(sentences, work) {
      const keys = sentences.map((words) => keyOf("words", JSON.stringify(words)));
      const values = await encodeMissing(parts, keys, work, async (missing) => {
        const pieces = await splitWords(
          missing.map((i) => sentences[i]!),
          tokenizer,
          work,
        );
        return pieces.map((words, k) => ({
          ...tokensOfWords(words, tokenizer, maxTokens),
          ...{ at: missing[k]!, pooling: "states", normalize: false },
        }));
      });
      const lost = sentences.reduce((sum, { length }, i) => sum + length - values.get(keys[i]!)!.length / features, 0);
      if (lost > 0)
        work.onWarning?.(
          `${counted(lost, "word lies", "words lie")} beyond the ${maxTokens} tokens of a sentence that ${found.name} takes: their states are zeros.`,
        );
      return sentences.map((words, i) => {
        const states = new Float32Array(words.length * features);
        states.set(values.get(keys[i]!)!);
        return states;
      });
    },
    portable: async () => {
      const { pooling, normalize } = settings;
      const { output, padTo } = model;
      const parts = { model: await modelWith(found, suffix), tokenizer: found.tokenizer! };
      return { ...parts, output, pooling, normalize, maxTokens, padTo };
    },
    close: () => host.close(),
  };
}

interface TextJob {
  /** Its place among what was asked for. */
  readonly at: number;
  readonly ids: readonly number[];
  readonly pooling: TextsRequest["pooling"];
  readonly positions?: readonly number[];
  readonly normalize: boolean;
  /** How many pieces the whole text has, which is kept behind its features. */
  readonly pieces?: number;
}

/** Values by key: kept ones, and those of the jobs that the others take. */
async function encodeMissing(
  {
    name,
    host,
    model,
    cache,
  }: {
    readonly name: string;
    readonly host: EncoderHost;
    readonly model: TextModel;
    readonly cache: FeatureCache;
  },
  keys: readonly string[],
  work: LongWork,
  jobsOf: (missing: readonly number[]) => Promise<readonly TextJob[]>,
): Promise<ReadonlyMap<string, Float32Array>> {
  const { signal, onProgress } = work;
  signal?.throwIfAborted();
  const values = await cache.read(keys);
  const asked = new Set<string>();
  const missing = keys.flatMap((key, i) => {
    if (values.has(key) || asked.has(key)) return [];
    asked.add(key);
    return [i];
  });
  if (missing.length === 0) return values;
  const jobs = [...(await jobsOf(missing))].sort((a, b) => a.ids.length - b.ids.length || a.at - b.at);
  const began = performance.now();
  let done = 0;
  try {
    while (done < jobs.length) {
      const some = batchOf(jobs, done, model);
      const data = await runJobs(host, model, some, signal);
      let from = 0;
      for (const { at, positions, pieces } of some) {
        const length = (positions ? positions.length : 1) * model.features;
        const row = new Float32Array(length + (pieces === undefined ? 0 : 1));
        row.set(data.subarray(from, from + length));
        if (pieces !== undefined) row[length] = pieces;
        from += length;
        values.set(keys[at]!, row);
        await cache.write(keys[at]!, row);
      }
      done += some.length;
      const rate = Math.round((done / (performance.now() - began)) * 1000);
      onProgress?.(done, jobs.length, `encode texts with ${name}, ${rate} a second`);
    }
  } finally {
    // What was made before an interruption is not made again. One text, as lines of standard input are, is sooner made
    // than written in a file of its own: it is kept with the next ones.
    if (jobs.length > 1) await cache.flush();
  }
  return values;
}

/** The next jobs, of about the same length: no more than fit one run. */
function batchOf(jobs: readonly TextJob[], from: number, { padTo }: TextModel): readonly TextJob[] {
  let end = from + 1;
  for (; end < jobs.length && end - from < textsAtOnce; end++) {
    if ((end - from + 1) * (padTo ?? jobs[end]!.ids.length) > tokensAtOnce) break;
  }
  return jobs.slice(from, end);
}

/** Values of jobs, one behind the other. */
async function runJobs(
  host: EncoderHost,
  model: TextModel,
  jobs: readonly TextJob[],
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const { output, alone, padTo, features } = model;
  const [{ pooling, normalize }] = jobs as [TextJob];
  const isEmpty = (job: TextJob): boolean => job.ids.length === 0;
  // A tokenizer without marks around texts leaves nothing of an empty one: its features are zeros.
  const run = jobs.filter((job) => !isEmpty(job));
  const encoded =
    run.length === 0
      ? new Float32Array(0)
      : (
          await host.encode(
            {
              kind: "token ids",
              ids: Int32Array.from(run.flatMap(({ ids }) => ids)),
              lengths: Int32Array.from(run, ({ ids }) => ids.length),
              positions: Int32Array.from(run.flatMap(({ positions = [] }) => positions)),
              counts: Int32Array.from(run, ({ positions }) => positions?.length ?? 0),
              ...{ output, alone, padTo, pooling, normalize },
            },
            signal,
          )
        ).data;
  const sizes = jobs.map((job) => (job.positions ? job.positions.length : 1) * features);
  const all = new Float32Array(sizes.reduce((sum, size) => sum + size, 0));
  let [from, at] = [0, 0];
  for (const [i, job] of jobs.entries()) {
    if (!isEmpty(job)) {
      all.set(encoded.subarray(from, from + sizes[i]!), at);
      from += sizes[i]!;
    }
    at += sizes[i]!;
  }
  if (from !== encoded.length || !all.every(Number.isFinite))
    throw new DataError(
      "ILD83",
      output,
      "it gave numbers that are not finite, or not as many as before",
      "Export it again.",
    );
  return all;
}

async function splitAll(
  texts: readonly string[],
  tokenizer: TokenizerFile,
  { signal, onProgress }: LongWork,
): Promise<(readonly number[])[]> {
  const ids: (readonly number[])[] = [];
  for (let from = 0; from < texts.length; from += splitAtOnce) {
    signal?.throwIfAborted();
    ids.push(...tokenizer.split(texts.slice(from, from + splitAtOnce)));
    onProgress?.(ids.length, texts.length, "split texts into pieces");
    await yieldToEventLoop();
  }
  return ids;
}

/** Pieces of each word of each sentence. */
async function splitWords(
  sentences: readonly (readonly string[])[],
  tokenizer: TokenizerFile,
  work: LongWork,
): Promise<(readonly (readonly number[])[])[]> {
  const led = sentences.map((sentence) => ledWords(sentence, tokenizer.wordLead));
  const words = [...new Set(led.flat())];
  const ids = await splitAll(words, tokenizer, work);
  const known = new Map(words.map((word, i) => [word, ids[i]!]));
  return led.map((sentence) => sentence.map((word) => known.get(word)!));
}

const keyOf = (kind: string, text: string): string =>
  createHash("sha256").update(`${kind}\0`).update(text).digest("hex");

const floatsFor = (count: number, where: string): Float32Array => new Float32Array(bytesFor(4 * count, where).buffer);
