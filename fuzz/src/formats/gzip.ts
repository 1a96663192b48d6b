/** Gzip and tar: what is compressed, or summed up in a header, is mutated and wrapped again. */
import { gunzipSync, gzipSync } from "node:zlib";
import { type Mutation, mutated } from "../mutations.js";

/** The same contents, mutated and compressed again. */
export const gzipMutation =
  (mutations: readonly Mutation[]): Mutation =>
  (bytes, mutating) => {
    let inner: Uint8Array;
    try {
      inner = gunzipSync(bytes, { maxOutputLength: 2 ** 21 });
    } catch {
      return undefined; // no longer gzip
    }
    return gzipSync(mutated(inner, mutations, mutating), { level: 1 });
  };

const block = 512;

/** A tar archive of these files. */
export function tar(files: readonly { readonly name: string; readonly data: Uint8Array }[]): Uint8Array {
  const parts = files.flatMap(({ name, data }) => {
    const header = new Uint8Array(block);
    const put = (at: number, text: string): void => header.set(Buffer.from(text, "latin1").subarray(0, block - at), at);
    put(0, name);
    put(100, "0000644\0");
    put(124, `${data.length.toString(8).padStart(11, "0")}\0`);
    put(136, "00000000000\0");
    put(156, "0");
    put(257, "ustar\0" + "00");
    return [withSum(header), data, new Uint8Array((block - (data.length % block)) % block)];
  });
  return Buffer.concat([...parts, new Uint8Array(2 * block)]);
}

/** The header of an entry with the sum that belongs to it. */
function withSum(header: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(header);
  copy.fill(32, 148, 156);
  const sum = copy.reduce((total, byte) => total + byte, 0);
  copy.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `, "latin1"), 148);
  return copy;
}

/** A field of a header is other, its sum right. */
export const tarHeaderMutation: Mutation = (bytes, { random }) => {
  const blocks = Math.floor(bytes.length / block);
  const at = block * random.below(Math.min(blocks, 4));
  if (bytes.length < at + block) return undefined;
  const copy = Uint8Array.from(bytes);
  const header = copy.subarray(at, at + block);
  const text = random.pick([
    "77777777777\0",
    "00000000000\0",
    "-0000000001\0",
    "           \0",
    "\x80\0\0\0\0\0\0\0\xff\xff\xff\xff",
    "99999999999\0",
  ]);
  const change = random.pick([
    () => header.set(Buffer.from(text, "latin1"), 124),
    () => header.set(Buffer.from(random.pick(["1", "2", "3", "5", "g", "x", "L", "\0"]), "latin1"), 156),
    () => header.set(Buffer.from(random.pick(["../x\0", "/x\0", "./", "\0"]), "latin1"), 0),
    () => header.set(random.bytes(8), random.below(block - 8)),
  ]);
  change();
  copy.set(withSum(header), at);
  return copy;
};
