/** What inputs go through before the programs of a folder: a model of its own, run in a session of its own, or a tokenizer. */
import type { PortableArray, PortableArrays, PortableEngine, PortableSession } from "@innerloop/graph";
import { reasonOf } from "../options/outside-text.js";
import type { PieceIds } from "../text-io.js";
import { differenceOf, tolerance } from "./agreement.js";
import { ExportError } from "./export-error.js";
import type { ExportedFileName } from "./exported-config.js";

/** The means of a machine for encoders. */
export interface EncoderMachine {
  readonly engine: PortableEngine;
  /** Reads a tokenizer.json; machines without it run no encoders of texts. @throws Error where it is none */
  readonly pieces?: ((bytes: Uint8Array, where: string) => PieceIds | Promise<PieceIds>) | undefined;
}

/** Features of inputs, a row of numbers or a map each; of a tokenizer alone, ids. */
export type Encoded = Float32Array | Int32Array;

/** An encoder that is open. */
export interface OpenEncoder {
  /** @throws ExportError ILE202 where the model fails, or its tokenizer is another */
  encode(read: readonly unknown[]): Promise<readonly Encoded[]>;
  close(): Promise<void>;
}

/** Inputs with the features or ids that the run's own encoder makes of them, by which one that was written is tried. */
export interface EncoderProbe {
  readonly inputs: readonly unknown[];
  /** [inputs, ...shape] */
  readonly features: Encoded;
}

/** The way in which what encoders make is kept in expected.safetensors, and held to it. */
export interface ProbeTerms {
  /** What they make, as messages call it. */
  readonly made: string;
  readonly dtype: "float32" | "int32";
  /** Names in expected.safetensors: of what is made of the inputs, and of inputs that are texts. */
  readonly names: { readonly features: string; readonly texts: string };
  /** The most by which they may differ, as a share of the largest number. */
  readonly most: number;
  /** The refusal of one that differs by more. */
  refusal(difference: number, shown: string): ExportError;
}

/** The encoder of a kind of inputs. */
export interface InputEncoder<Inputs> {
  /** The files that it is opened from. */
  readonly files: readonly ExportedFileName[];
  readonly terms: ProbeTerms;
  /** @throws ExportError ILE202 for a model that is not as config.json tells it, ILE206 where the machine runs none such */
  open(
    inputs: Inputs,
    files: Readonly<Partial<Record<ExportedFileName, Uint8Array>>>,
    machine: EncoderMachine,
    shown: string,
  ): Promise<OpenEncoder>;
  /** Inputs that a written encoder is tried on: made up, and the same each time. */
  tried(inputs: Inputs): readonly unknown[];
  /** A probe as expected.safetensors has it. */
  kept(
    probe: EncoderProbe,
    inputs: Inputs,
  ): { readonly arrays: PortableArrays; readonly metadata: Readonly<Record<string, string>> };
  /** The probe in expected.safetensors, which anyone may have written; undefined where there is none. */
  restored(
    found: { readonly arrays: PortableArrays; readonly metadata: Readonly<Record<string, string>> },
    inputs: Inputs,
  ): EncoderProbe | undefined;
}

/** The file of the model. */
export const backboneFile = "onnx/backbone.onnx";

/** The name in expected.safetensors of images that an encoder is tried on. */
export const probeImages = "backbone_inputs";

/** Inputs of a probe. */
export const probeInputs = 4;

/** The terms of features. */
export const featureTerms: ProbeTerms = {
  made: "features",
  dtype: "float32",
  names: { features: "backbone_features", texts: "backbone_texts" },
  most: tolerance,
  refusal: (difference, shown) =>
    new ExportError(
      "ILE205",
      `${shown}/${backboneFile}`,
      `its features differ from those of the run's own encoder by ${difference.toExponential(1)} of the largest, and ${tolerance} is the most`,
      "A quantised encoder may compute otherwise on another processor: take one of float32",
    ),
};

/** The features in expected.safetensors, of so many inputs; undefined where they are none. */
export function probeFeatures(
  arrays: PortableArrays,
  inputs: number,
  shape: readonly number[],
  { names, dtype }: ProbeTerms = featureTerms,
): Encoded | undefined {
  const found: PortableArray | undefined = Object.hasOwn(arrays, names.features) ? arrays[names.features] : undefined;
  const fits = found?.dtype === dtype && found.shape.join() === [inputs, ...shape].join();
  return fits ? (found.data as Encoded) : undefined;
}

/** The largest difference of what an encoder makes from a probe, as a share of the largest. @throws ExportError */
async function probeDifference(encoder: OpenEncoder, { inputs, features }: EncoderProbe): Promise<number> {
  const found = await encoder.encode(inputs);
  // Ids are whole numbers that float32 has.
  const all = new Float32Array(features.length);
  found.forEach((row, i) => {
    all.set(row.subarray(0, features.length - i * row.length), i * row.length);
  });
  const arrayOf = (data: Float32Array): PortableArrays => ({
    features: { dtype: "float32", shape: [data.length], data },
  });
  return differenceOf(arrayOf(all), arrayOf(Float32Array.from(features)));
}

/** @throws ExportError ILE205 where an encoder differs from its probe by more than its terms allow */
export async function requireProbe(
  { most, refusal }: ProbeTerms,
  encoder: OpenEncoder,
  probe: EncoderProbe,
  shown: string,
): Promise<number> {
  const difference = await probeDifference(encoder, probe);
  if (difference <= most) return difference;
  throw refusal(difference, shown);
}

const remedy = "Export the run again, or get the folder anew from where it came from";

/** The refusal of an encoder that is not as it is told. */
export const encoderFault = (shown: string, problem: string, cause?: unknown): ExportError =>
  new ExportError("ILE202", `${shown}/${backboneFile}`, problem, remedy, { cause });

/** Opens the model. @throws ExportError ILE202 */
export async function openBackbone(
  files: Readonly<Partial<Record<ExportedFileName, Uint8Array>>>,
  { engine }: EncoderMachine,
  shown: string,
): Promise<PortableSession> {
  try {
    return await engine.open(files[backboneFile]!);
  } catch (cause) {
    throw encoderFault(shown, `it cannot be opened (${reasonOf(cause)})`, cause);
  }
}

/** What a model makes of inputs. @throws ExportError ILE202 where it fails, or gives another shape or what is no number */
export async function encodedBy(
  session: PortableSession,
  feeds: PortableArrays,
  output: string,
  shown: string,
): Promise<{ readonly shape: readonly number[]; readonly data: Float32Array }> {
  let found: PortableArray | undefined;
  try {
    found = (await session.run(feeds))[output];
  } catch (cause) {
    throw encoderFault(shown, `it failed (${reasonOf(cause)})`, cause);
  }
  if (found?.dtype !== "float32" || !(found.data as Float32Array).every(Number.isFinite))
    throw encoderFault(shown, `its output ${output.slice(0, 80)} is no finite numbers of float32`);
  return { shape: found.shape, data: found.data as Float32Array };
}

/** Divides a row by its length, part by part where it is a map: rows of zeros stay. */
export function normalizeParts(row: Float32Array, width: number): void {
  for (let from = 0; from < row.length; from += width) {
    const part = row.subarray(from, from + width);
    const length = Math.sqrt(part.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) for (let i = 0; i < part.length; i++) part[i] = part[i]! / length;
  }
}
