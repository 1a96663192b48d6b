import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { key, philox4x32, type Random, random, randomOf, split } from "./random.js";

/** Mean and variance of n draws. */
function moments(draw: () => number, n: number): { mean: number; variance: number } {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < n; i++) {
    const value = draw();
    sum += value;
    squares += value * value;
  }
  return { mean: sum / n, variance: squares / n - (sum / n) ** 2 };
}

/** Pearson's statistic of counts that should be equal, as deviations of its normal approximation. */
function excess(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b) / counts.length;
  const chi = counts.reduce((total, count) => total + (count - expected) ** 2 / expected, 0);
  return (chi - (counts.length - 1)) / Math.sqrt(2 * (counts.length - 1));
}

const first = (source: Random, n = 8): number[] => Array.from({ length: n }, () => source.word());

describe("philox4x32", () => {
  // kat_vectors of Random123, the authors' own library.
  const ones = 0xffffffff;
  const vectors = [
    { counter: [0, 0, 0, 0], key: [0, 0], output: "6627e8d5 e169c58d bc57ac4c 9b00dbd8" },
    { counter: [ones, ones, ones, ones], key: [ones, ones], output: "408f276d 41c83b0e a20bc7c6 6d5451fd" },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      output: "d16cfe09 94fdcceb 5001e420 24126ea1",
    },
  ] as const;
  it.each(vectors)("gives the published words: $output", ({ counter, key, output }) => {
    const out = new Uint32Array(4);
    philox4x32(counter, key, out);
    expect([...out].map((word) => word.toString(16).padStart(8, "0")).join(" ")).toBe(output);
  });
});

describe("addresses", () => {
  it("give the same bits again, whatever was drawn in between", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.array(fc.maxSafeNat(), { maxLength: 5 }), (seed, counters) => {
        const before = first(random(seed, ...counters));
        random(seed, 1).normal();
        expect(first(random(seed, ...counters))).toEqual(before);
      }),
    );
  });

  it("give other bits at any other seed, counter, order or length", () => {
    const big = Number.MAX_SAFE_INTEGER;
    const addresses: number[][] = [];
    const values = [0, 1, 2, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, big - 1, big];
    for (const a of values) {
      addresses.push([a]);
      for (const b of values) {
        addresses.push([a, b], [a, b, 0]);
        for (const c of values.slice(1)) addresses.push([a, b, c]);
      }
    }
    const seen = new Set(addresses.map(([seed, ...counters]) => first(random(seed!, ...counters), 4).join(" ")));
    expect(seen.size).toBe(addresses.length);
  });

  it("are uncorrelated between neighbours", () => {
    const seed = 11;
    const n = 200_000;
    let product = 0;
    for (let i = 0; i < n; i++)
      product += (random(seed, i).uniform() - 0.5) * (random(seed, i + 1).uniform() - 0.5) * 12;
    expect(Math.abs(product / n) * Math.sqrt(n), `seed ${seed}`).toBeLessThan(4.5);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("refuse %s", (bad) => {
    expect(() => random(bad)).toThrow(/ILT101 random: seed is .*non-negative integer/);
    expect(() => random(1, 2, bad)).toThrow(/ILT101 random: counter 1 is/);
    expect(() => key(bad)).toThrow(/ILT101/);
  });
});

describe("distributions", () => {
  const n = 400_000;
  const seed = 7;

  it("uniform fills [low, high) evenly", () => {
    const source = random(seed, 1);
    const counts = new Array<number>(1000).fill(0);
    const { mean, variance } = moments(() => {
      const u = source.uniform();
      const bin = Math.floor(u * 1000);
      counts[bin]!++;
      return u;
    }, n);
    expect(counts).toHaveLength(1000);
    expect(Math.abs(excess(counts)), `seed ${seed}`).toBeLessThan(5);
    expect(Math.abs(mean - 0.5) * Math.sqrt(12 * n), `seed ${seed}`).toBeLessThan(5);
    expect(variance, `seed ${seed}`).toBeCloseTo(1 / 12, 3);
  });

  it("uniform stays below high, even where rounding reaches it", () => {
    const source = random(seed, 2);
    const next = 1 + Number.EPSILON;
    for (let i = 0; i < 1000; i++) {
      expect(source.uniform(1, next)).toBe(1);
      const value = source.uniform(-3, 5);
      expect(value >= -3 && value < 5).toBe(true);
    }
    expect(source.uniform(2, 2)).toBe(2);
  });

  it("normal has the mean, deviation, symmetry and tails it should", () => {
    const source = random(seed, 3);
    const values = Array.from({ length: n }, () => source.normal(2, 3));
    const z = values.map((value) => (value - 2) / 3);
    const average = (f: (z: number) => number): number => z.reduce((total, value) => total + f(value), 0) / n;
    const root = Math.sqrt(n);
    expect(Math.abs(average((v) => v)) * root, `seed ${seed}`).toBeLessThan(5);
    expect((Math.abs(average((v) => v * v) - 1) * root) / Math.sqrt(2), `seed ${seed}`).toBeLessThan(5);
    expect((Math.abs(average((v) => v ** 3)) * root) / Math.sqrt(15), `seed ${seed}`).toBeLessThan(5);
    expect((Math.abs(average((v) => v ** 4) - 3) * root) / Math.sqrt(96), `seed ${seed}`).toBeLessThan(5);
    const within = average((v) => (Math.abs(v) < 1 ? 1 : 0));
    expect(Math.abs(within - 0.6826895) * root * 2, `seed ${seed}`).toBeLessThan(5);
    // Neighbours share a radius; they must still be independent.
    let pairs = 0;
    for (let i = 0; i < n; i += 2) pairs += z[i]! * z[i + 1]!;
    expect(Math.abs(pairs) / Math.sqrt(n / 2), `seed ${seed}`).toBeLessThan(5);
  });

  it("truncatedNormal is cut at two deviations", () => {
    const source = random(seed, 4);
    let largest = 0;
    const { mean, variance } = moments(() => {
      const value = source.truncatedNormal(0.01);
      largest = Math.max(largest, Math.abs(value));
      return value;
    }, n);
    expect(largest).toBeLessThanOrEqual(0.02);
    expect(largest).toBeGreaterThan(0.0199);
    expect(Math.abs(mean) * Math.sqrt(n), `seed ${seed}`).toBeLessThan(0.05);
    expect(Math.sqrt(variance), `seed ${seed}`).toBeCloseTo(0.008796, 4);
  });

  it("integer is unbiased, also where plain remainders are not", () => {
    const dice = new Array<number>(6).fill(0);
    const source = random(seed, 5);
    for (let i = 0; i < n; i++) dice[source.integer(6)]!++;
    expect(Math.abs(excess(dice)), `seed ${seed}`).toBeLessThan(5);
    // Of 3 x 2^30, the remainder of 32 bits falls in the lowest third twice as often as it should.
    for (const range of [3 * 2 ** 30, 3 * 2 ** 51]) {
      const thirds = [0, 0, 0];
      for (let i = 0; i < 60_000; i++) thirds[Math.floor((source.integer(range) / range) * 3)]!++;
      expect(Math.abs(excess(thirds)), `seed ${seed}, n ${range}`).toBeLessThan(5);
    }
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 54])("integer refuses %s", (bad) => {
    expect(() => random(1).integer(bad)).toThrow(/ILT102 integer: n is .*from 1 to 2\^53/);
  });
});

