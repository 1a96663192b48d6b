import { expect, test } from "vitest";
import { random } from "../../random/random.js";
import type { Detection } from "./detections.js";
import { nonMaximumSuppression } from "./non-maximum-suppression.js";
import { intersectionOverUnion } from "./overlap.js";

const found = (x: number, score: number, label = 0): Detection => ({
  box: { x, y: 0, width: 10, height: 10 },
  label,
  score,
});

/** Crowded boxes of three classes whose scores are often tied. */
function drawn(seed: number, count: number): Detection[] {
  const draws = random(seed);
  return Array.from({ length: count }, () => ({
    box: { x: draws.integer(40), y: draws.integer(40), width: 5 + draws.integer(20), height: 5 + draws.integer(20) },
    label: draws.integer(3),
    score: draws.integer(12) / 12,
  }));
}

test("what is kept overlaps with nothing kept, and what goes does with one that is before it: only the greedy choice does", () => {
  for (const acrossClasses of [false, true]) {
    for (const overlap of [0, 0.3, 0.5, 1]) {
      const detections = drawn(5, 120);
      const kept = nonMaximumSuppression(detections, { overlap, acrossClasses });
      const isBefore = (a: Detection, b: Detection): boolean =>
        a.score > b.score || (a.score === b.score && detections.indexOf(a) < detections.indexOf(b));
      kept.slice(1).forEach((each, i) => {
        expect(isBefore(kept[i]!, each)).toBe(true);
      });
      const suppresses = (a: Detection, b: Detection): boolean =>
        a !== b && (acrossClasses || a.label === b.label) && intersectionOverUnion(a.box, b.box) > overlap;
      for (const each of detections) {
        const rivals = kept.filter((other) => suppresses(other, each));
        const place = JSON.stringify({ each, overlap, acrossClasses });
        if (kept.includes(each)) expect(rivals, place).toEqual([]);
        else
          expect(
            rivals.some((other) => isBefore(other, each)),
            place,
          ).toBe(true);
      }
      expect(kept.length).toBeGreaterThan(acrossClasses && overlap === 0 ? 3 : 10);
      expect(kept.length === detections.length).toBe(overlap === 1);
    }
  }
});

test("an overlap of exactly the threshold suppresses nothing, and what was suppressed suppresses nothing", () => {
  // 5 of 15 pixels are shared by neighbours, none by those after next.
  const row = [found(0, 0.9), found(5, 0.8), found(10, 0.7)];
  expect(nonMaximumSuppression(row, { overlap: 5 / 15 })).toEqual(row);
  expect(nonMaximumSuppression(row, { overlap: 0.33 })).toEqual([row[0], row[2]]);
});

test("of equal scores the earlier is kept; infinite ones have an order; more than asked for is left out", () => {
  const equal = [found(1, 0.5), found(0, 0.5), found(2, 0.5)];
  expect(nonMaximumSuppression(equal)).toEqual([equal[0]]);
  const far = [found(0, Number.NEGATIVE_INFINITY), found(50, 1), found(100, Number.POSITIVE_INFINITY), found(150, 2)];
  expect(nonMaximumSuppression(far)).toEqual([far[2], far[3], far[1], far[0]]);
  expect(nonMaximumSuppression(far, { most: 2 })).toEqual([far[2], far[3]]);
  expect(nonMaximumSuppression([])).toEqual([]);
});

test("what else a detection has stays with it, and the list is left as it is", () => {
  const detections = Object.freeze([found(50, 0.1), found(0, 0.9)].map((each, cell) => ({ ...each, cell })));
  expect(nonMaximumSuppression(detections).map(({ cell }) => cell)).toEqual([1, 0]);
});

test("detections and options that are none are refused", () => {
  const refused = (detections: readonly Detection[], options = {}) =>
    expect(() => nonMaximumSuppression(detections, options));
  refused([found(0, 1), found(0, Number.NaN)]).toThrow(
    /^ILT313 nonMaximumSuppression: detection 1 has score NaN\. Give a number/,
  );
  refused([found(Number.POSITIVE_INFINITY, 1)]).toThrow(/^ILT313 .*x Infinity/);
  refused([found(0, 1, -1)]).toThrow(/^ILT313 .*class -1\. Give a whole number from 0 on$/);
  refused([], { overlap: 1.5 }).toThrow(/^ILT201 .*overlap is 1.5/);
  refused([], { overlap: Number.NaN }).toThrow(/^ILT201 /);
  refused([], { most: 0 }).toThrow(/^ILT201 .*most is 0/);
});
