/**
 * Random numbers that are addressed, not drawn: `random(seed, ...counters)` is a pure function of its arguments, so any
 * worker can make the numbers of task 7,431 without making those of the 7,430 tasks before it.
 *
 * The generator is Philox 4x32-10, a keyed bijection of 128-bit counters (Salmon, Moraes, Dror and Shaw 2011, "Parallel
 * random numbers: as easy as 1, 2, 3"). Integers and uniforms are the same bits on every machine. Normals go through
 * Math.log, cos and sin, which are the same bits in every V8 (Node, Chromium) and may differ in the last bit elsewhere.
 */

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

const twoTo21 = 2 ** 21;
const twoTo32 = 2 ** 32;
const twoTo53 = 2 ** 53;
const twoToMinus53 = 2 ** -53;

/** The upper half of the 64-bit product of two unsigned 32-bit integers, as a signed 32-bit integer. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // Neither sum reaches 2^32: (2^16 - 1)^2 + 2^16 - 1 < 2^32.
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) >>> 0;
  const cross = ((middle & 0xffff) + Math.imul(aLow, bHigh)) >>> 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}

/**
 * Philox 4x32-10: writes the four output words of a 4-word counter under a 2-word key to `out`.
 *
 * One round maps (c0, c1, c2, c3) to (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0)), after which the
 * key words advance by the Weyl constants; there are ten rounds. Words are taken modulo 2^32.
 */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
  out: Uint32Array,
): void {
  philox(counter[0], counter[1], counter[2], counter[3], key[0], key[1], out);
}

