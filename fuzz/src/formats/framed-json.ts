/** Files that are a JSON header of a given length, then values: the header is mutated, lengths and checksums are right. */
import { createHash } from "node:crypto";
import { joined, jsonMutation, type Mutating, type Mutation } from "../mutations.js";

/** Where a header's length stands, and how the file is made whole again once it is another one. */
export interface Frame {
  /** Bytes before the header, in which the length is. */
  readonly preamble: number;
  lengthOf(view: DataView): number;
  setLength(view: DataView, length: number): void;
  /** Writes the checksum of a file that is whole but for it. */
  seal?(file: Uint8Array): void;
}

/** The header as another JSON document. */
export const headerMutation =
  (frame: Frame): Mutation =>
  (bytes, mutating: Mutating) => {
    if (bytes.length < frame.preamble) return undefined;
    const length = frame.lengthOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (length > bytes.length - frame.preamble) return undefined;
    const header = jsonMutation(bytes.subarray(frame.preamble, frame.preamble + length), mutating);
    if (!header) return undefined;
    const padded = new Uint8Array(Math.ceil(header.length / 8) * 8).fill(0x20);
    padded.set(header);
    const file = joined(bytes.subarray(0, frame.preamble), padded, bytes.subarray(frame.preamble + length));
    frame.setLength(new DataView(file.buffer), padded.length);
    frame.seal?.(file);
    return file;
  };

/** The checksum as it should be for bytes that are not. */
export const sealMutation =
  ({ preamble, seal }: Frame): Mutation =>
  (bytes) => {
    if (bytes.length < preamble) return undefined;
    const copy = Uint8Array.from(bytes);
    seal?.(copy);
    return copy;
  };

export const safetensorsFrame: Frame = {
  preamble: 8,
  lengthOf: (view) => Number(view.getBigUint64(0, true)),
  setLength: (view, length) => view.setBigUint64(0, BigInt(length), true),
};

/** A stored data set: magic, version, length of the header, SHA-256 of what follows it. */
export const datasetFrame: Frame = {
  preamble: 48,
  lengthOf: (view) => view.getUint32(12, true),
  setLength: (view, length) => view.setUint32(12, length, true),
  seal: (file) => file.set(createHash("sha256").update(file.subarray(48)).digest(), 16),
};

/** Where the SHA-256 of a checkpoint stands: that of the file with zeros in its place. */
function sealCheckpoint(file: Uint8Array): void {
  const at = Buffer.from(file.buffer, file.byteOffset, Math.min(file.length, 2 ** 16))
    .toString("latin1")
    .search(/"[0-9a-f]{64}"/);
  if (at < 0) return;
  file.fill(0x30, at + 1, at + 65);
  file.set(Buffer.from(createHash("sha256").update(file).digest("hex"), "latin1"), at + 1);
}

export const checkpointFrame: Frame = { ...safetensorsFrame, seal: sealCheckpoint };
