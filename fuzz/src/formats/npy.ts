/** .npy files: a magic number, a version, the length of a header in Python's notation, numbers. */
import { joined, type Mutation, mutated, textMutations } from "../mutations.js";

const magic = Uint8Array.from(Buffer.from("\x93NUMPY", "latin1"));

/** A file of this header, whose length is right whatever it says. */
function framed(header: Uint8Array, values: Uint8Array, version = 1): Uint8Array {
  const length = new Uint8Array(version === 1 ? 2 : 4);
  if (version === 1) new DataView(length.buffer).setUint16(0, header.length, true);
  else new DataView(length.buffer).setUint32(0, header.length, true);
  return joined(magic, Uint8Array.of(version, 0), length, header, values);
}

export function npy(type: string, shape: readonly number[], values: Uint8Array, fortran = false): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${type}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': ${tuple}, }`;
  // Padded as NumPy does, so that the numbers are aligned.
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  return framed(Buffer.from(padded, "latin1"), values);
}

const types = ["|b1", "|i1", "|u1", "<i2", ">i2", "<u4", "<i8", ">u8", "<f2", "<f4", ">f4", "<f8", "|O", "<U2", "<c16"];
const sizes: Readonly<Record<string, number>> = { 1: 1, 2: 2, 4: 4, 8: 8, O: 8, "16": 16 };

/** A valid file of random type and shape, but for one thing now and then. */
const anyNpy: Mutation = (_, { random }) => {
  const type = random.pick(types);
  const shape = Array.from({ length: random.below(4) }, () => random.pick([0, 1, 2, 3, 5, 8]));
  const size = sizes[type.slice(2)] ?? 8;
  const count = shape.reduce((product, length) => product * length, 1);
  return npy(
    type,
    shape,
    random.bytes(Math.min(4096, count * size + (random.chance(0.1) ? 1 : 0))),
    random.chance(0.5),
  );
};

const headerMutation: Mutation = (bytes, mutating) => {
  if (bytes.length < 12) return undefined;
  const length = (bytes[8]! | (bytes[9]! << 8)) >>> 0;
  const header = mutated(bytes.subarray(10, 10 + length), textMutations, mutating);
  return framed(header, bytes.subarray(10 + length), mutating.random.pick([1, 1, 1, 2, 3]));
};

export const npyMutations: readonly Mutation[] = [anyNpy, headerMutation, headerMutation];
export const npyWords: readonly string[] = [...types, "True", "False", "descr", "shape", "fortran_order", "L", ", "];
