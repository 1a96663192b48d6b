import { expect, test } from "vitest";
import { random } from "../../random/random.js";
import type { Box } from "./marked-pictures.js";
import { boxArea, intersectionOverUnion, overlapWithCrowd, sharedArea } from "./overlap.js";

const box = (x: number, y: number, width: number, height: number): Box => ({ x, y, width, height });

test("boxes of whole pixels overlap by the pixels that they share", () => {
  const draws = random(3);
  const side = 12;
  const drawn = (): Box => {
    const [x, y] = [draws.integer(side), draws.integer(side)];
    return box(x, y, draws.integer(side - x + 1), draws.integer(side - y + 1));
  };
  const pixels = ({ x, y, width, height }: Box): Set<number> =>
    new Set(
      Array.from({ length: side * side }, (_, i) => i).filter((i) => {
        const [column, row] = [i % side, Math.floor(i / side)];
        return column >= x && column < x + width && row >= y && row < y + height;
      }),
    );
  let overlapping = 0;
  for (let i = 0; i < 500; i++) {
    const [a, b] = [drawn(), drawn()];
    const [ofA, ofB] = [pixels(a), pixels(b)];
    const shared = [...ofA].filter((pixel) => ofB.has(pixel)).length;
    const union = new Set([...ofA, ...ofB]).size;
    const place = JSON.stringify([a, b]);
    expect(boxArea(a), place).toBe(ofA.size);
    expect(sharedArea(a, b), place).toBe(shared);
    expect(intersectionOverUnion(a, b), place).toBe(shared === 0 ? 0 : shared / union);
    expect(intersectionOverUnion(b, a), place).toBe(intersectionOverUnion(a, b));
    expect(overlapWithCrowd(a, b), place).toBe(shared === 0 ? 0 : shared / ofA.size);
    if (shared > 0) overlapping++;
  }
  expect(overlapping).toBeGreaterThan(50);
});

test("boxes that touch, at a side or a corner, and boxes without area overlap by 0", () => {
  const a = box(0, 0, 2, 2);
  for (const b of [box(2, 0, 2, 2), box(0, 2, 2, 2), box(2, 2, 1, 1), box(1, 1, 0, 1), box(0, 0, 0, 0)]) {
    expect([sharedArea(a, b), intersectionOverUnion(a, b), overlapWithCrowd(a, b), overlapWithCrowd(b, a)]).toEqual([
      0, 0, 0, 0,
    ]);
  }
  expect(intersectionOverUnion(box(1, 1, 0, 0), box(1, 1, 0, 0))).toBe(0);
});
