/** Numbers of 16 bits, as other programs write weights, in float32: each is one of those exactly. */

/** Types of 16 bits: IEEE 754 binary16, and the upper half of a float32. */
export type HalfType = "float16" | "bfloat16";

/** IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
export function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** Little-endian numbers of 16 bits, two bytes each. */
export function halfFloats(bytes: Uint8Array, type: HalfType): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(bytes.length / 2);
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < values.length; i++) {
    const bits = view.getUint16(2 * i, true);
    if (type === "bfloat16") words[i] = bits * 2 ** 16;
    else values[i] = halfFloat(bits);
  }
  return values;
}
