import { expect, it } from "vitest";
import { someAtOnce } from "./long-work.js";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("works on a few items at once, and on each of them", async () => {
  let [now, most] = [0, 0];
  const seen: string[] = [];
  await someAtOnce([..."abcdefg"], 3, async (item, place) => {
    most = Math.max(most, ++now);
    await nextTurn();
    now--;
    seen[place] = item;
  });
  expect(seen.join("")).toBe("abcdefg");
  expect(most).toBe(3);
  await someAtOnce([], 3, () => Promise.reject(new Error("of nothing")));
});

it("begins nothing more once one has failed, and ends when those begun have ended", async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const work = async (item: number): Promise<void> => {
    begun.push(item);
    await nextTurn();
    if (item === 1) throw new Error("the second");
    await nextTurn();
    ended.push(item);
  };
  await expect(someAtOnce([0, 1, 2, 3, 4, 5, 6], 3, work)).rejects.toThrow("the second");
  expect(begun).toEqual([0, 1, 2]);
  expect(ended).toEqual([0, 2]);
});
