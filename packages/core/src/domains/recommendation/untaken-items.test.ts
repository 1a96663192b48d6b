import { expect, it } from "vitest";
import { random } from "../../random/random.js";
import { drawUntaken, untakenCount, untakenText } from "./untaken-items.js";

const pool = Int32Array.from({ length: 60 }, (_, i) => 2 * i);
const takenOf = (count: number) => new Set(Array.from({ length: count }, (_, i) => 4 * i));

it("are different ones of the pool that were not taken, whatever share of it is wanted", () => {
  for (let seed = 0; seed < 100; seed++)
    for (const [count, wanted] of [
      [3, 5],
      [3, 50],
      [25, 10],
      [0, 1],
    ] as const) {
      const taken = takenOf(count);
      const drawn = drawUntaken(pool, taken, wanted, random(seed, count));
      expect(drawn).toEqual(drawUntaken(pool, taken, wanted, random(seed, count)));
      expect(drawn).toHaveLength(wanted);
      expect(new Set(drawn).size).toBe(wanted);
      expect(drawn.every((item) => pool.includes(item) && !taken.has(item))).toBe(true);
    }
});

it("are all that there are where no more are wanted, in their order, and none where all were taken", () => {
  const free = Array.from(pool).filter((item) => !takenOf(20).has(item));
  expect(drawUntaken(pool, takenOf(20), Number.POSITIVE_INFINITY, random(1))).toEqual(free);
  expect(drawUntaken(pool, takenOf(20), free.length + 7, random(1))).toEqual(free);
  expect(drawUntaken(pool, new Set(pool), 5, random(1))).toEqual([]);
});

it("are each as often drawn as any other", () => {
  for (const wanted of [4, 40]) {
    const times = new Map<number, number>();
    const draws = 3000;
    for (let seed = 0; seed < draws; seed++)
      for (const item of drawUntaken(pool, takenOf(5), wanted, random(seed, 9)))
        times.set(item, (times.get(item) ?? 0) + 1);
    const expected = (draws * wanted) / 55;
    expect(times.size).toBe(55);
    // Six standard deviations of a count.
    for (const count of times.values())
      expect(Math.abs(count - expected), `${wanted} wanted`).toBeLessThan(6 * Math.sqrt(expected));
  }
});

it("are so many for each query, so many for all, or all", () => {
  expect([untakenCount({ forEach: 4 }, 10), untakenText({ forEach: 4 })]).toEqual([40, "4 drawn for each"]);
  expect([untakenCount({ candidates: 99 }, 10), untakenText({ candidates: 99 })]).toEqual([99, "99 drawn"]);
  expect([untakenCount({ candidates: "all" }, 10), untakenText({ candidates: "all" })]).toEqual([
    Number.POSITIVE_INFINITY,
    "all",
  ]);
});