/** `philox4x32` without the tuples: this is the hot loop. */
function philox(
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key0: number,
  key1: number,
  out: Uint32Array,
): void {
  let c0 = counter0 | 0;
  let c1 = counter1 | 0;
  let c2 = counter2 | 0;
  let c3 = counter3 | 0;
  let k0 = key0 | 0;
  let k1 = key1 | 0;
  for (let round = 0; round < 10; round++) {
    const next0 = multiplyHigh(multiplier1, c2) ^ c1 ^ k0;
    const next2 = multiplyHigh(multiplier0, c0) ^ c3 ^ k1;
    c1 = Math.imul(multiplier1, c2);
    c3 = Math.imul(multiplier0, c0);
    c0 = next0;
    c2 = next2;
    k0 = (k0 + weyl0) | 0;
    k1 = (k1 + weyl1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** Streams of parameter keys and streams of counters never share an address. */
const counterDomain = 0;
const pathDomain = 1;

/**
 * A stream of random numbers, made by `random` or `randomOf`. Two streams of the same address give the same numbers;
 * streams of different addresses are independent. The state is the position in the stream, so a `Random` belongs to
 * the one function that made it: pass addresses around, not generators.
 */
export class Random {
  private readonly words = new Uint32Array(4);
  /** Words of the block that were handed out; 4 asks for the next block. */
  private used = 4;
  private block = 0;
  private readonly key0: number;
  private readonly key1: number;
  private readonly stream0: number;
  private readonly stream1: number;
  private spareNormal: number | undefined;

  /** @internal Use `random` or `randomOf`. */
  constructor(domain: number, seed: number, counters: readonly number[]) {
    // Absorb the address: each counter is enciphered, with its position, under a key that the counters before it made.
    // The 128 bits at the end name the stream: 64 are its key, 64 the upper half of its counter.
    const state = this.words;
    philox(counters.length, domain, 0, 0, low(checked(seed, "seed")), high(seed), state);
    for (let i = 0; i < counters.length; i++) {
      const counter = checked(counters[i]!, `counter ${i}`);
      philox(low(counter) ^ state[2]!, high(counter) ^ state[3]!, i + 1, domain, state[0]!, state[1]!, state);
    }
    this.key0 = state[0]!;
    this.key1 = state[1]!;
    this.stream0 = state[2]!;
    this.stream1 = state[3]!;
  }

  /** The next 32 random bits, an integer in [0, 2^32). */
  word(): number {
    if (this.used === 4) {
      const block = this.block++;
      philox(block, block / twoTo32, this.stream0, this.stream1, this.key0, this.key1, this.words);
      this.used = 0;
    }
    return this.words[this.used++]!;
  }

  /**
   * A number in [low, high): low + (high - low) u, where u is a multiple of 2^-53 in [0, 1). Where rounding would give
   * `high` itself, `low` is returned.
   */
  uniform(low = 0, high = 1): number {
    const value = low + (high - low) * (this.bits53() * twoToMinus53);
    return value < high ? value : low;
  }

  /**
   * A number from the normal distribution of this mean and standard deviation.
   *
   * Box and Muller (1958): sqrt(-2 ln u) cos(2 pi v) and sqrt(-2 ln u) sin(2 pi v) are two independent ones. The second
   * is kept for the next call.
   */
  normal(mean = 0, deviation = 1): number {
    let value = this.spareNormal;
    if (value === undefined) {
      const radius = Math.sqrt(-2 * Math.log((this.bits53() + 1) / twoTo53));
      const angle = 2 * Math.PI * this.uniform();
      value = radius * Math.cos(angle);
      this.spareNormal = radius * Math.sin(angle);
    } else {
      this.spareNormal = undefined;
    }
    return mean + deviation * value;
  }

  /**
   * A number from the normal distribution of mean 0, cut at two deviations: values beyond are drawn again. As
   * TensorFlow's `truncated_normal`, which the reference MAML starts from. `deviation` is that of the uncut
   * distribution; the result's own is 0.8796 times it.
   */
  truncatedNormal(deviation = 1): number {
    let value = this.normal();
    while (Math.abs(value) > 2) value = this.normal();
    return deviation * value;
  }

  /**
   * An integer in [0, n), each equally likely: draws that fall in the incomplete last stretch of n are drawn again.
   *
   * @throws RangeError ILT102 unless n is an integer from 1 to 2^53
   */
  integer(n: number): number {
    if (!(Number.isInteger(n) && n >= 1 && n <= twoTo53)) {
      throw new RangeError(`ILT102 integer: n is ${n}. Give an integer from 1 to 2^53: the result is in [0, n)`);
    }
    if (n <= twoTo32) {
      const limit = twoTo32 - (twoTo32 % n);
      let bits = this.word();
      while (bits >= limit) bits = this.word();
      return bits % n;
    }
    const limit = twoTo53 - (twoTo53 % n);
    let bits = this.bits53();
    while (bits >= limit) bits = this.bits53();
    return bits % n;
  }

  /** The same array, its elements in random order (Fisher and Yates); each order is equally likely. */
  shuffle<T>(array: T[]): T[] {
    for (let i = array.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const swapped = array[i]!;
      array[i] = array[j]!;
      array[j] = swapped;
    }
    return array;
  }

  /**
   * k distinct integers of [0, n) in random order; each ordered choice is equally likely. Takes memory for k of them,
   * not n, unless k is more than n / 2.
   *
   * @throws RangeError ILT102 unless n and k are integers with 0 <= k <= n
   */
  choose(n: number, k: number): number[] {
    if (!(Number.isSafeInteger(n) && Number.isSafeInteger(k) && k >= 0 && k <= n)) {
      throw new RangeError(`ILT102 choose: ${k} distinct of ${n}. Give integers with 0 <= k <= n`);
    }
    if (2 * k > n) {
      const all = Array.from({ length: n }, (_, i) => i);
      for (let i = 0; i < k; i++) {
        const j = i + this.integer(n - i);
        const taken = all[j]!;
        all[j] = all[i]!;
        all[i] = taken;
      }
      all.length = k;
      return all;
    }
    // At most half are taken, so that a draw is new at least every second time.
    const chosen: number[] = [];
    const seen = k > 24 ? new Set<number>() : undefined;
    while (chosen.length < k) {
      const candidate = this.integer(n);
      if (seen ? seen.has(candidate) : chosen.includes(candidate)) continue;
      seen?.add(candidate);
      chosen.push(candidate);
    }
    return chosen;
  }

  /** An integer in [0, 2^53). */
  private bits53(): number {
    const upper = this.word() >>> 11;
    return upper * twoTo32 + this.word();
  }
}

/**
 * The stream of random numbers at an address: the same numbers for the same seed and counters, independent ones for
 * any other, including a longer or shorter list of counters.
 *
 * @param seed a non-negative integer up to 2^53 - 1
 * @param counters what the stream is for, such as the index of a task; integers as the seed, any number of them
 * @throws RangeError ILT101 where the seed or a counter is anything else
 * @example random(1, 7431).uniform(-5, 5)
 */
export function random(seed: number, ...counters: number[]): Random {
  return new Random(counterDomain, seed, counters);
}

/** The source of one parameter's randomness: the run's seed and the parameter's path. Plain data. */
export interface Key {
  readonly seed: number;
  /** Names from the root, each after a slash; empty at the root. */
  readonly path: string;
  /** Asked before so many numbers are drawn for a parameter: throws where they would be more than there may be. */
  readonly allow?: (numbers: number) => void;
  /** Set where names, shapes and roles of parameters are wanted, and their values are of no use: nothing is drawn. */
  readonly structureOnly?: true;
}

/** A key for the structure of parameters alone: initializers draw nothing, all that they make is 0. */
export const structureKey: Key = { seed: 0, path: "", structureOnly: true };

/**
 * The root key of a seed.
 *
 * @throws RangeError ILT101 unless the seed is a non-negative integer up to 2^53 - 1
 */
export function key(seed: number): Key {
  return { seed: checked(seed, "seed"), path: "" };
}

/**
 * A root key for parameters of at most so many numbers in all. More are refused before any of them are drawn, or have
 * memory.
 *
 * @param refusal what is thrown then, told how many numbers were asked for so far
 */
export function boundedKey(seed: number, most: number, refusal: (asked: number) => Error): Key {
  let asked = 0;
  const allow = (numbers: number): void => {
    asked += numbers;
    if (!(asked <= most)) throw refusal(asked);
  };
  return { ...key(seed), allow };
}

/**
 * The key of a named part. A layer that is added or removed elsewhere changes no other layer's numbers, which with
 * keys split by position it would.
 *
 * Slashes and tildes within a name are escaped as in JSON Pointer, so that different names never meet in one path.
 */
export function split(key: Key, name: string): Key {
  return { ...key, path: `${key.path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}` };
}

/** The stream of random numbers of a key: the same for an equal seed and path, independent for any other. */
export function randomOf(key: Key): Random {
  // Three UTF-16 units fit one counter; the length tells a short last group from one padded with zeros.
  const { path } = key;
  const counters = [path.length];
  for (let i = 0; i < path.length; i += 3) {
    let group = 0;
    for (let j = i; j < i + 3; j++) group = group * 0x10000 + (j < path.length ? path.charCodeAt(j) : 0);
    counters.push(group);
  }
  return new Random(pathDomain, key.seed, counters);
}

function low(value: number): number {
  return (value % twoTo32) | 0;
}

function high(value: number): number {
  return (value / twoTo32) & (twoTo21 - 1);
}

function checked(value: number, role: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`ILT101 random: ${role} is ${value}. Give a non-negative integer up to 2^53 - 1`);
}
