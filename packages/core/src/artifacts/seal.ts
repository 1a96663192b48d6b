/** The SHA-256 in the metadata of safetensors, of all their bytes: a file that was changed is told from one that was not. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { safetensorsHeader } from "./safetensors.js";

/** Stands where the checksum will, as `sha256` of the metadata: it is that of the file with this in its place. */
export const unsealed = "0".repeat(64);

/** Writes the checksum into bytes whose metadata have `sha256: unsealed`, before all that could hold its like. */
export function seal(bytes: Uint8Array): Uint8Array {
  bytes.set(utf8ToBytes(bytesToHex(sha256(bytes))), placeOf(unsealed, bytes, [8, bytes.length]));
  return bytes;
}

/** The question whether the bytes are those that were sealed. */
export function isSealed(bytes: Uint8Array, { metadata, place }: ReturnType<typeof safetensorsHeader>): boolean {
  const claimed = metadata.sha256;
  const at = claimed?.length === unsealed.length ? placeOf(claimed, bytes, place) : -1;
  if (at < 0) return false;
  const hash = sha256.create();
  hash
    .update(bytes.subarray(0, at))
    .update(utf8ToBytes(unsealed))
    .update(bytes.subarray(at + unsealed.length));
  return bytesToHex(hash.digest()) === claimed;
}

/** Where in these bytes the quoted text is first. */
function placeOf(text: string, bytes: Uint8Array, [start, end]: readonly [number, number]): number {
  const wanted = utf8ToBytes(`"${text}"`);
  for (let at = start; at + wanted.length <= end; at++) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at + 1;
  }
  return -1;
}