describe("choices", () => {
  it("shuffle keeps the elements, in place, and makes each order equally often", () => {
    const seed = 21;
    const source = random(seed);
    const orders = new Map<string, number>();
    for (let i = 0; i < 48_000; i++) {
      const array = ["a", "b", "c", "d"];
      expect(source.shuffle(array)).toBe(array);
      orders.set(array.join(""), (orders.get(array.join("")) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    expect(Math.abs(excess([...orders.values()])), `seed ${seed}`).toBeLessThan(5);
  });

  it("choose gives k distinct of n", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(200), fc.nat(200), (seed, a, b) => {
        const [k, n] = [Math.min(a, b), Math.max(a, b)];
        const chosen = random(seed).choose(n, k);
        expect(chosen).toHaveLength(k);
        expect(new Set(chosen).size).toBe(k);
        expect(chosen.every((i) => Number.isInteger(i) && i >= 0 && i < n)).toBe(true);
      }),
    );
  });

  it.each([
    [5, 2],
    [5, 4],
    [3, 3],
    [60, 2],
  ])("choose(%i, k) with k = %i makes each ordered choice equally often", (n, k) => {
    const seed = 22;
    const source = random(seed, n, k);
    let possible = 1;
    for (let i = 0; i < k; i++) possible *= n - i;
    const counts = new Map<string, number>();
    for (let i = 0; i < possible * 50; i++) {
      const chosen = source.choose(n, k).join(" ");
      counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
    }
    expect(counts.size).toBe(possible);
    expect(Math.abs(excess([...counts.values()])), `seed ${seed}`).toBeLessThan(5);
  });

  it("choose takes a few of very many, and many of more", () => {
    const few = random(3).choose(Number.MAX_SAFE_INTEGER, 30);
    expect(new Set(few).size).toBe(30);
    expect(Math.max(...few)).toBeGreaterThan(2 ** 50);
    expect(new Set(random(3).choose(10_000, 4_000)).size).toBe(4_000);
  });

  it.each([
    [3, 4],
    [3, -1],
    [2.5, 1],
    [3, 1.5],
  ])("choose refuses %d and %d", (n, k) => {
    expect(() => random(1).choose(n, k)).toThrow(/ILT102 choose/);
  });
});

describe("keys", () => {
  it("name a stream by seed and path, and by nothing else", () => {
    const weights = (seed: number): number[] => first(randomOf(split(split(key(seed), "layer1"), "weight")));
    expect(weights(5)).toEqual(weights(5));
    expect(weights(5)).not.toEqual(weights(6));
    expect(JSON.parse(JSON.stringify(split(key(5), "layer1")))).toEqual({ seed: 5, path: "/layer1" });
  });

  it("differ for different paths, and from counters", () => {
    const root = key(0);
    const keys = [
      root,
      split(root, ""),
      split(root, "\0"),
      split(root, "a"),
      split(root, "a\0"),
      split(root, "a/b"),
      split(split(root, "a"), "b"),
      split(root, "a~1b"),
      split(root, "b"),
      split(root, "layer10"),
      split(root, "layer01"),
      split(root, "日本"),
    ];
    const streams = [...keys.map((one) => randomOf(one)), random(0), random(0, 0), random(0, 1), random(0, 0, 0)];
    expect(new Set(streams.map((stream) => first(stream).join(" "))).size).toBe(streams.length);
  });
});
