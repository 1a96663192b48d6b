/** Numbers of names, the same on every machine: what is held out is decided by them. */
import { md5 } from "@noble/hashes/legacy.js";

/**
 * @internal The first 8 hexadecimal digits of MD5(name), UTF-8, as a number below 2^32. Equal for a name wherever it is read, and
 * as good as drawn at random.
 */
export function nameHash(name: string): number {
  const [a, b, c, d] = md5(new TextEncoder().encode(name)) as unknown as readonly [number, number, number, number];
  return a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
}
