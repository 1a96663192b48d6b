import { random } from "@innerloop/core";
import { describe, expect, it } from "vitest";
import { evidenceCandidates, informativeRows, popularItems } from "./preference-elicitation.js";

describe("popular items", () => {
  const counts = [3, 9, 0, 9, 1];

  it("are those of the most ratings, of equal ones the earlier, and none that nobody has rated", () => {
    expect(popularItems(counts, { count: 10, leftOut: new Set() })).toEqual([1, 3, 0, 4]);
    expect(popularItems(counts, { count: 2, leftOut: new Set([1]) })).toEqual([3, 0]);
  });
});

describe("evidence candidates", () => {
  // Mean steps 2, 4, 1, 4 over 10, 4, 8 and 2 ratings; of the last item there are none.
  const training = { steps: [20, 16, 8, 8, 0], counts: [10, 4, 8, 2, 0] };

  it("are those of the largest mean step times popularity, each a share of the largest", () => {
    // 0.5 * 1, 1 * 0.4, 0.25 * 0.8, 1 * 0.2: of equal ones the earlier.
    expect(evidenceCandidates(training, { count: 10, leftOut: new Set() })).toEqual([0, 1, 2, 3]);
    expect(evidenceCandidates(training, { count: 2, leftOut: new Set([0]) })).toEqual([1, 2]);
    const further = { ...training, steps: [20, 24, 8, 8, 0] };
    expect(evidenceCandidates(further, { count: 2, leftOut: new Set() })).toEqual([1, 0]);
  });

  it("are the popular ones where nothing moves the learner", () => {
    const still = { ...training, steps: [0, 0, 0, 0, 0] };
    expect(evidenceCandidates(still, { count: 10, leftOut: new Set() })).toEqual(
      popularItems(training.counts, { count: 10, leftOut: new Set() }),
    );
  });
});

describe("informative items", () => {
  const source = random(4, 1);
  const [rows, width] = [12, 3];
  const features = Float32Array.from({ length: rows * width }, () => source.normal());
  const all = new Array<number>(rows).fill(1);

  /** The determinant of a symmetric positive matrix, by elimination. */
  function determinant(matrix: readonly (readonly number[])[]): number {
    const m = matrix.map((row) => [...row]);
    let product = 1;
    for (let i = 0; i < m.length; i++) {
      product *= m[i]![i]!;
      for (let j = i + 1; j < m.length; j++) {
        const share = m[j]![i]! / m[i]![i]!;
        for (let k = i; k < m.length; k++) m[j]![k]! -= share * m[i]![k]!;
      }
    }
    return product;
  }

  /** The precision of level and taste after ratings of these rows: I + X'X of scaled features. */
  function precision(asked: readonly number[]): number[][] {
    const means = Array.from({ length: width }, (_, j) => {
      let sum = 0;
      for (let i = 0; i < rows; i++) sum += features[i * width + j]!;
      return sum / rows;
    });
    const centred = Array.from({ length: rows }, (_, i) => means.map((mean, j) => features[i * width + j]! - mean));
    const scale = Math.sqrt(rows / centred.flat().reduce((sum, value) => sum + value * value, 0));
    const x = centred.map((row) => [1, ...row.map((value) => value * scale)]);
    return Array.from({ length: width + 1 }, (_, a) =>
      Array.from({ length: width + 1 }, (_, b) =>
        asked.reduce((sum, row) => sum + x[row]![a]! * x[row]![b]!, Number(a === b)),
      ),
    );
  }

  it.each([{ known: [] }, { known: [5, 0] }])("each make the determinant largest, after $known", ({ known }) => {
    const chosen = informativeRows(features, { width, counts: all, known, count: 4 });
    expect(chosen).toHaveLength(4);
    const asked: number[] = [...known];
    for (const row of chosen) {
      const others = Array.from({ length: rows }, (_, i) => i).filter((i) => !asked.includes(i));
      const best = others.toSorted(
        (a, b) => determinant(precision([...asked, b])) - determinant(precision([...asked, a])),
      )[0];
      expect(row).toBe(best);
      asked.push(row);
    }
  });

  it("are not asked about where they say the same, and where nobody knows them", () => {
    // The first two are the same; the third is another, which fewer know; the fourth nobody does.
    const few = Float32Array.from([1, 1, -1, -1]);
    const setting = { width: 1, counts: [10, 9, 8, 0], known: [] };
    const [first, second, ...rest] = informativeRows(few, { ...setting, count: 4 });
    expect(first).toBe(0);
    expect(second).toBe(2);
    expect(rest).toEqual([1]);
  });
});
