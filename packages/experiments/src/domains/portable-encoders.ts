/** Frozen encoders as exported folders have them: their files, and what config.json tells of them. */

import type { TextBackboneTold } from "../exported/encoded-text-inputs.js";
import { notGiven } from "../exported/export-error.js";
import type { ExportedFileName } from "../exported/exported-config.js";
import type { ImageBackboneTold } from "../exported/image-encoder.js";
import { backboneFile } from "../exported/input-encoder.js";
import type { EncoderRecord, ImageBackbone, TextBackbone } from "../text-io.js";
import type { ExportSetting } from "./domain.js";
import { type ImageEncoderRecord, imageBackboneOf } from "./image-encoders.js";
import { textBackboneOf } from "./kept-encoders.js";

/** An encoder of a run that stands beside its programs. */
export interface PortableEncoder<Encoder, Told> {
  readonly encoder: Encoder;
  readonly told: Told;
  readonly files: Readonly<Partial<Record<ExportedFileName, Uint8Array>>>;
}

type Setting = Pick<ExportSetting, "shown" | "io" | "work">;

/** @throws ExportError ILE201 for an encoder whose model this machine does not give */
export async function portableImageEncoder(
  record: ImageEncoderRecord,
  { shown, io, work }: Setting,
): Promise<PortableEncoder<ImageBackbone, ImageBackboneTold>> {
  const encoder = await imageBackboneOf(io, record, work);
  if (!encoder.portable) throw notGiven(shown, record.name);
  const { model, ...told } = await encoder.portable();
  const { name, size, channels } = encoder;
  return { encoder, told: { name, size, channels, ...told }, files: { [backboneFile]: model } };
}

/** @throws ExportError ILE201 for an encoder whose model this machine does not give */
export async function portableTextEncoder(
  record: EncoderRecord,
  { shown, io, work }: Setting,
): Promise<PortableEncoder<TextBackbone, TextBackboneTold>> {
  const encoder = await textBackboneOf(io, record, work);
  if (!encoder.portable) throw notGiven(shown, record.name);
  const { model, tokenizer, padTo, ...told } = await encoder.portable();
  return {
    encoder,
    told: { name: encoder.name, ...told, ...(padTo === undefined ? {} : { padTo }) },
    files: { [backboneFile]: model, "tokenizer.json": tokenizer },
  };
}
