/** Frozen encoders of images, as runs name and keep them. */
import type { DataIo, LongWork } from "../io.js";
import type { EncoderRecord, ImageBackbone } from "../text-io.js";
import { encoderOf, encoderRecordOf, isEncoderRecord, isRecordText } from "./kept-encoders.js";

/** A backbone as a run keeps it, with the tensor within its graph that was asked for. */
export interface ImageEncoderRecord extends EncoderRecord {
  readonly output?: string;
}

/**
 * The backbone that options or the record of a run name, opened once.
 *
 * @throws UsageError where it is another than the recorded one
 */
export function imageBackboneOf(
  io: DataIo,
  wanted: { readonly source: string; readonly output?: string | undefined } | ImageEncoderRecord,
  work: LongWork,
): Promise<ImageBackbone> {
  const { output } = wanted;
  return encoderOf(`image backbone ${output ?? ""}`, io, "sha256" in wanted ? wanted : wanted.source, (source) =>
    io.imageBackbone(source, output === undefined ? {} : { output }, work),
  );
}

/** What a run keeps of a backbone. */
export const imageRecordOf = (backbone: ImageBackbone, output: string | undefined): ImageEncoderRecord => ({
  ...encoderRecordOf(backbone),
  ...(output === undefined ? {} : { output }),
});

/** The question whether a value is the record of an encoder, with the name of a tensor, where one was asked for. */
export const isImageEncoderRecord = (value: unknown): value is ImageEncoderRecord =>
  isEncoderRecord(value) && isRecordText((value as ImageEncoderRecord).output ?? "");
