/** Encoders that were opened: a model that answers line by line opens its backbone once. */
import { CodedError } from "@innerloop/graph";
import type { DataIo, LongWork } from "../io.js";
import { isRecord, quoted } from "../options/outside-text.js";
import { UsageError } from "../options/usage-error.js";
import type { EncoderRecord, TextBackbone, Tokenizer } from "../text-io.js";

/** The code of errors about what is neither a name nor a path of something. */
const notHere = "ILD02";

/** The longest path, name or hash that a record may have. */
const mostCharacters = 4096;

/** The question whether a value from a file, which anyone may have written, is the record of an encoder. */
export function isEncoderRecord(value: unknown): value is EncoderRecord {
  if (!isRecord(value)) return false;
  const { name, sha256, folder } = value;
  return [name, sha256, folder].every(isRecordText);
}

/** The question whether a value is a text as records have them. */
export const isRecordText = (value: unknown): value is string =>
  typeof value === "string" && value.length <= mostCharacters && !value.includes("\0");

/** What a run keeps of an encoder. */
export const encoderRecordOf = ({ name, sha256, folder }: EncoderRecord): EncoderRecord => ({ name, sha256, folder });

type Opened = Map<string, Promise<EncoderRecord>>;

const kept = new WeakMap<DataIo, Opened>();

/**
 * An encoder by what a user calls it, or as a run has recorded it.
 *
 * @throws UsageError where it is another than the recorded one
 */
export async function encoderOf<E extends EncoderRecord>(
  /** As messages call it. */
  kind: string,
  io: DataIo,
  wanted: string | EncoderRecord,
  open: (source: string) => Promise<E>,
): Promise<E> {
  const source = typeof wanted === "string" ? wanted : wanted.folder;
  const opened: Opened = kept.get(io) ?? new Map();
  kept.set(io, opened);
  const key = `${kind} ${source}`;
  const found = (opened.get(key) as Promise<E> | undefined) ?? openRecorded(wanted, open);
  opened.set(key, found);
  found.catch(() => opened.delete(key));
  const encoder = await found.catch((error: unknown) => {
    if (typeof wanted === "string" || !(error instanceof CodedError) || error.code !== notHere) throw error;
    throw new UsageError(
      `the ${kind} ${wanted.name}, which the run was trained with, is not at ${io.shown(source)} any more`,
      "Put it back there (`innerloop data get` brings what `innerloop data list` names), or train again",
    );
  });
  if (typeof wanted === "string" || encoder.sha256 === wanted.sha256) return encoder;
  throw new UsageError(
    `the ${kind} at ${io.shown(source)} is another (sha256 ${encoder.sha256.slice(0, 16)}...) than ${wanted.name}, which the run was trained with (${wanted.sha256.slice(0, 16)}...)`,
    "Put that one back, or train again",
  );
}

/**
 * Where it was, or else by its name: a run may come from another machine. That it is the same is seen by its hash.
 *
 * @throws UsageError for a record of an address: nothing is fetched but what the user of this machine has named
 */
async function openRecorded<E>(wanted: string | EncoderRecord, open: (source: string) => Promise<E>): Promise<E> {
  if (typeof wanted === "string") return open(wanted);
  const address = [wanted.folder, wanted.name].find((place) => place.includes("://"));
  if (address !== undefined)
    throw new UsageError(
      `the run says that its encoder is at ${quoted(address)}, from which nothing is fetched`,
      "Runs keep the folder of what they fetched: this one was changed. Train again",
    );
  try {
    return await open(wanted.folder);
  } catch (error) {
    return open(wanted.name).catch(() => {
      throw error;
    });
  }
}

/**
 * Sees to it that an existing run has the record of the encoder that its options name: what they name may be an address,
 * and a run folder may come from anyone.
 *
 * @throws UsageError where it has none
 */
export function requireRecord(
  own: { readonly options?: unknown; readonly spec?: unknown },
  asked: string | undefined,
): void {
  if (own.options === undefined || own.spec !== undefined || asked === undefined) return;
  throw new UsageError(
    `the run asks for the encoder ${quoted(asked)}, and keeps no record of it`,
    "Its folder was changed, or is of another version: train again",
  );
}

/** A text backbone, opened once. */
export const textBackboneOf = (io: DataIo, wanted: string | EncoderRecord, work: LongWork): Promise<TextBackbone> =>
  encoderOf("backbone", io, wanted, (source) => io.textBackbone(source, work));

/** A tokenizer, opened once. */
export const tokenizerOf = (io: DataIo, wanted: string | EncoderRecord, work: LongWork): Promise<Tokenizer> =>
  encoderOf("tokenizer", io, wanted, (source) => io.tokenizer(source, work));
