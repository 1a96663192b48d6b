import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitSeed, splits } from "../../tasks/task.js";
import { sinusoidOf, sinusoids } from "./sinusoid.js";

describe("sinusoids", () => {
  it("has Finn's protocol by default", () => {
    const { support, query } = sinusoids().sample(1, 0);
    for (const part of [support.x, support.y, query.x, query.y]) {
      expect(part.shape).toEqual([10, 1]);
      expect(part.dtype).toBe("float32");
      expect(part.data).toBeInstanceOf(Float32Array);
    }
    expect(sinusoids().description).toMatchObject({ shots: 10, queries: 10, amplitude: "0.1 to 5", x: "-5 to 5" });
    expect(sinusoids({ shots: 5 }).sample(1, 0).query.x.shape).toEqual([5, 1]);
    expect(sinusoids({ shots: 5, queries: 100 }).sample(1, 0).query.y.shape).toEqual([100, 1]);
    expect(sinusoids().spec.y.classes).toBeUndefined();
  });

  it("is pure: the same address gives the same bits, another gives others", () => {
    const source = sinusoids({ shots: 3 });
    const bits = (seed: number, index: number): string => {
      const { support, query } = source.sample(seed, index);
      return [support.x, support.y, query.x, query.y].map((part) => part.data!.join(" ")).join(" ");
    };
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(1e9), (seed, index) => {
        expect(bits(seed, index)).toBe(bits(seed, index));
        expect(bits(seed, index)).not.toBe(bits(seed, index + 1));
        expect(bits(seed, index)).not.toBe(bits(seed === 0 ? 1 : seed - 1, index));
      }),
    );
  });

  it("gives points of the curve that sinusoidOf names", () => {
    const options = { shots: 20, amplitude: [1, 2], phase: [-1, 1], x: [0, 3] } as const;
    for (let index = 0; index < 50; index++) {
      const { amplitude, phase } = sinusoidOf(4, index, options);
      expect(amplitude >= 1 && amplitude < 2 && phase >= -1 && phase < 1).toBe(true);
      const { support, query } = sinusoids(options).sample(4, index);
      for (const { x, y } of [support, query]) {
        for (let i = 0; i < 20; i++) {
          const input = Number(x.data![i]);
          expect(input >= 0 && input <= 3).toBe(true);
          expect(y.data![i]).toBe(Math.fround(amplitude * Math.sin(input - phase)));
        }
      }
    }
  });

  it("covers the family evenly", () => {
    const seed = splitSeed(1, "train");
    const n = 20_000;
    let amplitudes = 0;
    let phases = 0;
    for (let index = 0; index < n; index++) {
      const { amplitude, phase } = sinusoidOf(seed, index);
      amplitudes += amplitude / n;
      phases += phase / n;
    }
    // Five standard errors of the mean of a uniform distribution: 5 x width / sqrt(12 n).
    expect(Math.abs(amplitudes - 2.55), `seed ${seed}`).toBeLessThan((5 * 4.9) / Math.sqrt(12 * n));
    expect(Math.abs(phases - Math.PI / 2), `seed ${seed}`).toBeLessThan((5 * Math.PI) / Math.sqrt(12 * n));
  });

  it("refuses options that make no family", () => {
    expect(() => sinusoids({ shots: 0 })).toThrow(/ILT201 sinusoids: shots is 0\. Give a whole number of at least 1/);
    expect(() => sinusoids({ queries: 2.5 })).toThrow(/ILT201 sinusoids: queries is 2.5/);
    expect(() => sinusoids({ phase: [1, 0] })).toThrow(/ILT201 sinusoids: phase is \[1, 0\]/);
    expect(() => sinusoidOf(1, 0, { amplitude: [0, Number.NaN] })).toThrow(/ILT201 sinusoids: amplitude/);
    expect(() => sinusoids().sample(1, -1)).toThrow(/ILT101/);
  });
});

describe("splitSeed", () => {
  it("gives each split of each seed a safe seed of its own", () => {
    const seeds = [0, 1, 2, Number.MAX_SAFE_INTEGER].flatMap((seed) => splits.map((split) => splitSeed(seed, split)));
    expect(new Set(seeds).size).toBe(12);
    expect(seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)).toBe(true);
    expect(splitSeed(1, "test")).toBe(splitSeed(1, "test"));
  });
});
