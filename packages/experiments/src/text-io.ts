/** What a machine can read for experiments of texts, beside images and tables: a part of `DataIo`. */
import type { EncoderIdentity, LabelledTexts, MarkedTexts } from "@innerloop/core/tasks";
import type { LongWork } from "./io.js";

/** The way in which a file or folder of texts is read; columns are those of tables. */
export interface TextReading {
  readonly textColumn?: string | undefined;
  readonly labelColumn?: string | undefined;
  readonly splitColumn?: string | undefined;
  readonly domainColumn?: string | undefined;
  /** Columns of the table that a run was trained on: where they are there and none is given, they are taken. */
  readonly ownColumns?: Partial<Readonly<Record<"text" | "label" | "domain", string | undefined>>> | undefined;
  /** Texts need no class: what is asked about. */
  readonly unlabelled?: boolean;
  /** Texts as they are written, blanks at their ends and all: where offsets into them are asked for. NFC unless given. */
  readonly asWritten?: boolean;
}

/** Texts with what is known of where they come from. */
export interface FoundTexts {
  readonly texts: LabelledTexts;
  /** Of their contents. */
  readonly sha256: string;
  /** The path, where they are not a data set of this machine. */
  readonly folder?: string;
  /** What was left out or is odd, a sentence each. */
  readonly notes: readonly string[];
}

/** Marked texts with the same. */
export interface FoundMarkedTexts {
  readonly texts: MarkedTexts;
  readonly sha256: string;
  readonly folder?: string;
  readonly notes: readonly string[];
}

/** A backbone or tokenizer as a run keeps it: enough to open it again and to notice that it is another. */
export type EncoderRecord = EncoderIdentity;

/** Splits texts into pieces, as a `tokenizer.json` says. */
export interface Tokenizer extends EncoderRecord {
  /** Ids are below it; 0 is never one of a piece that is there. */
  readonly pieces: number;
  /** By how much ids are above those of the file: 1 where 0 is a piece of its own there. */
  readonly shift: 0 | 1;
  /** The tokenizer.json as it was opened, for folders that need nothing of this machine. */
  readonly file: Uint8Array;
  encode(text: string): readonly number[];
}

/** A frozen encoder of sentences. */
export interface TextBackbone extends EncoderRecord {
  /** Numbers of a sentence, or of a word. */
  readonly features: number;
  readonly licence?: string;
  readonly source?: string;
  /** Pooled features [texts, features], row-major, kept for the next time by the hashes of backbone and text. */
  encode(texts: readonly string[], work: LongWork): Promise<Float32Array>;
  /** Its model and tokenizer for folders that need nothing of this machine; absent of those that have none to give. */
  portable?(): Promise<PortableTextBackbone>;
  /** States of words, one [words, features] for each sentence: that of the first piece of each word. */
  states(sentences: readonly (readonly string[])[], work: LongWork): Promise<readonly Float32Array[]>;
  close(): Promise<void>;
}

/** Ids of pieces, by a tokenizer.json. */
export interface PieceIds {
  /** Ids that stand before and behind those of every text. */
  readonly before: readonly number[];
  readonly behind: readonly number[];
  split(texts: readonly string[]): readonly (readonly number[])[];
}

/** A model as bytes that a portable engine opens, the tensor that is read among its outputs. */
interface PortableModel {
  readonly model: Uint8Array;
  readonly output: string;
  readonly normalize: boolean;
}

/** A frozen encoder of texts that needs nothing of this machine. */
export interface PortableTextBackbone extends PortableModel {
  readonly tokenizer: Uint8Array;
  readonly pooling: "mean" | "cls" | "output";
  /** Tokens of a text at most, those that begin and end it included. */
  readonly maxTokens: number;
  /** The length that the model takes, where it takes but one. */
  readonly padTo: number | undefined;
}

/** A frozen encoder of images that needs nothing of this machine: it takes (byte - mean) / scale of each channel. */
export interface PortableImageBackbone extends PortableModel {
  readonly input: string;
  readonly layout: "NCHW" | "NHWC";
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  readonly pooling: "output" | "mean";
}

/** A frozen encoder of images. */
export interface ImageBackbone extends EncoderRecord {
  /** The images that it takes: bytes [height, width, channels]. */
  readonly size: readonly [height: number, width: number];
  readonly channels: 1 | 3;
  /** The shape of what it makes of one. */
  readonly outputShape: readonly number[];
  readonly licence?: string;
  readonly source?: string;
  /** [images, ...outputShape], row-major, kept for the next time by the hashes of backbone and image. */
  encode(images: readonly Uint8Array[], work: LongWork): Promise<Float32Array>;
  /** Its model for folders that need nothing of this machine; absent of those that have none to give. */
  portable?(): Promise<PortableImageBackbone>;
  close(): Promise<void>;
}

/** Readers of texts and of what encodes them. A name of a data set or backbone of this machine comes before a path. */
export interface TextIo {
  /** A data set of texts by name; a table (CSV, TSV, JSON lines); a folder with a folder of .txt files for each class. */
  texts(source: string, reading: TextReading, work: LongWork): Promise<FoundTexts>;
  /** A data set of marked texts by name; a CoNLL file; JSON or JSON lines with offsets; a folder of these. */
  markedTexts(source: string, work: LongWork): Promise<FoundMarkedTexts>;
  /** A folder with model.onnx, tokenizer.json and backbone.json, by name, path or address. */
  textBackbone(source: string, work: LongWork): Promise<TextBackbone>;
  /** The same of an encoder of images, which has no tokenizer; `output` names a tensor within it. */
  imageBackbone(source: string, setting: { readonly output?: string }, work: LongWork): Promise<ImageBackbone>;
  /** Splits texts by a tokenizer.json at hand, where this machine runs such. @throws Error where it is none */
  pieces?(bytes: Uint8Array, where: string): PieceIds | Promise<PieceIds>;
  /** A tokenizer.json, or a folder with one. */
  tokenizer(source: string, work: LongWork): Promise<Tokenizer>;
}
